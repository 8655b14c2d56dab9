//! The rules of a change of address: who may ask for it, what proves it, and what it ends.

mod asking;
mod life;
mod scripts;

use auth_core::{ChangeAddress, ConfirmAddress, Deliver};

use crate::script::{Script, scripts};
use asking as a;
use scripts as s;

pub(crate) fn asked() -> Vec<Script<ChangeAddress>> {
    scripts![
        a::asked_for(),
        a::asked_again(),
        a::respelled(),
        a::too_many_mails(),
        a::asked_overtaken(),
        a::asked_lost(),
        a::not_asked(),
        a::asking_limited(),
        a::asking_contended(),
        a::asking_disclosed(),
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
