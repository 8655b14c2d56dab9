//! The rules of passwords after activation: forgotten, reset, changed; and of the end of an account.

mod deletions;
mod forgotten;
mod life;
mod scripts;

use auth_core::{ChangePassword, DeleteAccount, ForgotPassword, ResetPassword};

use crate::script::{Script, scripts};
use deletions as d;
use forgotten as f;
use scripts as s;
pub(crate) use scripts::{farewell, finds_session, limited, session, token};

pub(crate) fn forgotten() -> Vec<Script<ForgotPassword>> {
    scripts![
        f::asked_for(),
        f::asked_in_vain(),
        f::asked_again(),
        f::asked_after_a_change(),
        f::asking_limited(),
        f::asking_disclosed(),
    ]
}

pub(crate) fn resets() -> Vec<Script<ResetPassword>> {
    scripts![
        s::reset(),
        s::reset_refused(),
        s::reset_overtaken(),
        s::reset_lost(),
        s::weak_reset(),
        s::reset_limited(),
        s::reset_contended(),
    ]
}

pub(crate) fn changes() -> Vec<Script<ChangePassword>> {
    scripts![
        s::changed(),
        s::changed_without_session(),
        s::change_overtaken(),
        s::weak_change(),
        s::change_refused(),
        s::change_not_proven(),
        s::change_limited(),
        s::nothing_to_change(),
    ]
}

pub(crate) fn deletions() -> Vec<Script<DeleteAccount>> {
    scripts![d::deleted(), d::deletion_lost(), d::deletion_overtaken(), d::deletion_not_fresh()]
}

#[test]
fn every_script_plays() {
    forgotten().iter().for_each(Script::play);
    resets().iter().for_each(Script::play);
    changes().iter().for_each(Script::play);
    deletions().iter().for_each(Script::play);
}
