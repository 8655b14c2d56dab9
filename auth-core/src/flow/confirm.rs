//! Confirming a session with the password: a new, fresh one in its place (OWASP ASVS 5.0, 7.2.4).

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Outcome,
    shared::{
        guess::{self, Proof},
        session::{Entered, enter, entered, open},
    },
};
use crate::{
    Answers, Event, Flow, Rules, SessionStored, Stop,
    domain::{Client, Salt, Session, SessionToken, Stream, micros},
};

/// The flow that makes a session fresh with the password that the host keeps outside the run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Confirm {
    /// The token that the visitor shows.
    pub token: SessionToken,
    /// The client that asks.
    pub client: Client,
}

/// What a confirmation discloses to the visitor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confirmation {
    /// A fresh session has taken the place of the old one.
    Confirmed {
        /// Its token.
        token: SessionToken,
        /// How long it lasts at most.
        #[serde(with = "micros")]
        expires_in: Duration,
    },
    /// The password is wrong; the session stays as it is.
    PasswordRefused,
    /// No session with this token counts.
    NoSession,
    /// The client asks too often, or too many passwords were tried.
    RateLimited {
        /// The time until another request is admitted.
        #[serde(with = "micros")]
        retry_after: Duration,
    },
}

impl Flow for Confirm {
    type Outcome = Outcome<Confirmation>;
    const NAME: &'static str = "confirm";

    fn run(&self, rules: &Rules, answers: &mut Answers<'_>) -> Result<Self::Outcome, Stop> {
        let entered = enter(&self.token, self.client, rules, answers)?;
        let (seed, current) = entered!(entered, Confirmation);
        let mut random = Stream::new(&seed.0, "confirm");
        let dummy = Salt::from_bytes(random.bytes());
        match guess::prove(&current, dummy, rules, answers)? {
            Proof::Right => {}
            Proof::Wrong => return Ok(Outcome::new(Confirmation::PasswordRefused, Event::WrongPassword)),
            Proof::TooMany { retry_after } => {
                return Ok(Outcome::new(Confirmation::RateLimited { retry_after }, Event::TooManyGuesses));
            }
        }
        let token = SessionToken::draw(&mut random);
        let old = &current.session;
        let session = Session::draw(old.account, old.generation, current.now, &old.agent, rules, &mut random);
        let stored = open(&token, session, Some(self.token.hash()), answers)?;
        // Threat: a confirmation that races a logout, and brings the session back.
        Ok(match stored {
            SessionStored::Done => {
                let expires_in = rules.sessions.whole;
                Outcome::new(Confirmation::Confirmed { token, expires_in }, Event::Confirmed)
            }
            SessionStored::Gone => Outcome::new(Confirmation::NoSession, Event::NoSession),
        })
    }
}
