//! Every flow with its scripts, for tests that apply to all of them.

use std::fmt::Debug;

use auth_core::{
    Activate, Administer, Authenticate, ChangeAddress, ChangePassword, Confirm, ConfirmAddress,
    DeleteAccount, Deliver, Flow, ForgotPassword, Import, Login, Logout, LogoutEverywhere, Register, Resend,
    ResetPassword,
    wire::{Input, Output},
};

use crate::{
    activate, addresses, administer, deliver, passwords, register, resend, script::Script, sessions,
};

/// A flow with what it is on the wire.
pub(crate) trait Wired: Flow {
    fn input(self) -> Input;
    fn output(outcome: Self::Outcome) -> Output;
}

/// A visitor of scripts of any flow.
pub(crate) trait Visitor {
    fn visit<F: Wired>(&mut self, script: &Script<F>)
    where
        F::Outcome: Clone + Debug + PartialEq;
}

macro_rules! flows {
    ($($flow:ident: $scripts:expr,)+) => {
        $(impl Wired for $flow {
            fn input(self) -> Input { Input::$flow(self) }
            fn output(outcome: Self::Outcome) -> Output { Output::$flow(outcome) }
        })+

        /// All flows: type and name.
        pub(crate) const FLOWS: &[(&str, &str)] = &[$((stringify!($flow), $flow::NAME),)+];

        // Does not compile while a flow is missing.
        const _: fn(&Input) = |input| match input { $(Input::$flow(_) => (),)+ };

        /// Visits every script of every flow.
        pub(crate) fn visit_all(visitor: &mut impl Visitor) {
            $($scripts.iter().for_each(|script| visitor.visit(script));)+
        }
    };
}

flows! {
    Register: register::scripts(),
    Resend: resend::scripts(),
    Activate: activate::scripts(),
    Deliver: deliver::scripts().into_iter().chain(addresses::delivered()).collect::<Vec<_>>(),
    Login: sessions::logins(),
    Authenticate: sessions::authentications(),
    Confirm: sessions::confirmations(),
    Logout: sessions::logouts(),
    LogoutEverywhere: sessions::logouts_everywhere(),
    ForgotPassword: passwords::forgotten(),
    ResetPassword: passwords::resets(),
    ChangePassword: passwords::changes(),
    DeleteAccount: passwords::deletions(),
    ChangeAddress: addresses::asked(),
    ConfirmAddress: addresses::confirmed(),
    Administer: administer::all(),
    Import: administer::imports(),
}
