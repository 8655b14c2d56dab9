//! Values that are valid by construction, and the decisions over them, all pure.
//!
//! Nothing here knows of flows, effects or hosts. Start with `account.rs`: what a row may become; then
//! `mail_interval.rs` (when mails leave) and `odds.rs` (how safe short codes are).

mod account;
mod action;
mod address;
mod blank;
mod bucket;
mod client;
mod code;
mod device;
mod hash;
mod identity;
mod imported;
mod locale;
mod mac;
mod mail;
mod mail_interval;
mod moving;
mod odds;
mod password;
mod password_record;
mod queued;
mod random;
mod session;
mod slot;
mod subject;
mod time;

pub use account::{Account, Attempt, Row, Status, Version};
pub(crate) use account::{Asked, Lifetimes};
pub use action::Action;
pub use address::{Address, AddressError, AddressKey, Recipient};
pub use bucket::TokenBucket;
pub use client::{Client, Rate};
pub use code::{Alphabet, Code, CodeFormat, CodeFormatError};
pub use device::DeviceToken;
pub use hash::{Argon2, ConstrainedFloor, HashFloor, Hashing, KeyId, Scrypt};
pub use identity::{AccountId, Generation};
pub use imported::{Imported, ImportedFunction};
pub use locale::{Locale, LocaleError};
pub use mac::{CodeKey, CodeKeys, CodeKeysError, CodeMac, CodeSlot};
pub use mail::{
    Detail, Lease, LeaseToken, LeasedMail, MailId, OwedMail, Purpose, Settlement, WaitingMail, WaitingState,
};
pub(crate) use mail_interval::Next;
pub use mail_interval::{LastMail, MailInterval};
pub use moving::Moving;
pub use odds::{Odds, OddsLimit};
pub use password::{Estimate, Password, PasswordError, PasswordPolicy, Verdict, Weakness};
pub use password_record::{PasswordRecord, Salt, UnusableHash};
pub(crate) use queued::MailState;
pub use queued::QueuedMail;
pub(crate) use random::Stream;
pub(crate) use session::SessionLifetimes;
pub use session::{ResetToken, Session, SessionHash, SessionId, SessionToken, UserAgent};
pub(crate) use slot::GOOD_CODES;
pub use slot::Slot;
pub use subject::{Subject, SubjectKind};
pub use time::Time;
pub(crate) use time::micros;
