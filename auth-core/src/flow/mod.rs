//! The flows, one file each; each policy reads from top to bottom there.
//!
//! Flows never call flows. Code for two of them is a decision in `domain/`, or is here.

mod activate;
mod administer;
mod authenticate;
mod change_address;
mod change_password;
mod confirm;
mod confirm_address;
mod delete_account;
mod deliver;
mod forgot_password;
mod import;
mod login;
mod logout;
mod logout_everywhere;
mod register;
mod resend;
mod reset_password;
mod shared;

pub use activate::{Activate, Activation};
pub use administer::Administer;
pub use authenticate::{Authenticate, Authentication};
pub use change_address::{AskingToMove, ChangeAddress};
pub use change_password::{ChangePassword, Changing};
pub use confirm::{Confirm, Confirmation};
pub use confirm_address::{ConfirmAddress, Relocation};
pub use delete_account::{DeleteAccount, Deleting};
pub use deliver::Deliver;
pub use forgot_password::{Forgetting, ForgotPassword};
pub use import::Import;
pub use login::{LoggingIn, Login};
pub use logout::Logout;
pub use logout_everywhere::{LoggingOut, LogoutEverywhere};
pub use register::{Register, Registration};
pub use resend::{Resend, Resending};
pub use reset_password::{ResetPassword, Resetting};
pub use shared::session::Reopened;

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    Admission, Admit, Answers, Change, CommitAccount, Event, Found, MailChange, Rules, Stop,
    domain::{AddressKey, Asked, Client, MailId, Purpose, Row, Subject, Version, WaitingState},
    run::sealed::Listed,
};

/// Hands all flows to a macro. A new one goes to the end, since its place in the list is a byte on the wire.
macro_rules! flows {
    ($each:ident) => {
        $each! {
            /// Registers an address.
            Register -> Outcome<Registration>;
            /// Activates an account. The code is as it was typed.
            Activate -> Outcome<Activation>;
            /// Asks for another mail.
            Resend -> Outcome<Resending>;
            /// Delivers a leased mail. Nobody waits for its outcome but the worker.
            Deliver -> Event;
            /// Opens a session with a password.
            Login -> Outcome<LoggingIn>;
            /// Recognises the account of a session.
            Authenticate -> Outcome<Authentication>;
            /// Makes a session fresh with a password, in a new one.
            Confirm -> Outcome<Confirmation>;
            /// Ends a session.
            Logout -> Outcome<()>;
            /// Ends every session of an account.
            LogoutEverywhere -> Outcome<LoggingOut>;
            /// Asks for a mail that sets a new password.
            ForgotPassword -> Outcome<Forgetting>;
            /// Sets a new password with the token of a mail.
            ResetPassword -> Outcome<Resetting>;
            /// Sets a new password in a fresh session.
            ChangePassword -> Outcome<Changing>;
            /// Deletes the account of a fresh session.
            DeleteAccount -> Outcome<Deleting>;
            /// Asks for a mail to another address.
            ChangeAddress -> Outcome<AskingToMove>;
            /// Moves an account to another address. The code is as it was typed.
            ConfirmAddress -> Outcome<Relocation>;
            /// Does what an operator asks for with an account. Only the operator waits for its outcome.
            Administer -> Event;
            /// Imports an account of another program. Only the operator waits for its outcome.
            Import -> Event;
        }
    };
}
#[cfg(feature = "wire")]
pub(crate) use flows;

macro_rules! listed {
    ($($(#[$doc:meta])+ $flow:ident -> $outcome:ty;)+) => { $(impl Listed for $flow {})+ };
}
flows!(listed);

/// How often a flow reads and decides again when others change the same address. Each time another request, or a
/// worker with the address's mail, has succeeded, so some fifty can come at once.
const ROUNDS: usize = 64;
/// How long a decision may take from its read to its commit, by the store's clock. That suffices for a hash on a slow
/// device and for a person who answers effects by hand; a run that was suspended for longer reads again.
const DECISION: Duration = Duration::from_secs(600);

impl Found {
    /// Returns the row as it counts at the store's time.
    fn at_its_time(&self) -> Row {
        Row::at(self.row.as_ref().map(|(_, row)| row), self.now)
    }

    /// Returns what a request for a mail of this purpose depends on. A mail of another generation never leaves, so it
    /// answers nothing.
    fn asked(&self, id: MailId, purpose: Purpose, rules: &Rules) -> Asked {
        let generation = self.row.as_ref().and_then(|(_, row)| match purpose {
            Purpose::AddressChange => row.moving(self.now).map(|moving| moving.generation),
            Purpose::Activation
            | Purpose::Notice
            | Purpose::Reset
            | Purpose::PasswordChanged
            | Purpose::AccountDeleted
            | Purpose::AddressChanged => row.generation(),
        });
        let answers = (purpose, generation);
        let mails = self.waiting.iter().filter(|mail| (mail.purpose, Some(mail.generation)) == answers);
        let tried = mails.map(|mail| match mail.state {
            WaitingState::Free { next } => next,
            WaitingState::Held { .. } => self.now,
        });
        Asked { now: self.now, id, tried: tried.max(), lifetimes: rules.lifetimes }
    }

    /// Returns the change from what was found to `row`.
    fn change(&self, key: &AddressKey, row: Row, mail: Option<MailChange>) -> Change {
        let stored = self.row.as_ref();
        Change {
            key: key.clone(),
            expected: stored.map_or(Version(0), |(version, _)| *version),
            generation: stored.and_then(|(_, row)| row.generation()),
            waiting: self.waiting.clone(),
            until: self.now.after(DECISION),
            row,
            mails: mail.into_iter().collect(),
        }
    }

    /// Returns the order that makes this change alone.
    fn replace(&self, key: &AddressKey, row: Row, mail: Option<MailChange>) -> CommitAccount {
        CommitAccount::from(self.change(key, row, mail))
    }
}

/// The result of a flow: what is disclosed to the visitor, and what really happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome<T> {
    /// What the visitor may know; the only part for an answer.
    pub disclosed: T,
    /// What happened; for audit and metrics alone.
    pub event: Event,
}

impl<T> Outcome<T> {
    const fn new(disclosed: T, event: Event) -> Self {
        Self { disclosed, event }
    }
}

/// Counts the request; returns the time to wait if it is over the rate limit.
fn limited(client: Client, rules: &Rules, answers: &mut Answers<'_>) -> Result<Option<Duration>, Stop> {
    let Some(rate) = rules.rate() else { return Ok(None) };
    let counts = || Admit { subject: Subject::client(&rules.keys, client), rate, give_back: false };
    Ok(match answers.ask_made(counts)? {
        Admission::Admitted => None,
        Admission::Limited { retry_after } => Some(retry_after),
    })
}
