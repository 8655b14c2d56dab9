//! Ending every session of an account: a new generation, under which nothing earlier counts.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Outcome,
    shared::{
        era::{Decision, Ended, Era, Rounds},
        guess,
        session::current,
    },
};
use crate::{
    Answers, Event, Flow, Random, Rules, Stop,
    domain::{Generation, SessionToken, Stream, Subject, micros},
};

/// The flow that ends every session of an account, this one included, and makes its devices unknown ones.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LogoutEverywhere {
    /// The token that the visitor shows; its session must be fresh.
    pub token: SessionToken,
}

/// What ending every session discloses to the visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoggingOut {
    /// No session of the account counts any more.
    LoggedOut,
    /// The password was not given recently: confirm the session first.
    ConfirmFirst,
    /// No session with this token counts.
    NoSession,
    /// The account was changed too often.
    RateLimited {
        /// The time until another change is admitted.
        #[serde(with = "micros")]
        retry_after: Duration,
    },
    /// Others change the same account at the same time; try again.
    Contended,
}

impl Flow for LogoutEverywhere {
    type Outcome = Outcome<LoggingOut>;
    const NAME: &'static str = "logout_everywhere";

    fn run(&self, rules: &Rules, answers: &mut Answers<'_>) -> Result<Self::Outcome, Stop> {
        let seed = answers.ask(Random)?.0;
        let Some(current) = current(&self.token, rules, answers)? else {
            return Ok(Outcome::new(LoggingOut::NoSession, Event::NoSession));
        };
        if !current.session.is_fresh(current.now, rules) {
            return Ok(Outcome::new(LoggingOut::ConfirmFirst, Event::NotFresh));
        }
        let changes = Subject::changes(&rules.keys, current.account.id);
        if let Some(retry_after) = guess::too_many(changes, answers)? {
            return Ok(Outcome::new(LoggingOut::RateLimited { retry_after }, Event::TooManyChanges));
        }
        let new = Generation::draw(&mut Stream::new(&seed, "logout_everywhere"));
        let era = Era::of(&current);
        let mut rounds = Rounds::new(era.key, None);
        let ended = loop {
            let read = rounds.read(answers)?;
            let decision =
                era.row(&read).map_or(Decision::Done, |row| era.ends(&read, row.renewed(new), None));
            if let Some(ended) = rounds.end(decision, answers)? {
                break ended;
            }
        };
        Ok(match ended {
            // Nobody else's commit is undone: under another generation the session is over already.
            Ended::Done | Ended::Superseded => {
                Outcome::new(LoggingOut::LoggedOut, Event::LoggedOutEverywhere)
            }
            Ended::Contended => Outcome::new(LoggingOut::Contended, Event::Contended),
        })
    }
}
