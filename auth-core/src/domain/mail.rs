//! The mails that an account store owes, their leases, and how they end.

use alloc::string::String;
use core::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Address, AddressKey, Generation, Locale, Time, client::printable, micros};

/// The purpose of a mail; per address at most one of each waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A mail with a code that activates a pending account.
    Activation,
    /// A mail that notifies the owner of an active account that somebody asked to register it.
    Notice,
    /// A mail with a token that sets a new password.
    Reset,
    /// A mail that tells the owner of an account that its password has changed.
    PasswordChanged,
    /// A mail that tells the owner of an account that it was deleted.
    AccountDeleted,
    /// A mail with a code that moves an account to the address that it goes to. Its generation is that of the
    /// [`Moving`](crate::Moving).
    AddressChange,
    /// A mail that tells the owner of an account, at the address before, that it has moved.
    AddressChanged,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 7] = [
        Self::Activation,
        Self::Notice,
        Self::Reset,
        Self::PasswordChanged,
        Self::AccountDeleted,
        Self::AddressChange,
        Self::AddressChanged,
    ];

    /// Returns the number for stores.
    pub const fn number(self) -> u8 {
        match self {
            Self::Activation => 1,
            Self::Notice => 2,
            Self::Reset => 3,
            Self::PasswordChanged => 4,
            Self::AccountDeleted => 5,
            Self::AddressChange => 6,
            Self::AddressChanged => 7,
        }
    }

    /// Returns the purpose with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.number() == number)
    }

    /// Returns the name for templates and listings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Activation => "activation",
            Self::Notice => "notice",
            Self::Reset => "reset",
            Self::PasswordChanged => "password_changed",
            Self::AccountDeleted => "account_deleted",
            Self::AddressChange => "address_change",
            Self::AddressChanged => "address_changed",
        }
    }
}

/// The identity of one owed mail: 128 random bits. Its retries have the same, a newer mail another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MailId(#[serde(with = "crate::bytes")] [u8; 16]);

impl MailId {
    /// Makes an id from the bytes in a store.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes to store.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for MailId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for MailId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MailId({self})")
    }
}

/// The identity of one lease of a mail: 128 random bits that the store drew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseToken(#[serde(with = "crate::bytes")] [u8; 16]);

impl LeaseToken {
    /// Makes a token from 16 random bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes to store or compare.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// A worker's exclusive right to a mail: valid until the mail is settled, another worker takes over because the lease
/// expired, or a newer mail replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The mail.
    pub mail: MailId,
    /// The token of the lease.
    pub token: LeaseToken,
}

/// A mail that a commit enqueues. It replaces a waiting one of its purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwedMail {
    /// Its id.
    pub id: MailId,
    /// Its purpose.
    pub purpose: Purpose,
    /// The attempt that it belongs to.
    pub generation: Generation,
    /// The language to write in.
    pub locale: Locale,
    /// When the mail was first due, on the store's clock. It never changes: the policy's `mail_give_up` counts from
    /// here. The store keeps the time of the next try separately.
    pub first_due: Time,
    /// Whom it goes to; `None` for the address of the attempt that it belongs to. Such a mail is sent whatever becomes
    /// of the attempt.
    pub to: Option<Address>,
}

/// A mail in the outbox that is not dead, read together with its account's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingMail {
    /// Its id.
    pub id: MailId,
    /// Its purpose.
    pub purpose: Purpose,
    /// The attempt that it belongs to.
    pub generation: Generation,
    /// Whether a worker has it.
    pub state: WaitingState,
}

/// Whether a worker has a mail of the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitingState {
    /// No worker has it: it was never leased, is to be retried, or its lease expired.
    Free {
        /// When it may be leased, on the store's clock.
        next: Time,
    },
    /// A worker has it under a lease that has not expired.
    Held {
        /// The worker's lease.
        token: LeaseToken,
    },
}

/// A mail that a worker has leased: the input of the flow [`Deliver`](crate::Deliver).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeasedMail {
    /// The lease to settle.
    pub lease: Lease,
    /// The address that it belongs to.
    pub key: AddressKey,
    /// The mail as the commit enqueued it.
    pub mail: OwedMail,
    /// The number of leases of the mail, this one included.
    pub attempts: u32,
    /// The number of attempts that have begun and whose outcome is unknown.
    pub unknowns: u8,
}

/// A mail server's message, for the operator: printable ASCII, at most 200 bytes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String")]
pub struct Detail(String);

impl Detail {
    /// Makes a detail from a text; other characters become `?`, the rest past 200 is cut off.
    pub fn new(text: &str) -> Self {
        // Threat: a mail server's reply that forges log lines or terminal output.
        Self(text.chars().take(200).map(printable).collect())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// Threat: personal data in logs. Mail servers often quote the address.
impl fmt::Debug for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Detail([personal])")
    }
}

impl From<String> for Detail {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

/// What happens to a leased mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settlement {
    /// The server accepted the mail: delete it.
    Sent,
    /// The mail is no longer needed: delete it.
    Superseded,
    /// Try again later.
    Retry {
        /// The time until then, on the store's clock.
        #[serde(with = "micros")]
        after: Duration,
        /// The number of attempts that have begun and whose outcome is unknown.
        unknowns: u8,
        /// The reason.
        detail: Detail,
    },
    /// Give up; keep it for the operator.
    Dead {
        /// The reason.
        detail: Detail,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn details_are_one_printable_line() {
        assert_eq!(Detail::new("550 no\r\n\u{1b}[31mx \u{e9}").as_str(), "550 no???[31mx ?");
        assert_eq!(Detail::new(&"y".repeat(500)).as_str().len(), 200);
    }

    #[test]
    fn purposes_and_ids_round_trip() {
        for purpose in Purpose::ALL {
            assert_eq!(Purpose::from_number(purpose.number()), Some(purpose));
        }
        assert_eq!(Purpose::from_number(0), None);
        assert_eq!(MailId::from_bytes([0xab; 16]).to_string(), "ab".repeat(16));
    }
}
