//! Owns the list of all scripts, for tests that hold for every one of them.

use std::fmt::Debug;

use crate::{activate, deliver, register, resend, script::Script, wire::Wired};

/// Looks at scripts of any flow.
pub(crate) trait Visitor {
    fn visit<F: Wired>(&mut self, script: &Script<F>)
    where
        F::Outcome: Clone + Debug + PartialEq;
}

/// Shows every script of every flow.
pub(crate) fn visit_all(visitor: &mut impl Visitor) {
    register::scripts().iter().for_each(|script| visitor.visit(script));
    resend::scripts().iter().for_each(|script| visitor.visit(script));
    activate::scripts().iter().for_each(|script| visitor.visit(script));
    deliver::scripts().iter().for_each(|script| visitor.visit(script));
}
