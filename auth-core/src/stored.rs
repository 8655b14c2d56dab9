//! Values as bytes, for stores without columns of their own.

use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    AccountId, AddressKey, Attempt, Generation, LastMail, LeaseToken, Locale, MailId, OwedMail, Purpose,
    QueuedMail, Row, Secret, Session, Slot, Status, Time, TokenBucket, domain::MailState, snapshot,
};

/// A value that a store can keep as bytes: [`Row`], [`QueuedMail`], [`Session`], [`Slot`] and [`TokenBucket`].
///
/// The bytes may be kept for as long as the account exists: every later version of this crate reads them. They are
/// not encrypted, and contain all that the value contains, such as hashes of passwords: protect them like passwords.
pub trait Stored: sealed::Sealed + Serialize + DeserializeOwned {
    /// Writes the value to bytes.
    fn to_bytes(&self) -> Secret<Vec<u8>> {
        Secret::new(snapshot::to_bytes(&(Self::FORMAT, Self::MARK, self)))
    }

    /// Reads the value from bytes.
    ///
    /// # Errors
    /// [`BadStored`] for bytes that neither this version nor an earlier one wrote for this type.
    fn from_bytes(bytes: &[u8]) -> Result<Self, BadStored> {
        match bytes.split_first_chunk() {
            Some(([format, mark], rest)) if *mark == Self::MARK => {
                let read =
                    if *format == Self::FORMAT { whole(rest) } else { Self::read_earlier(*format, rest) };
                read.ok_or(BadStored)
            }
            Some(_) | None => Err(BadStored),
        }
    }
}

/// Reads a value that takes all of the bytes.
fn whole<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Some(value),
        Ok(_) | Err(_) => None,
    }
}

mod sealed {
    pub trait Sealed: Sized {
        /// The first byte: another number is another format of this type.
        const FORMAT: u8;
        /// The second byte: a row is never read as a mail.
        const MARK: u8;

        /// Reads what an earlier version wrote after these two bytes.
        fn read_earlier(_format: u8, _bytes: &[u8]) -> Option<Self> {
            None
        }
    }
}

impl sealed::Sealed for Row {
    const FORMAT: u8 = 2;
    const MARK: u8 = b'r';

    fn read_earlier(format: u8, bytes: &[u8]) -> Option<Self> {
        if format == 1 { whole::<Row1>(bytes).map(Into::into) } else { None }
    }
}

impl sealed::Sealed for QueuedMail {
    const FORMAT: u8 = 2;
    const MARK: u8 = b'm';

    fn read_earlier(format: u8, bytes: &[u8]) -> Option<Self> {
        if format == 1 { whole::<QueuedMail1>(bytes).map(Into::into) } else { None }
    }
}

impl sealed::Sealed for Session {
    const FORMAT: u8 = 1;
    const MARK: u8 = b'e';
}

impl sealed::Sealed for Slot {
    const FORMAT: u8 = 1;
    const MARK: u8 = b's';
}

impl sealed::Sealed for TokenBucket {
    const FORMAT: u8 = 1;
    const MARK: u8 = b'b';
}

impl Stored for Row {}
impl Stored for QueuedMail {}
impl Stored for Session {}
impl Stored for Slot {}
impl Stored for TokenBucket {}

/// A row of format 1: without ids, blocks and changes of address.
#[derive(Deserialize)]
struct Row1 {
    status: Status1,
    last_mail: Option<LastMail>,
    last_notice: Option<Time>,
    expires: Option<Time>,
}

#[derive(Deserialize)]
enum Status1 {
    Vacant,
    Pending(Attempt),
    Active { attempt: Attempt, since: Time },
}

impl From<Row1> for Row {
    fn from(Row1 { status, last_mail, last_notice, expires }: Row1) -> Self {
        let status = match status {
            Status1::Vacant => Status::Vacant,
            Status1::Pending(attempt) => Status::Pending(attempt),
            Status1::Active { attempt, since } => {
                // Nothing drew a new generation then.
                let id = AccountId::of(attempt.generation);
                Status::Active { attempt, id, since, blocked: false, moving: None }
            }
        };
        Self { status, last_mail, last_notice, expires }
    }
}

/// A mail of format 1: without a recipient of its own.
#[derive(Deserialize)]
struct QueuedMail1 {
    key: AddressKey,
    mail: OwedMail1,
    next: Time,
    attempts: u32,
    unknowns: u8,
    lease: Option<LeaseToken>,
    state: MailState,
}

#[derive(Deserialize)]
struct OwedMail1 {
    id: MailId,
    purpose: Purpose,
    generation: Generation,
    locale: Locale,
    first_due: Time,
}

impl From<QueuedMail1> for QueuedMail {
    fn from(QueuedMail1 { key, mail, next, attempts, unknowns, lease, state }: QueuedMail1) -> Self {
        let OwedMail1 { id, purpose, generation, locale, first_due } = mail;
        let mail = OwedMail { id, purpose, generation, locale, first_due, to: None };
        Self { key, mail, next, attempts, unknowns, lease, state }
    }
}

/// The error for bytes that are not a stored value of the type, are damaged, or come from a later version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadStored;

impl fmt::Display for BadStored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the stored bytes are damaged, of another type, or written by a later version of auth-core",
        )
    }
}

impl core::error::Error for BadStored {}
