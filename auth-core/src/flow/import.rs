//! Importing an account of another program. An address that has one already keeps it.

use serde::{Deserialize, Serialize};

use super::shared::era::{Decision, Ended, Rounds};
use crate::{
    Answers, Event, Flow, Random, Rules, Stop,
    domain::{Address, Attempt, Generation, Locale, PasswordRecord, Stream, Time},
};

/// The flow that imports an account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Import {
    /// The address.
    pub address: Address,
    /// The language of its mails.
    pub locale: Locale,
    /// Its password, as the other program has hashed it.
    pub password: PasswordRecord,
    /// Whether the other program has proven that the address is its owner's. If not, the account is pending for 30 days.
    pub verified: bool,
    /// Since when the account has been active; from now on if it is not known.
    pub since: Option<Time>,
}

impl Flow for Import {
    type Outcome = Event;
    const NAME: &'static str = "import";

    fn run(&self, rules: &Rules, answers: &mut Answers<'_>) -> Result<Self::Outcome, Stop> {
        // Threat: a hash that takes the host's memory or hours to verify, or that it never accepts.
        if !rules.policy().hash_floor.admits(self.password.params) {
            return Ok(Event::ImportRefused);
        }
        let seed = answers.ask(Random)?.0;
        let generation = Generation::draw(&mut Stream::new(&seed, "import"));
        let key = self.address.key();
        let mut rounds = Rounds::new(key, None);
        loop {
            let read = rounds.read(answers)?;
            let row = read.at_its_time();
            let attempt = Attempt {
                generation,
                address: self.address.clone(),
                locale: self.locale.clone(),
                password: self.password.clone(),
            };
            let active = self.verified.then_some(self.since.unwrap_or(read.now).min(read.now));
            let decision = match row.imported(attempt, active, read.now) {
                Ok(row) => Decision::Commit(read.replace(key, row, None)),
                Err(event) => return Ok(event),
            };
            match rounds.end(decision, answers)? {
                Some(Ended::Done | Ended::Superseded) => return Ok(Event::Imported),
                Some(Ended::Contended) => return Ok(Event::Contended),
                None => {}
            }
        }
    }
}
