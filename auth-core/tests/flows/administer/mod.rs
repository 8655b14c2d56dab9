//! What an operator does with an account: whatever its state, whoever changes it meanwhile.

mod imports;
mod life;
mod scripts;

use auth_core::{Administer, Import};

use crate::script::{Script, scripts};
use imports as i;
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

pub(crate) fn imports() -> Vec<Script<Import>> {
    scripts![
        i::taken_in(),
        i::of_every_function(),
        i::kept(),
        i::too_costly(),
        i::overtaken(),
        i::lost(),
        i::contended(),
    ]
}

#[test]
fn every_script_plays() {
    all().iter().for_each(Script::play);
    imports().iter().for_each(Script::play);
}
