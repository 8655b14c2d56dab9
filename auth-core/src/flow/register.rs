//! Owns registration: admit, find, hash, decide, commit, the same in every state of the address.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Outcome, ROUNDS, limited};
use crate::{
    Commit, CommitAccount, Event, FindAccount, Flow, HashPassword, Host, Random, Rules, Stop,
    domain::{
        Address, Attempt, Client, Generation, Locale, MailId, PasswordRecord, Row, Salt, Stream, Version,
        Weakness,
    },
};

/// Registers an address with the password that the host keeps beside the run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Register {
    /// The address.
    pub address: Address,
    /// What the policy says of the password.
    pub password: Result<(), Weakness>,
    /// Who asks.
    pub client: Client,
    /// The language for the mails of a new attempt.
    pub locale: Locale,
}

/// Says what the visitor is told of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        /// How long to wait.
        retry_after: Duration,
    },
    /// Too many change the same address at once; ask again.
    Contended,
}

impl Flow for Register {
    type Outcome = Outcome<Registration>;
    const NAME: &'static str = "register";

    fn run(&self, rules: &Rules, host: &mut Host<'_>) -> Result<Self::Outcome, Stop> {
        if let Some(retry_after) = limited(self.client, rules, host)? {
            return Ok(Outcome::new(Registration::RateLimited { retry_after }, Event::RateLimited));
        }
        // Before anything that depends on the address, so that it tells nothing of it.
        if let Err(weakness) = self.password {
            return Ok(Outcome::new(Registration::WeakPassword(weakness), Event::WeakPassword));
        }
        let seed = host.ask(Random)?.0;
        let mut random = Stream::new(&seed, "register");
        let fresh = Salt::new(random.bytes());
        let generation = Generation::from_bytes(random.bytes());
        let id = MailId::from_bytes(random.bytes());

        let params = rules.policy().hash;
        let mut hashed: Option<PasswordRecord> = None;
        for _ in 0..ROUNDS {
            let found = host.ask(FindAccount { key: self.address.key().clone() })?;
            let (expected, row) = found.at_its_time();
            let salt = row.salt(params).unwrap_or(fresh);
            let password = match hashed.take() {
                Some(password) if password.salt == salt => password,
                // Threat: a state that skips the hash answers sooner and tells itself.
                Some(_) | None => {
                    let hash = host.ask(HashPassword { salt, params })?.0;
                    PasswordRecord { params, salt, hash }
                }
            };
            hashed = Some(password.clone());
            let new =
                Attempt { generation, address: self.address.clone(), locale: self.locale.clone(), password };
            let step = row.register(new, found.now, id, rules.lifetimes);
            let key = self.address.key().clone();
            match host.ask(CommitAccount { key, expected, row: step.row, mail: step.mail })? {
                Commit::Committed => return Ok(Outcome::new(told(step.event, rules), step.event)),
                Commit::Conflict => {}
            }
        }
        Ok(Outcome::new(Registration::Contended, Event::Contended))
    }
}

fn told(event: Event, rules: &Rules) -> Registration {
    match (rules.discloses(), event) {
        (false, _) => Registration::Accepted,
        (true, Event::AlreadyActive) => Registration::EmailTaken,
        (true, _) => Registration::Pending,
    }
}

impl crate::Found {
    /// Returns the version to expect and the row as it counts at the store's time.
    pub(crate) fn at_its_time(&self) -> (Version, Row) {
        match &self.row {
            Some((version, row)) => (*version, Row::at(Some(row), self.now)),
            None => (Version(0), Row::VACANT),
        }
    }
}
