//! The rules of sessions: what opens one, how long it counts, what ends it.

mod life;
mod logins;
mod scripts;

use auth_core::{Authenticate, Confirm, Login, Logout, LogoutEverywhere};

use crate::script::{Script, scripts};
use logins as l;
use scripts as s;
pub(crate) use scripts::{
    WHOLE, blocked, counts, gives_back, id, of_account, of_address, of_changes, of_moves, row, script,
    session,
};

pub(crate) fn logins() -> Vec<Script<Login>> {
    scripts![
        l::right_password(),
        l::known_device(),
        l::foreign_device(),
        l::earlier_parameters(),
        l::earlier_function(),
        l::try_not_given_back(),
        l::not_hashed(),
        l::opened_twice(),
        l::opened_too_late(),
        l::logins_refused(),
        l::login_limited(),
        l::too_many_guesses(),
        l::logins_disclosed(),
    ]
}

pub(crate) fn authentications() -> Vec<Script<Authenticate>> {
    scripts![s::recognised(), s::seen_again(), s::no_sessions()]
}

pub(crate) fn confirmations() -> Vec<Script<Confirm>> {
    scripts![
        s::confirmed(),
        s::confirmed_twice(),
        s::not_confirmed(),
        s::confirmed_too_late(),
        s::wrong_password(),
        s::nothing_to_confirm(),
        s::confirmation_limited(),
        s::too_many_confirmations(),
    ]
}

pub(crate) fn logouts() -> Vec<Script<Logout>> {
    scripts![s::logged_out()]
}

pub(crate) fn logouts_everywhere() -> Vec<Script<LogoutEverywhere>> {
    scripts![
        s::everywhere(),
        s::everywhere_overtaken(),
        s::everywhere_lost(),
        s::everywhere_not_fresh(),
        s::too_many_changes(),
        s::nobody_to_log_out(),
        s::everywhere_contended(),
    ]
}

#[test]
fn every_script_plays() {
    logins().iter().for_each(Script::play);
    authentications().iter().for_each(Script::play);
    confirmations().iter().for_each(Script::play);
    logouts().iter().for_each(Script::play);
    logouts_everywhere().iter().for_each(Script::play);
}
