//! Whom a request is counted against, as a store of counts knows it.
//!
//! Threat: a dump of the store lists who asks and who logs in. A subject is a MAC under a key that the store does not
//! have. With a new first key counting begins anew.

use core::net::IpAddr;

use hmac::Mac;
use serde::{Deserialize, Serialize};

use super::{AccountId, AddressKey, Client, CodeKeys, device::Device, random::hmac};

/// What a count is about. Stores keep each kind apart, so that a flood of one fills no other's room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    /// Requests of a client.
    Client,
    /// Passwords that strangers have tried for an address.
    Address,
    /// Passwords that were tried from a known device.
    Device,
    /// Passwords that were tried in an account's own sessions; and, apart from them, its changes.
    Account,
}

impl SubjectKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Client, Self::Address, Self::Device, Self::Account];

    /// Returns the name for stores.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Address => "address",
            Self::Device => "device",
            Self::Account => "account",
        }
    }
}

/// Whom a request is counted against: the kind, and HMAC-SHA-256 over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subject {
    kind: SubjectKind,
    #[serde(with = "crate::bytes")]
    mac: [u8; 32],
}

impl Subject {
    /// Makes a subject of other values, for tests of stores.
    pub const fn from_parts(kind: SubjectKind, mac: [u8; 32]) -> Self {
        Self { kind, mac }
    }

    /// Returns its kind.
    pub const fn kind(&self) -> SubjectKind {
        self.kind
    }

    /// Returns the 32 bytes to use as a store's key.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.mac
    }

    pub(crate) fn client(keys: &CodeKeys, client: Client) -> Self {
        match client.address() {
            IpAddr::V4(v4) => Self::of(keys, SubjectKind::Client, &v4.octets(), b""),
            IpAddr::V6(v6) => Self::of(keys, SubjectKind::Client, &v6.octets(), b""),
        }
    }

    pub(crate) fn address(keys: &CodeKeys, key: &AddressKey) -> Self {
        Self::of(keys, SubjectKind::Address, key.as_str().as_bytes(), b"")
    }

    pub(crate) fn device(keys: &CodeKeys, device: Device) -> Self {
        Self::of(keys, SubjectKind::Device, &device.0, b"")
    }

    pub(crate) fn account(keys: &CodeKeys, id: AccountId) -> Self {
        Self::of(keys, SubjectKind::Account, id.as_bytes(), b"")
    }

    /// Returns whom changes of an account are counted against. No id is as long, so it is another subject than the
    /// account of its passwords.
    pub(crate) fn changes(keys: &CodeKeys, id: AccountId) -> Self {
        Self::of(keys, SubjectKind::Account, id.as_bytes(), b" changes")
    }

    /// Returns whom an account's requests for another address are counted against.
    ///
    /// Threat: whoever has a stolen session uses up the changes with which its owner ends it.
    pub(crate) fn moves(keys: &CodeKeys, id: AccountId) -> Self {
        Self::of(keys, SubjectKind::Account, id.as_bytes(), b" moves")
    }

    fn of(keys: &CodeKeys, kind: SubjectKind, octets: &[u8], more: &[u8]) -> Self {
        let mut mac = hmac(keys.first());
        mac.update(b"auth-core subject v1");
        mac.update(kind.name().as_bytes());
        // No name begins with another one's whole text, so kind and octets cannot be read in two ways.
        mac.update(octets);
        mac.update(more);
        Self { kind, mac: mac.finalize().into_bytes().into() }
    }
}
