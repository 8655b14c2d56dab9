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
    Admission, Admit, CommitAccount, Event, Found, Host, Rules, Stop,
    domain::{AddressKey, Client, OwedMail, Row, Version},
};

/// How often a flow reads and decides again when others change the same address: each time one
/// of them has got through, so as many can come at once.
const ROUNDS: usize = 32;

impl Found {
    /// Returns the row as it counts at the store's time.
    fn at_its_time(&self) -> Row {
        Row::at(self.row.as_ref().map(|(_, row)| row), self.now)
    }

    /// Returns the order that puts a row in the place of what was found.
    fn replace(&self, key: &AddressKey, row: Row, mail: Option<OwedMail>) -> CommitAccount {
        let stored = self.row.as_ref();
        CommitAccount {
            key: key.clone(),
            expected: stored.map_or(Version(0), |(version, _)| *version),
            generation: stored.and_then(|(_, row)| row.generation()),
            row,
            mail,
        }
    }
}

/// Holds what a flow came to: what the visitor is told, and what really happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome<T> {
    /// What the visitor may know; the only part for an answer.
    pub told: T,
    /// What happened; for audit and metrics alone.
    pub event: Event,
}

impl<T> Outcome<T> {
    const fn new(told: T, event: Event) -> Self {
        Self { told, event }
    }
}

/// Counts the request; returns how long to wait if it is one too many.
fn limited(client: Client, rules: &Rules, host: &mut Host<'_>) -> Result<Option<Duration>, Stop> {
    let Some(rate) = rules.rate() else { return Ok(None) };
    Ok(match host.ask(Admit { client, rate })? {
        Admission::Admitted => None,
        Admission::Limited { retry_after } => Some(retry_after),
    })
}
