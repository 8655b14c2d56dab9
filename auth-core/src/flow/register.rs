//! Registration: admit, find, hash, decide, commit, the same in every state of the address.

use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Outcome, ROUNDS, limited};
use crate::{
    Answers, Commit, Event, FindAccount, Flow, HashPassword, MailChange, Random, Rules, Stop, WhichPassword,
    domain::{
        Address, Attempt, Client, Generation, Locale, MailId, PasswordRecord, Purpose, Salt, Stream, Verdict,
        Weakness, micros,
    },
};

/// The number of rounds that hash, whatever they find; later ones reuse the hashes.
///
/// Threat: a state that hashes more or less often than another answers later or sooner. Three rounds recognise an
/// attempt that was registered twice at once while somebody asked for a mail, too.
const HASHED_ROUNDS: usize = 3;

/// The flow that registers an address with the password that the host keeps outside the run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Register {
    /// The address.
    pub address: Address,
    /// The policy's verdict on the password.
    pub verdict: Verdict,
    /// The client that asks.
    pub client: Client,
    /// The language for the mails of a new attempt.
    pub locale: Locale,
}

/// What a registration discloses to the visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// A mail follows if the address can be registered. The only success when hiding.
    Accepted,
    /// The account is pending and a mail follows. Explicit only.
    Pending,
    /// The address has an active account. Explicit only.
    EmailTaken,
    /// The password is too weak.
    WeakPassword(Weakness),
    /// The client asks too often.
    RateLimited {
        /// The time until another request is admitted.
        #[serde(with = "micros")]
        retry_after: Duration,
    },
    /// Others change the same address at the same time; try again.
    Contended,
}

impl Flow for Register {
    type Outcome = Outcome<Registration>;
    const NAME: &'static str = "register";

    fn run(&self, rules: &Rules, answers: &mut Answers<'_>) -> Result<Self::Outcome, Stop> {
        if let Some(retry_after) = limited(self.client, rules, answers)? {
            return Ok(Outcome::new(Registration::RateLimited { retry_after }, Event::RateLimited));
        }
        // Before anything that depends on the address, so that it reveals nothing about it.
        if let Some(weakness) = self.verdict.weakness() {
            return Ok(Outcome::new(Registration::WeakPassword(weakness), Event::WeakPassword));
        }
        let seed = answers.ask(Random)?.0;
        let mut random = Stream::new(&seed, "register");
        let fresh = Salt::from_bytes(random.bytes());
        let generation = Generation::draw(&mut random);
        let mut id = None;

        let (key, params) = (self.address.key(), rules.policy().hash);
        let mut hashed: Vec<PasswordRecord> = Vec::new();
        for round in 0..ROUNDS {
            let found = answers.ask(FindAccount { key: key.clone() })?;
            let row = found.at_its_time();
            let salt = row.salt(params).unwrap_or(fresh);
            if round < HASHED_ROUNDS {
                let hash = answers.ask(HashPassword { salt, params, which: WhichPassword::Given })?.hash;
                hashed.push(PasswordRecord { params, salt, hash });
            }
            // Under a salt that no hash was made with, the attempt counts as another one.
            let same_salt = hashed.iter().find(|password| password.salt == salt);
            let Some(password) = same_salt.or(hashed.last()).cloned() else { break };
            let new =
                Attempt { generation, address: self.address.clone(), locale: self.locale.clone(), password };
            // Drawn only where needed: each replay draws again.
            let id = *id.get_or_insert_with(|| MailId::from_bytes(random.bytes()));
            let step = row.register(new, found.asked(id, Purpose::Activation, rules));
            match answers.ask(found.replace(key, step.row, step.mail.map(MailChange::Owe)))? {
                Commit::Committed => return Ok(Outcome::new(disclosed(step.event, rules), step.event)),
                Commit::Conflict => {}
            }
        }
        Ok(Outcome::new(Registration::Contended, Event::Contended))
    }
}

fn disclosed(event: Event, rules: &Rules) -> Registration {
    match (rules.discloses(), event) {
        (false, _) => Registration::Accepted,
        (true, Event::AlreadyActive) => Registration::EmailTaken,
        (true, _) => Registration::Pending,
    }
}
