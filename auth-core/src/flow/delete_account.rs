//! Deleting an account in a session whose password was just given: nothing is left of it but a mail to its owner.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Outcome,
    shared::{
        era::{Decision, Ended, Era, Rounds},
        session::{Entered, enter, entered},
    },
};
use crate::{
    Answers, Event, Flow, Rules, Stop,
    domain::{Client, MailId, Purpose, SessionToken, Status, Stream, micros},
};

/// The flow that deletes an account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeleteAccount {
    /// The token that the visitor shows; its session must be fresh.
    pub token: SessionToken,
    /// The client that asks.
    pub client: Client,
}

/// What deleting an account discloses to the visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deleting {
    /// The account is gone, with its sessions.
    Deleted,
    /// The password was not given recently: confirm the session first.
    ConfirmFirst,
    /// No session with this token counts.
    NoSession,
    /// The client asks too often.
    RateLimited {
        /// The time until another request is admitted.
        #[serde(with = "micros")]
        retry_after: Duration,
    },
    /// Others change the same account at the same time; try again.
    Contended,
}

impl Flow for DeleteAccount {
    type Outcome = Outcome<Deleting>;
    const NAME: &'static str = "delete_account";

    fn run(&self, rules: &Rules, answers: &mut Answers<'_>) -> Result<Self::Outcome, Stop> {
        let entered = enter(&self.token, self.client, rules, answers)?;
        let (seed, current) = entered!(entered, Deleting);
        if !current.session.is_fresh(current.now, rules) {
            return Ok(Outcome::new(Deleting::ConfirmFirst, Event::NotFresh));
        }
        let id = MailId::from_bytes(Stream::new(&seed.0, "delete_account").bytes());
        let era = Era::of(&current);
        let mut rounds = Rounds::new(era.key, None);
        let ended = loop {
            let read = rounds.read(answers)?;
            let decision = match era.row(&read) {
                Some(row) => {
                    let mail = row.farewell(Purpose::AccountDeleted, id, read.now);
                    era.ends(&read, row.deleted(read.now), mail)
                }
                // Threat: an account that has moved, and whose owner is told that it is gone.
                None if !rounds.unknown || matches!(read.at_its_time().status, Status::Active { .. }) => {
                    Decision::Superseded
                }
                None => Decision::Done,
            };
            if let Some(ended) = rounds.end(decision, answers)? {
                break ended;
            }
        };
        Ok(match ended {
            Ended::Done => Outcome::new(Deleting::Deleted, Event::AccountDeleted),
            Ended::Superseded => Outcome::new(Deleting::NoSession, Event::NoSession),
            Ended::Contended => Outcome::new(Deleting::Contended, Event::Contended),
        })
    }
}
