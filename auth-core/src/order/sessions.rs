//! The orders of sessions, and their replies.

use serde::{Deserialize, Serialize};

use crate::domain::{AddressKey, Row, Session, SessionHash, Time};

/// An order: read the session of a token and the account that it is of. Its reply is [`FoundSession`], its class
/// [`Class::Read`](crate::Class::Read). It is read where sessions are written, never from a replica: one that was ended
/// must not count for a moment longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FindSession {
    /// The hash of the token.
    pub token: SessionHash,
}

/// The reply to [`FindSession`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundSession {
    /// The current time of the store's clock.
    pub now: Time,
    /// The session, whether it still counts or not.
    pub session: Option<Session>,
    /// The account whose id the session has: its address key and its row, from the same read.
    pub account: Option<(AddressKey, Row)>,
}

/// An order: open a session, record that it is used, or end it. Its reply is [`SessionStored`], its class
/// [`Class::Write`](crate::Class::Write).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PutSession {
    /// The hash of the session's token.
    pub token: SessionHash,
    /// What to do.
    pub change: SessionChange,
}

/// What happens to a session.
///
/// Threat: a request that renews a session while another one ends it writes it back. Each verb says what must be
/// there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionChange {
    /// Inserts it if its account is active under its generation and not blocked, and deletes the account's oldest sessions
    /// beyond the `newest`. With `replaces`, that session is deleted; if it is not there any more, nothing happens. One
    /// that is there already stays as it is.
    Open {
        /// The session.
        session: Session,
        /// The session in whose place it comes.
        replaces: Option<SessionHash>,
        /// The number of sessions that an account may have.
        newest: u16,
    },
    /// Records a use, if it is there and was last used before `seen`.
    Touch {
        /// When it was used.
        seen: Time,
        /// When it ends if it is not used again.
        expires: Time,
    },
    /// Deletes it, if it is there.
    End,
}

/// The reply to [`PutSession`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionStored {
    /// It was done.
    Done,
    /// Nothing was changed: the session to touch, end or replace is not there, or was used later; or the account of the
    /// one to open is not.
    Gone,
}
