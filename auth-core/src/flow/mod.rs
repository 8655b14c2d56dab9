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

use crate::{Admission, Admit, Event, Host, Rules, Stop, domain::Client};

/// How often a flow reads and decides again when others change the same address.
const ROUNDS: usize = 8;

/// Holds what a flow came to: what the visitor is told, and what really happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
