//! Ending a session: one write, whatever the session is.

use serde::{Deserialize, Serialize};

use super::Outcome;
use crate::{
    Answers, Event, Flow, PutSession, Rules, SessionChange, SessionStored, Stop, domain::SessionToken,
};

/// The flow that ends a session. It ends well if there is none: it is over in any case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Logout {
    /// The token that the visitor shows.
    pub token: SessionToken,
}

impl Flow for Logout {
    type Outcome = Outcome<()>;
    const NAME: &'static str = "logout";

    fn run(&self, _: &Rules, answers: &mut Answers<'_>) -> Result<Self::Outcome, Stop> {
        let ends = || PutSession { token: self.token.hash(), change: SessionChange::End };
        let event = match answers.ask_made(ends)? {
            SessionStored::Done => Event::LoggedOut,
            SessionStored::Gone => Event::NoSession,
        };
        Ok(Outcome::new((), event))
    }
}
