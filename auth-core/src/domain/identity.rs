//! Whose something is, and of which era.

use core::fmt;

use serde::{Deserialize, Serialize};

use super::Stream;

/// The identity of an attempt: 128 random bits that bind its codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation(#[serde(with = "crate::bytes")] [u8; 16]);

impl Generation {
    /// Makes a generation from the bytes in a store.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes to store.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Draws one: 122 random bits, and the version and variant of a UUIDv4 (RFC 9562 section 5.4), since an account's
    /// id begins as one.
    pub(crate) fn draw(random: &mut Stream<'_>) -> Self {
        let mut bytes: [u8; 16] = random.bytes();
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(bytes)
    }
}

/// The identity of an account: fixed when it is activated, never changed, never secret. It is the generation of the
/// attempt that was activated; what the account's generation is later says nothing of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AccountId(#[serde(with = "crate::bytes")] [u8; 16]);

impl AccountId {
    /// Makes an id from the bytes in a store.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes to store.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Returns the id of an account that this attempt has become.
    pub(crate) const fn of(activated: Generation) -> Self {
        Self(activated.0)
    }
}

/// As a UUID (RFC 9562 section 4).
impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(place, byte)| {
            let hyphen = if matches!(place, 4 | 6 | 8 | 10) { "-" } else { "" };
            write!(f, "{hyphen}{byte:02x}")
        })
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountId({self})")
    }
}
