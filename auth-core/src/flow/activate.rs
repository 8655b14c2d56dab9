//! Activation: admit, find, hash, redeem, commit; every refusal costs the same.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Outcome, ROUNDS, limited};
use crate::{
    Answers, Commit, CommitAccount, Event, Fault, FindAccount, Flow, Found, HashPassword, Random, RedeemCode,
    Redemption, Rules, Stop,
    domain::{
        Address, Client, Code, CodeSlot, GOOD_CODES, Generation, Purpose, Salt, Status, Stream, micros,
    },
};

/// The flow that activates a pending account with the password that the host keeps outside the run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Activate {
    /// The address.
    pub address: Address,
    /// The code as it was typed, well-formed.
    pub code: Code,
    /// The client that asks.
    pub client: Client,
}

/// What an activation discloses to the visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// The account is active.
    Activated,
    /// The account is not active. The only refusal when hiding.
    Refused,
    /// The address has no account. Explicit only.
    NoAccount,
    /// The account was active already. Explicit only.
    AlreadyActive,
    /// The password is wrong. Explicit only.
    WrongPassword,
    /// No code is valid, or its tries are used up: ask for another mail. Explicit only.
    CodeExpired,
    /// The code is wrong. Explicit only.
    WrongCode,
    /// The client asks too often.
    RateLimited {
        /// The time until another request is admitted.
        #[serde(with = "micros")]
        retry_after: Duration,
    },
    /// Others change the same address at the same time; try again.
    Contended,
}

impl Flow for Activate {
    type Outcome = Outcome<Activation>;
    const NAME: &'static str = "activate";

    fn run(&self, rules: &Rules, answers: &mut Answers<'_>) -> Result<Self::Outcome, Stop> {
        if let Some(retry_after) = limited(self.client, rules, answers)? {
            return Ok(Outcome::new(Activation::RateLimited { retry_after }, Event::RateLimited));
        }
        let seed = answers.ask(Random)?.0;
        let mut random = Stream::new(&seed, "activate");
        let dummy = Salt::from_bytes(random.bytes());
        let nowhere = CodeSlot::from_bytes(random.bytes());

        let found = answers.ask(self.find())?;
        let row = found.at_its_time();
        let attempt = row.openable(found.now, rules.policy().hash_floor, rules.lifetimes);
        // Threat: timing. Without anything to compare, the same work is done and its result ignored.
        let (salt, params) =
            attempt.map_or((dummy, rules.policy().hash), |a| (a.password.salt, a.password.params));
        let hash = answers.ask(HashPassword { salt, params })?.hash;
        let attempt = attempt.filter(|attempt| attempt.password.hash == hash);

        // Threat: a stranger who uses up somebody's tries. Without the attempt's password the guess goes to a slot
        // that is always empty, and nothing is written.
        let slot = attempt.map_or(nowhere, |attempt| {
            CodeSlot::of(Purpose::Activation, self.address.key(), attempt.generation)
        });
        let macs = rules.keys.candidates(slot, &self.code);
        let redemption = answers.ask(RedeemCode { slot, newest: GOOD_CODES, macs })?;
        let event = match (attempt, redemption) {
            (Some(attempt), Redemption::Redeemed) => self.commit(attempt.generation, &found, answers)?,
            (Some(_), Redemption::Missing) => Event::CodeExpired,
            (Some(_), Redemption::Exhausted) => Event::TriesUsedUp,
            (Some(_), Redemption::Wrong) => Event::WrongCode,
            (None, _) => match &row.status {
                Status::Vacant => Event::NoAccount,
                Status::Pending(_) => Event::WrongPassword,
                Status::Active { .. } => Event::AlreadyActive,
            },
        };
        let was_active = matches!(row.status, Status::Active { .. });
        Ok(Outcome::new(disclosed(event, was_active, rules), event))
    }
}

impl Activation {
    /// Returns the answer to a request without credentials, or with some that cannot be anybody's: that to a wrong
    /// password. A host asks here where it has no flow to start.
    pub const fn without_credentials(rules: &Rules) -> Self {
        disclosed(Event::WrongPassword, false, rules)
    }
}

impl Activate {
    fn find(&self) -> FindAccount {
        FindAccount { key: self.address.key().clone() }
    }

    /// Makes the attempt active. After an unknown commit the row itself shows whether it happened.
    fn commit(
        &self,
        generation: Generation,
        first: &Found,
        answers: &mut Answers<'_>,
    ) -> Result<Event, Stop> {
        let mut found = first.clone();
        for round in 0..=ROUNDS {
            let row = found.at_its_time();
            // Only this attempt counts: the code was not mailed for a newer one.
            if let Status::Active { attempt, .. } = &row.status
                && attempt.generation == generation
            {
                return Ok(if round == 0 { Event::ActivatedAgain } else { Event::Activated });
            }
            let Some(row) = row.activate(generation, found.now) else { return Ok(Event::Superseded) };
            if round == ROUNDS {
                break;
            }
            match answers.try_ask(found.replace(self.address.key(), row, None))? {
                Ok(Commit::Committed) => return Ok(Event::Activated),
                Ok(Commit::Conflict) | Err(Fault::Unknown) => found = answers.ask(self.find())?,
                Err(Fault::NotDone) => return Err(Answers::broken::<CommitAccount>(Fault::NotDone)),
            }
        }
        Ok(Event::Contended)
    }
}

const fn disclosed(event: Event, was_active: bool, rules: &Rules) -> Activation {
    match (rules.discloses(), event) {
        (true | false, Event::Contended) => Activation::Contended,
        (true, Event::NoAccount) => Activation::NoAccount,
        (true, _) if was_active => Activation::AlreadyActive,
        (true | false, Event::Activated | Event::ActivatedAgain) => Activation::Activated,
        (true, Event::CodeExpired | Event::TriesUsedUp) => Activation::CodeExpired,
        (true, Event::WrongCode) => Activation::WrongCode,
        (true, _) => Activation::WrongPassword,
        (false, _) => Activation::Refused,
    }
}
