//! Asking for a mail that sets a new password: find and commit, the same in every state of the address.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Outcome, ROUNDS, limited};
use crate::{
    Answers, Commit, Event, FindAccount, Flow, MailChange, Random, Rules, Stop,
    domain::{Address, Client, MailId, Purpose, Stream, micros},
};

/// The flow that asks for a mail that sets a new password.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ForgotPassword {
    /// The address.
    pub address: Address,
    /// The client that asks.
    pub client: Client,
}

/// What asking for such a mail discloses to the visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forgetting {
    /// A mail follows if the address has an active account. The only success when hiding.
    Accepted,
    /// The address has no active account. Explicit only.
    NoAccount,
    /// The client asks too often.
    RateLimited {
        /// The time until another request is admitted.
        #[serde(with = "micros")]
        retry_after: Duration,
    },
    /// Others change the same address at the same time; try again.
    Contended,
}

impl Flow for ForgotPassword {
    type Outcome = Outcome<Forgetting>;
    const NAME: &'static str = "forgot_password";

    fn run(&self, rules: &Rules, answers: &mut Answers<'_>) -> Result<Self::Outcome, Stop> {
        if let Some(retry_after) = limited(self.client, rules, answers)? {
            return Ok(Outcome::new(Forgetting::RateLimited { retry_after }, Event::RateLimited));
        }
        let seed = answers.ask(Random)?.0;
        let id = MailId::from_bytes(Stream::new(&seed, "forgot_password").bytes());
        let key = self.address.key();
        for _ in 0..ROUNDS {
            let found = answers.ask(FindAccount { key: key.clone() })?;
            let step = found.at_its_time().forgot(found.asked(id, Purpose::Reset, rules));
            match answers.ask(found.replace(key, step.row, step.mail.map(MailChange::Owe)))? {
                Commit::Committed => return Ok(Outcome::new(disclosed(step.event, rules), step.event)),
                Commit::Conflict => {}
            }
        }
        Ok(Outcome::new(Forgetting::Contended, Event::Contended))
    }
}

fn disclosed(event: Event, rules: &Rules) -> Forgetting {
    match (rules.discloses(), event) {
        (true, Event::NoAccount | Event::NotActivated) => Forgetting::NoAccount,
        (true | false, _) => Forgetting::Accepted,
    }
}
