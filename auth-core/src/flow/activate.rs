//! Activation: admit, find, hash, redeem, commit; every refusal costs the same.

mod activation;

pub use activation::Activation;

use serde::{Deserialize, Serialize};

use super::{Outcome, ROUNDS, limited, shared::guess};
use crate::{
    Answers, Commit, CommitAccount, Event, Fault, FindAccount, Flow, Found, Random, RedeemCode, Redemption,
    Rules, Stop,
    domain::{
        Address, Client, Code, CodeSlot, GOOD_CODES, Generation, Purpose, Salt, Status, Stream, Subject,
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
        // Threat: where refusals differ, a password can be guessed here instead of at the login.
        let counted = rules.discloses().then(|| Subject::address(&rules.keys, self.address.key()));
        if let Some(subject) = counted
            && let Some(retry_after) = guess::too_many(subject, answers)?
        {
            return Ok(Outcome::new(Activation::RateLimited { retry_after }, Event::TooManyGuesses));
        }
        let attempt = guess::right(counted, attempt, dummy, rules, answers)?;
        if let (Some(subject), Some(_)) = (counted, attempt) {
            guess::give_back(subject, answers)?;
        }

        // Threat: a stranger who uses up somebody's tries. Without the attempt's password the guess goes to a slot
        // that is always empty, and nothing is written.
        let slot = attempt.map_or(nowhere, |attempt| {
            CodeSlot::of(Purpose::Activation, self.address.key(), attempt.generation)
        });
        let macs = rules.keys.candidates(slot, self.code.expose());
        let redemption = answers.ask(RedeemCode { slot, newest: GOOD_CODES, macs })?;
        let refused = match (attempt, redemption) {
            (Some(attempt), Redemption::Redeemed) => {
                match self.commit(attempt.generation, &found, rules, answers)? {
                    Ok(outcome) => return Ok(outcome),
                    Err(event) => event,
                }
            }
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
        Ok(Outcome::new(Activation::refusal(refused, was_active, rules), refused))
    }
}

impl Activate {
    fn find(&self) -> FindAccount {
        FindAccount { key: self.address.key().clone() }
    }

    /// Makes the attempt active, or returns why not. After an unknown commit the row itself shows whether it happened.
    fn commit(
        &self,
        generation: Generation,
        first: &Found,
        rules: &Rules,
        answers: &mut Answers<'_>,
    ) -> Result<Result<Outcome<Activation>, Event>, Stop> {
        let mut found = first.clone();
        for round in 0..=ROUNDS {
            let row = found.at_its_time();
            // Only this attempt counts: the code was not mailed for a newer one.
            if row.generation() == Some(generation)
                && let Some(account) = row.account()
            {
                return Ok(Ok(match round {
                    0 if rules.discloses() => Outcome::new(Activation::AlreadyActive, Event::ActivatedAgain),
                    0 => Outcome::new(Activation::Activated(account), Event::ActivatedAgain),
                    _ => Outcome::new(Activation::Activated(account), Event::Activated),
                }));
            }
            let Some(row) = row.activate(generation, found.now) else { return Ok(Err(Event::Superseded)) };
            if round == ROUNDS {
                break;
            }
            let account = row.account();
            match (answers.try_ask(found.replace(self.address.key(), row, None))?, account) {
                (Ok(Commit::Committed), Some(account)) => {
                    return Ok(Ok(Outcome::new(Activation::Activated(account), Event::Activated)));
                }
                (Err(Fault::NotDone), _) => return Err(Answers::broken::<CommitAccount>(Fault::NotDone)),
                (Ok(_) | Err(Fault::Unknown), _) => found = answers.ask(self.find())?,
            }
        }
        Ok(Err(Event::Contended))
    }
}
