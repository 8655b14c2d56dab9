//! What an operator does with an account, as steps of its row.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    AccountId, Attempt, Generation, Purpose, Row, Status, Time,
    account::{Asked, Step},
};
use crate::Event;

/// How long an account that was imported and is not proven waits for its owner to ask for a mail: nobody tells them.
const UNPROVEN: Duration = Duration::from_secs(30 * 86_400);

/// What an operator does with an account, without its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Block it: nothing authenticates as it, nobody can set a new password, and whatever was proven before is over.
    Block,
    /// Let it authenticate again. What the block has ended stays over.
    Unblock,
    /// End every session of it, and make its devices unknown ones.
    Logout,
    /// Send its owner a mail that sets a new password. It leaves when the address's interval allows.
    Reset,
    /// Delete it, or a registration that waits. The owner of an account is told.
    Delete,
}

impl Action {
    /// Returns whether the account's sessions are over with it.
    pub(crate) const fn ends(self) -> bool {
        match self {
            Self::Block | Self::Logout | Self::Delete => true,
            Self::Unblock | Self::Reset => false,
        }
    }
}

impl Row {
    /// Returns whose row it is: the account's id, or what it will be once a registration that waits is activated.
    pub fn identity(&self) -> Option<AccountId> {
        match &self.status {
            Status::Vacant => None,
            Status::Pending(attempt) => Some(AccountId::of(attempt.generation)),
            Status::Active { id, .. } => Some(*id),
        }
    }

    /// Does what an operator asks for. `Err`: why nothing is to be done.
    ///
    /// Of a registration that waits only its deletion means something: whoever registers next would not be blocked.
    pub(crate) fn acted(self, action: Action, new: Generation, asked: Asked) -> Result<Step, Event> {
        let is_blocked = match &self.status {
            Status::Vacant => return Err(Event::NoAccount),
            Status::Pending(_) if action == Action::Delete => false,
            Status::Pending(_) => return Err(Event::NotActivated),
            Status::Active { blocked, .. } => *blocked,
        };
        let step = |row, event| Step { row, mail: None, event };
        Ok(match action {
            Action::Block => step(self.with_blocked(true).renewed(new), Event::AccountBlocked),
            Action::Unblock => step(self.with_blocked(false), Event::AccountUnblocked),
            Action::Logout => step(self.renewed(new), Event::LoggedOutEverywhere),
            Action::Reset if is_blocked => return Err(Event::Blocked),
            Action::Reset => self.forgot(asked),
            Action::Delete => {
                let mail = self.farewell(Purpose::AccountDeleted, asked.id, asked.now);
                Step { mail, ..step(self.deleted(asked.now), Event::AccountDeleted) }
            }
        })
    }

    /// Takes an account of another program in, active since then, or pending. `Err`: what is here already, and stays; or
    /// that it is this attempt.
    ///
    /// Threat: a stranger registers an address before its owner is imported, and so keeps them out. What is proven there
    /// takes the place of what is not.
    pub(crate) fn imported(self, attempt: Attempt, since: Option<Time>, now: Time) -> Result<Self, Event> {
        // A commit whose reply was lost.
        if self.generation() == Some(attempt.generation) {
            return Err(Event::Imported);
        }
        match (&self.status, since) {
            (Status::Active { .. }, _) => Err(Event::AlreadyActive),
            (Status::Pending(_), None) => Err(Event::NotActivated),
            (Status::Vacant | Status::Pending(_), Some(since)) => {
                let id = AccountId::of(attempt.generation);
                let status = Status::Active { attempt, id, since, blocked: false, moving: None };
                Ok(Self { status, expires: None, ..self })
            }
            (Status::Vacant, None) => {
                let expires = Some(now.after(UNPROVEN));
                Ok(Self { status: Status::Pending(attempt), expires, ..self })
            }
        }
    }

    fn with_blocked(mut self, is: bool) -> Self {
        if let Status::Active { blocked, .. } = &mut self.status {
            *blocked = is;
        }
        self
    }
}
