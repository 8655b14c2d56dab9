//! What a store keeps, as a host gives it back: rows, mails and sessions.

use auth_core::{
    AccountId, Address, AddressKey, Attempt, Generation, LastMail, Lease, LeaseToken, LeasedMail, Locale,
    MailId, Moving, OwedMail, PasswordRecord, Purpose, Row, Salt, Session, SessionId, Status, Time,
    UserAgent, WaitingMail, WaitingState,
};

use super::{Malformed, hashing, malformed, micros, octets, secret};
use crate::wit;

pub(super) fn leased_mail(leased: &wit::LeasedMail) -> Result<LeasedMail, Malformed> {
    let wit::LeasedMail { lease, key, mail, attempts, unknowns } = leased;
    let token = LeaseToken::from_bytes(octets(&lease.token, malformed!("token", "16 bytes"))?);
    Ok(LeasedMail {
        lease: Lease { mail: mail_id(&lease.mail)?, token },
        key: self::key(key)?,
        mail: OwedMail {
            id: mail_id(&mail.id)?,
            purpose: purpose(mail.purpose),
            generation: generation(&mail.generation)?,
            locale: locale(&mail.locale)?,
            first_due: Time::from_micros(mail.first_due),
            to: mail.to.as_deref().map(address).transpose()?,
        },
        attempts: *attempts,
        unknowns: *unknowns,
    })
}

pub(super) fn key(key: &str) -> Result<AddressKey, Malformed> {
    AddressKey::parse(key).map_err(|_| malformed!("key", "the key of an address"))
}

fn address(address: &str) -> Result<Address, Malformed> {
    Address::parse(address).map_err(|_| malformed!("address", "an address"))
}

fn mail_id(id: &[u8]) -> Result<MailId, Malformed> {
    octets(id, malformed!("mail", "16 bytes")).map(MailId::from_bytes)
}

pub(super) fn account_id(id: &[u8]) -> Result<AccountId, Malformed> {
    octets(id, malformed!("account", "16 bytes")).map(AccountId::from_bytes)
}

fn generation(generation: &[u8]) -> Result<Generation, Malformed> {
    octets(generation, malformed!("generation", "16 bytes")).map(Generation::from_bytes)
}

pub(super) fn locale(tag: &str) -> Result<Locale, Malformed> {
    Locale::parse(tag).map_err(|_| malformed!("locale", "1 to 35 letters, digits, hyphens"))
}

pub(super) fn row(row: &mut wit::Row) -> Result<Row, Malformed> {
    Ok(Row {
        status: match &mut row.status {
            wit::Status::Vacant => Status::Vacant,
            wit::Status::Pending(pending) => Status::Pending(attempt(pending)?),
            wit::Status::Active(active) => Status::Active {
                attempt: attempt(&mut active.attempt)?,
                id: account_id(&active.id)?,
                since: Time::from_micros(active.since),
                blocked: active.blocked,
                moving: active.moving.as_ref().map(moving).transpose()?,
            },
        },
        last_mail: row.last_mail.map(|last| LastMail {
            due: Time::from_micros(last.due),
            interval: micros(last.interval),
            left: last.left,
        }),
        last_notice: row.last_notice.map(Time::from_micros),
        expires: row.expires.map(Time::from_micros),
    })
}

const fn purpose(purpose: wit::Purpose) -> Purpose {
    match purpose {
        wit::Purpose::Activation => Purpose::Activation,
        wit::Purpose::Notice => Purpose::Notice,
        wit::Purpose::Reset => Purpose::Reset,
        wit::Purpose::PasswordChanged => Purpose::PasswordChanged,
        wit::Purpose::AccountDeleted => Purpose::AccountDeleted,
        wit::Purpose::AddressChange => Purpose::AddressChange,
        wit::Purpose::AddressChanged => Purpose::AddressChanged,
    }
}

pub(super) fn waiting(mail: &wit::WaitingMail) -> Result<WaitingMail, Malformed> {
    let state = match &mail.state {
        wit::WaitingState::Free(free) => WaitingState::Free { next: Time::from_micros(free.next) },
        wit::WaitingState::Held(held) => WaitingState::Held {
            token: LeaseToken::from_bytes(octets(&held.token, malformed!("token", "16 bytes"))?),
        },
    };
    let (id, generation) = (mail_id(&mail.id)?, generation(&mail.generation)?);
    Ok(WaitingMail { id, purpose: purpose(mail.purpose), generation, state })
}

fn attempt(attempt: &mut wit::Attempt) -> Result<Attempt, Malformed> {
    Ok(Attempt {
        generation: generation(&attempt.generation)?,
        address: address(&attempt.address)?,
        locale: locale(&attempt.locale)?,
        password: password(&mut attempt.password)?,
    })
}

pub(super) fn password(record: &mut wit::PasswordRecord) -> Result<PasswordRecord, Malformed> {
    Ok(PasswordRecord {
        params: hashing(&record.params)?,
        salt: Salt::from_bytes(octets(&record.salt, malformed!("salt", "16 bytes"))?),
        hash: secret(&mut record.hash, malformed!("hash", "32 bytes"))?,
    })
}

fn moving(moving: &wit::Moving) -> Result<Moving, Malformed> {
    Ok(Moving {
        address: address(&moving.address)?,
        generation: generation(&moving.generation)?,
        until: Time::from_micros(moving.until),
    })
}

pub(super) fn session(session: &wit::Session) -> Result<Session, Malformed> {
    Ok(Session {
        id: SessionId::from_bytes(octets(&session.id, malformed!("session", "16 bytes"))?),
        account: account_id(&session.account)?,
        generation: generation(&session.generation)?,
        created: Time::from_micros(session.created),
        proven: Time::from_micros(session.proven),
        seen: Time::from_micros(session.seen),
        expires: Time::from_micros(session.expires),
        agent: UserAgent::new(&session.agent),
    })
}
