//! What an operator does with an account: whatever its state, whoever changes it meanwhile.

mod life;
mod scripts;

use auth_core::Administer;

use crate::script::{Script, scripts};
use scripts as s;

pub(crate) fn all() -> Vec<Script<Administer>> {
    scripts![
        s::acted(),
        s::repeated(),
        s::refused(),
        s::deleted_unproven(),
        s::asked_for_a_mail_again(),
        s::overtaken(),
        s::lost(),
        s::deletion_lost(),
        s::contended(),
    ]
}

#[test]
fn every_script_plays() {
    all().iter().for_each(Script::play);
}
