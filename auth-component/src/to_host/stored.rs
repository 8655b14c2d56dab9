//! What a store keeps: rows, mails and sessions.

use auth_core::{Attempt, Moving, OwedMail, Purpose, Row, Session, Status, Time, WaitingMail, WaitingState};

use super::{micros, octets, text};
use crate::wit;

impl From<&Row> for wit::Row {
    fn from(row: &Row) -> Self {
        Self {
            status: match &row.status {
                Status::Vacant => wit::Status::Vacant,
                Status::Pending(attempt) => wit::Status::Pending(attempt.into()),
                Status::Active { attempt, id, since, blocked, moving } => wit::Status::Active(wit::Active {
                    attempt: attempt.into(),
                    id: octets(id.as_bytes()),
                    since: since.as_micros(),
                    blocked: *blocked,
                    moving: moving.as_ref().map(Into::into),
                }),
            },
            last_mail: row.last_mail.map(|last| wit::LastMail {
                due: last.due.as_micros(),
                interval: micros(&last.interval),
                left: last.left,
            }),
            last_notice: row.last_notice.map(Time::as_micros),
            expires: row.expires.map(Time::as_micros),
        }
    }
}

impl From<Purpose> for wit::Purpose {
    fn from(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Activation => Self::Activation,
            Purpose::Notice => Self::Notice,
            Purpose::Reset => Self::Reset,
            Purpose::PasswordChanged => Self::PasswordChanged,
            Purpose::AccountDeleted => Self::AccountDeleted,
            Purpose::AddressChange => Self::AddressChange,
            Purpose::AddressChanged => Self::AddressChanged,
        }
    }
}

impl From<WaitingMail> for wit::WaitingMail {
    fn from(mail: WaitingMail) -> Self {
        let state = match mail.state {
            WaitingState::Free { next } => wit::WaitingState::Free(wit::FreeMail { next: next.as_micros() }),
            WaitingState::Held { token } => {
                wit::WaitingState::Held(wit::HeldMail { token: octets(token.as_bytes()) })
            }
        };
        Self {
            id: octets(mail.id.as_bytes()),
            purpose: mail.purpose.into(),
            generation: octets(mail.generation.as_bytes()),
            state,
        }
    }
}

impl From<&Attempt> for wit::Attempt {
    fn from(attempt: &Attempt) -> Self {
        Self {
            generation: octets(attempt.generation.as_bytes()),
            address: text(attempt.address.given()),
            locale: text(attempt.locale.as_str()),
            password: wit::PasswordRecord {
                params: attempt.password.params.into(),
                salt: octets(attempt.password.salt.as_bytes()),
                hash: octets(attempt.password.hash.expose()),
            },
        }
    }
}

impl From<&OwedMail> for wit::OwedMail {
    fn from(mail: &OwedMail) -> Self {
        Self {
            id: octets(mail.id.as_bytes()),
            purpose: mail.purpose.into(),
            generation: octets(mail.generation.as_bytes()),
            locale: text(mail.locale.as_str()),
            first_due: mail.first_due.as_micros(),
            to: mail.to.as_ref().map(|address| text(address.given())),
        }
    }
}

impl From<&Moving> for wit::Moving {
    fn from(moving: &Moving) -> Self {
        Self {
            address: text(moving.address.given()),
            generation: octets(moving.generation.as_bytes()),
            until: moving.until.as_micros(),
        }
    }
}

impl From<&Session> for wit::Session {
    fn from(session: &Session) -> Self {
        Self {
            id: octets(session.id.as_bytes()),
            account: octets(session.account.as_bytes()),
            generation: octets(session.generation.as_bytes()),
            created: session.created.as_micros(),
            proven: session.proven.as_micros(),
            seen: session.seen.as_micros(),
            expires: session.expires.as_micros(),
            agent: text(session.agent.as_str()),
        }
    }
}
