//! Login: admit, find, count the guess, hash, open; every refusal costs the same.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Outcome, limited,
    shared::{guess, session::open},
};
use crate::{
    Answers, Event, FindAccount, Flow, Random, Rules, SessionStored, Stop,
    domain::{
        Account, AccountId, Address, Client, DeviceToken, Generation, Row, Salt, Session, SessionToken,
        Status, Stream, Subject, UserAgent, micros,
    },
};

/// The flow that opens a session with the password that the host keeps outside the run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Login {
    /// The address.
    pub address: Address,
    /// The client that asks.
    pub client: Client,
    /// What the device keeps of an earlier login, if it has something.
    pub device: Option<DeviceToken>,
    /// The program that asks.
    pub agent: UserAgent,
}

/// What a login discloses to the visitor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoggingIn {
    /// A session is open.
    LoggedIn {
        /// Its token.
        token: SessionToken,
        /// How long it lasts at most.
        #[serde(with = "micros")]
        expires_in: Duration,
        /// What makes this device a known one.
        device: DeviceToken,
        /// The account.
        account: Account,
    },
    /// No session was opened. The only refusal when hiding.
    Refused,
    /// The address has no account. Explicit only.
    NoAccount,
    /// The password is wrong. Explicit only.
    WrongPassword,
    /// The password is that of an account that was not activated. Explicit only.
    NotActivated,
    /// An operator has blocked the account. Explicit only.
    Blocked,
    /// The client asks too often, or too many passwords were tried.
    RateLimited {
        /// The time until another request is admitted.
        #[serde(with = "micros")]
        retry_after: Duration,
    },
}

impl Flow for Login {
    type Outcome = Outcome<LoggingIn>;
    const NAME: &'static str = "login";

    fn run(&self, rules: &Rules, answers: &mut Answers<'_>) -> Result<Self::Outcome, Stop> {
        if let Some(retry_after) = limited(self.client, rules, answers)? {
            return Ok(Outcome::new(LoggingIn::RateLimited { retry_after }, Event::RateLimited));
        }
        let seed = answers.ask(Random)?.0;
        let mut random = Stream::new(&seed, "login");
        let dummy = Salt::from_bytes(random.bytes());
        let found = answers.ask(FindAccount { key: self.address.key().clone() })?;
        let row = found.at_its_time();
        let subject = self.subject(&row, rules);
        if let Some(retry_after) = guess::too_many(subject, answers)? {
            return Ok(Outcome::new(LoggingIn::RateLimited { retry_after }, Event::TooManyGuesses));
        }
        let attempt = row.attempt(rules.policy().hash_floor);
        let right = guess::right(Some(subject), attempt, dummy, rules, answers)?;
        let (account, attempt) = match (&row.status, row.account(), right) {
            (Status::Active { blocked: false, .. }, Some(account), Some(attempt)) => (account, attempt),
            (Status::Active { .. }, _, Some(_)) => return Ok(refused(Event::Blocked, rules)),
            (Status::Pending(_), _, Some(_)) => return Ok(refused(Event::NotActivated, rules)),
            (Status::Active { .. } | Status::Pending(_), _, None) => {
                return Ok(refused(Event::WrongPassword, rules));
            }
            (Status::Vacant, ..) => return Ok(refused(Event::NoAccount, rules)),
        };
        let token = SessionToken::draw(&mut random);
        let session =
            Session::draw(account.id, attempt.generation, found.now, &self.agent, rules, &mut random);
        let device = DeviceToken::draw(&rules.keys, account.id, attempt.generation, &mut random);
        guess::give_back(subject, answers)?;
        // Threat: a login that a deletion or a new password overtakes, and whose session nothing ends.
        if open(&token, session, None, answers)? == SessionStored::Gone {
            return Ok(refused(Event::Superseded, rules));
        }
        if attempt.password.params != rules.policy().hash {
            let salt = Salt::from_bytes(random.bytes());
            guess::rehash(self.address.key(), salt, &found, rules, answers)?;
        }
        let expires_in = rules.sessions.whole;
        Ok(Outcome::new(LoggingIn::LoggedIn { token, expires_in, device, account }, Event::LoggedIn))
    }
}

impl Login {
    /// Returns whom a guess is counted against.
    ///
    /// Threat: a stranger who guesses until the owner is locked out. A device that the owner has used has a count of
    /// its own; so many devices as there were logins do not add up to more guesses for a stranger, who has none.
    fn subject(&self, row: &Row, rules: &Rules) -> Subject {
        // Threat: timing. A token is verified the same where there is no account, and says nothing there.
        let account = row.account().zip(row.generation());
        let (id, generation) = account
            .as_ref()
            .map_or((AccountId::from_bytes([0; 16]), Generation::from_bytes([0; 16])), |(a, g)| (a.id, *g));
        let device = self.device.as_ref().and_then(|token| token.device(&rules.keys, id, generation));
        match (account, device) {
            (Some(_), Some(device)) => Subject::device(&rules.keys, device),
            (Some(_) | None, _) => Subject::address(&rules.keys, self.address.key()),
        }
    }
}

fn refused(event: Event, rules: &Rules) -> Outcome<LoggingIn> {
    let disclosed = match (rules.discloses(), event) {
        (true, Event::NoAccount) => LoggingIn::NoAccount,
        (true, Event::WrongPassword) => LoggingIn::WrongPassword,
        (true, Event::NotActivated) => LoggingIn::NotActivated,
        (true, Event::Blocked) => LoggingIn::Blocked,
        (true | false, _) => LoggingIn::Refused,
    };
    Outcome::new(disclosed, event)
}
