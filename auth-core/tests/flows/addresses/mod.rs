//! The rules of a change of address: who may ask for it, what proves it, and what it ends.

mod life;
mod scripts;

use auth_core::{ChangeAddress, ConfirmAddress, Deliver};

use crate::script::{Script, scripts};
use scripts as s;

pub(crate) fn asked() -> Vec<Script<ChangeAddress>> {
    scripts![
        s::asked_for(),
        s::asked_again(),
        s::respelled(),
        s::too_many_mails(),
        s::asked_overtaken(),
        s::asked_lost(),
        s::not_asked(),
        s::asking_limited(),
        s::asking_contended(),
        s::asking_disclosed(),
    ]
}

pub(crate) fn confirmed() -> Vec<Script<ConfirmAddress>> {
    scripts![
        s::moved(),
        s::moved_without_session(),
        s::refused(),
        s::refused_late(),
        s::move_overtaken(),
        s::move_lost(),
        s::nobody_moves(),
        s::move_limited(),
        s::move_contended(),
    ]
}

pub(crate) fn delivered() -> Vec<Script<Deliver>> {
    scripts![s::code_sent(), s::code_for_nobody()]
}

#[test]
fn every_script_plays() {
    asked().iter().for_each(Script::play);
    confirmed().iter().for_each(Script::play);
    delivered().iter().for_each(Script::play);
}
