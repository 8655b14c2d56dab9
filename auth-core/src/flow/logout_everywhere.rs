//! Ending every session of an account: a new generation, under which nothing earlier counts.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Outcome, ROUNDS,
    shared::{guess, session::current},
};
use crate::{
    Answers, Commit, CommitAccount, Event, Fault, FindAccount, Flow, Random, Rules, Stop,
    domain::{Generation, SessionToken, Status, Stream, Subject, micros},
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
        let (new, old) =
            (Generation::draw(&mut Stream::new(&seed, "logout_everywhere")), current.session.generation);
        let account = current.account.id;
        if let Some(retry_after) = guess::too_many(Subject::changes(&rules.keys, account), answers)? {
            return Ok(Outcome::new(LoggingOut::RateLimited { retry_after }, Event::TooManyChanges));
        }
        for round in 0..=ROUNDS {
            let found = answers.ask(FindAccount { key: current.key.clone() })?;
            let row = found.at_its_time();
            // Nobody else's commit is undone: under another generation the session is over already.
            if row.generation() != Some(old)
                || !matches!(row.status, Status::Active { id, .. } if id == account)
            {
                return Ok(Outcome::new(LoggingOut::LoggedOut, Event::LoggedOutEverywhere));
            }
            if round == ROUNDS {
                break;
            }
            let commit = found.replace(&current.key, row.renewed(new), None);
            match answers.try_ask(CommitAccount { end: Some(account), ..commit })? {
                Ok(Commit::Committed) => {
                    return Ok(Outcome::new(LoggingOut::LoggedOut, Event::LoggedOutEverywhere));
                }
                Ok(Commit::Conflict) | Err(Fault::Unknown) => {}
                Err(Fault::NotDone) => return Err(Answers::broken::<CommitAccount>(Fault::NotDone)),
            }
        }
        Ok(Outcome::new(LoggingOut::Contended, Event::Contended))
    }
}
