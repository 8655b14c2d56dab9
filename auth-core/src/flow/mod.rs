//! Owns the flows, one file each; every policy reads from top to bottom there.
//!
//! Flows never call flows. What two of them share is a decision in `domain/` or stands here.

mod activate;
mod deliver;
mod register;
mod resend;

pub use activate::{Activate, Activation};
pub use deliver::Deliver;
pub use register::{Register, Registration};
pub use resend::{Resend, Resending};

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    Admission, Admit, Answers, CommitAccount, Event, Found, MailChange, Rules, Stop,
    domain::{AddressKey, Asked, Client, MailId, Purpose, Row, Version, WaitingState},
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
        }
    };
}
#[cfg(feature = "wire")]
pub(crate) use flows;

macro_rules! listed {
    ($($(#[$doc:meta])+ $flow:ident -> $outcome:ty;)+) => { $(impl Listed for $flow {})+ };
}
flows!(listed);

/// How often a flow reads and decides again when others change the same address: each time one of
/// them, or a worker with the address's mail, has got through, so that some fifty can come at once.
const ROUNDS: usize = 64;
/// How long a decision may take from what it reads to its commit, by the store's clock. A hash on a slow part and a
/// person who answers effects by hand fit into it; a run that was suspended for longer reads again.
const DECISION: Duration = Duration::from_secs(600);

impl Found {
    /// Returns the row as it counts at the store's time.
    fn at_its_time(&self) -> Row {
        Row::at(self.row.as_ref().map(|(_, row)| row), self.now)
    }

    /// Returns what a request for a mail is decided on.
    fn asked(&self, id: MailId, rules: &Rules) -> Asked {
        let mails = self.waiting.iter().filter(|mail| mail.purpose == Purpose::Activation);
        let tried = mails.map(|mail| match mail.state {
            WaitingState::Free { next } => next,
            WaitingState::Held { .. } => self.now,
        });
        Asked { now: self.now, id, tried: tried.max(), lifetimes: rules.lifetimes }
    }

    /// Returns the order that puts a row in the place of what was found.
    fn replace(&self, key: &AddressKey, row: Row, mail: Option<MailChange>) -> CommitAccount {
        let stored = self.row.as_ref();
        CommitAccount {
            key: key.clone(),
            expected: stored.map_or(Version(0), |(version, _)| *version),
            generation: stored.and_then(|(_, row)| row.generation()),
            waiting: self.waiting.clone(),
            until: self.now.after(DECISION),
            row,
            mail,
        }
    }
}

/// Holds what a flow came to: what the visitor is told, and what really happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// Counts the request; returns how long to wait if it is one too many.
fn limited(client: Client, rules: &Rules, answers: &mut Answers<'_>) -> Result<Option<Duration>, Stop> {
    let Some(rate) = rules.rate() else { return Ok(None) };
    Ok(match answers.ask(Admit { client, rate })? {
        Admission::Admitted => None,
        Admission::Limited { retry_after } => Some(retry_after),
    })
}
