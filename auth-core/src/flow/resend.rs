//! Asking for another mail: registration without a password.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Outcome, ROUNDS, limited};
use crate::{
    Answers, Commit, Event, FindAccount, Flow, MailChange, Random, Rules, Stop,
    domain::{Address, Client, MailId, Purpose, Stream, micros},
};

/// The flow that asks for another activation mail.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Resend {
    /// The address.
    pub address: Address,
    /// The client that asks.
    pub client: Client,
}

/// What asking for another mail discloses to the visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resending {
    /// A mail follows if the address has a pending account. The only success when hiding.
    Accepted,
    /// The address has no account. Explicit only.
    NoAccount,
    /// The account is active. Explicit only.
    AlreadyActive,
    /// The client asks too often.
    RateLimited {
        /// The time until another request is admitted.
        #[serde(with = "micros")]
        retry_after: Duration,
    },
    /// Others change the same address at the same time; try again.
    Contended,
}

impl Flow for Resend {
    type Outcome = Outcome<Resending>;
    const NAME: &'static str = "resend";

    fn run(&self, rules: &Rules, answers: &mut Answers<'_>) -> Result<Self::Outcome, Stop> {
        if let Some(retry_after) = limited(self.client, rules, answers)? {
            return Ok(Outcome::new(Resending::RateLimited { retry_after }, Event::RateLimited));
        }
        let seed = answers.ask(Random)?.0;
        let id = MailId::from_bytes(Stream::new(&seed, "resend").bytes());
        let key = self.address.key();
        for _ in 0..ROUNDS {
            let found = answers.ask(FindAccount { key: key.clone() })?;
            let step = found.at_its_time().resend(found.asked(id, Purpose::Activation, rules));
            match answers.ask(found.replace(key, step.row, step.mail.map(MailChange::Owe)))? {
                Commit::Committed => return Ok(Outcome::new(disclosed(step.event, rules), step.event)),
                Commit::Conflict => {}
            }
        }
        Ok(Outcome::new(Resending::Contended, Event::Contended))
    }
}

fn disclosed(event: Event, rules: &Rules) -> Resending {
    match (rules.discloses(), event) {
        (true, Event::NoAccount) => Resending::NoAccount,
        (true, Event::AlreadyActive) => Resending::AlreadyActive,
        (true | false, _) => Resending::Accepted,
    }
}
