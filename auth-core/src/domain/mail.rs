//! Owns the mails that an account store owes: what one is, who holds it, how it ended.

use alloc::string::String;
use core::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{AddressKey, Generation, Locale, Time, micros};

/// Says what a mail is for; one of each waits per address at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Carries a code that activates a pending account.
    Activation,
    /// Tells the owner of an active account that somebody asked to register it.
    Notice,
}

impl Purpose {
    /// Lists every purpose.
    pub const ALL: [Self; 2] = [Self::Activation, Self::Notice];

    /// Returns the number that stores keep.
    pub const fn number(self) -> u8 {
        match self {
            Self::Activation => 1,
            Self::Notice => 2,
        }
    }

    /// Reads the number back.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.number() == number)
    }

    /// Returns the name, which templates and listings use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Activation => "activation",
            Self::Notice => "notice",
        }
    }
}

/// Names one owed mail: 128 random bits. Its retries keep it, a newer mail has its own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MailId(#[serde(with = "crate::octets")] [u8; 16]);

impl MailId {
    /// Takes the octets back from a store.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the octets to store.
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

/// Names one lease of a mail: 128 random bits that the store drew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseToken(#[serde(with = "crate::octets")] [u8; 16]);

impl LeaseToken {
    /// Takes 16 random octets.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the octets to store or compare.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// Proves that a worker holds a mail: good until it is settled, another worker takes the mail over
/// because its time ran out, or a newer mail comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The mail.
    pub mail: MailId,
    /// The lease of it.
    pub token: LeaseToken,
}

/// Describes a mail that a commit leaves to be sent. It replaces a waiting one of its purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwedMail {
    /// Its name.
    pub id: MailId,
    /// What it is for.
    pub purpose: Purpose,
    /// The attempt that it belongs to.
    pub generation: Generation,
    /// The language to write in.
    pub locale: Locale,
    /// When it was due for the first time, on the store's clock. It never changes: how long a mail is tried counts from
    /// here. When it is tried next is the store's to keep beside it.
    pub first_due: Time,
}

/// A mail in the outbox that is not dead, as it was read beside its account's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingMail {
    /// What it is for.
    pub purpose: Purpose,
    /// Its name.
    pub id: MailId,
    /// Who has it.
    pub state: WaitingState,
}

/// Says who has a mail of the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitingState {
    /// Nobody: it was never leased, is tried again later, or its lease has run out.
    Free {
        /// When it may be leased, on the store's clock.
        next: Time,
    },
    /// A worker, whose lease lasts.
    Held {
        /// The worker's lease.
        token: LeaseToken,
    },
}

/// Describes a mail that a worker has leased: the input of the flow Deliver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeasedMail {
    /// The lease to settle with.
    pub lease: Lease,
    /// Whose mail it is.
    pub key: AddressKey,
    /// What the commit left.
    pub mail: OwedMail,
    /// How many leases the mail has had, this one included.
    pub attempts: u32,
    /// How many attempts have begun whose outcome is not known.
    pub unknowns: u8,
}

/// Carries what a mail server said, for the operator: printable ASCII, at most 200 octets.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String")]
pub struct Detail(String);

impl Detail {
    /// Takes a text; other characters become `?`, the rest past 200 is cut.
    pub fn new(text: &str) -> Self {
        // Threat: a mail server's reply that forges log lines or terminal output.
        let printable = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
        Self(text.chars().take(200).map(printable).collect())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// Threat: personal data in logs. Mail servers like to quote the address.
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

/// Says what becomes of a leased mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settlement {
    /// The server took the mail: forget it.
    Sent,
    /// Nobody needs the mail any more: forget it.
    Superseded,
    /// Try again later.
    Retry {
        /// How much later, on the store's clock.
        #[serde(with = "micros")]
        after: Duration,
        /// How many attempts have begun whose outcome is not known.
        unknowns: u8,
        /// Why.
        detail: Detail,
    },
    /// Give up; keep it for the operator.
    Dead {
        /// Why.
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
