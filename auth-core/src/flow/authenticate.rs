//! Recognising the account of a session: one read, and now and then a record of its use.

use serde::{Deserialize, Serialize};

use super::{
    Outcome,
    shared::session::{Current, current},
};
use crate::{
    Answers, Event, Flow, PutSession, Rules, SessionChange, Stop,
    domain::{Account, Session, SessionToken},
};

/// The flow that recognises the account of a session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Authenticate {
    /// The token that the visitor shows.
    pub token: SessionToken,
}

/// Whose session it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authentication {
    /// The session counts.
    Authenticated {
        /// The account.
        account: Account,
        /// The session, its use now included.
        session: Session,
        /// Whether its password was given recently.
        fresh: bool,
    },
    /// No session with this token counts: it ended, or there never was one.
    NoSession,
}

impl Flow for Authenticate {
    type Outcome = Outcome<Authentication>;
    const NAME: &'static str = "authenticate";

    fn run(&self, rules: &Rules, answers: &mut Answers<'_>) -> Result<Self::Outcome, Stop> {
        let Some(Current { now, mut session, account, .. }) = current(&self.token, rules, answers)? else {
            return Ok(Outcome::new(Authentication::NoSession, Event::NoSession));
        };
        if now.since(session.seen) >= rules.sessions.between_records() {
            (session.seen, session.expires) = (now, rules.sessions.end(session.created, now));
            let change = SessionChange::Touch { seen: session.seen, expires: session.expires };
            // If it is not recorded, the next use is.
            let _ = answers.try_ask(PutSession { token: self.token.hash(), change })?;
        }
        let fresh = session.is_fresh(now, rules);
        Ok(Outcome::new(Authentication::Authenticated { account, session, fresh }, Event::Authenticated))
    }
}
