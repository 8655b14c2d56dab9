//! Codes as they are stored: as MACs under keys that the code store does not have.
//!
//! Threat: a reader of the code store could try all codes against a plain hash at once. Without the key a MAC reveals
//! nothing. It binds purpose, address and attempt, so a code activates only the attempt that it was mailed for.

use alloc::vec::Vec;
use core::fmt;

use hmac::Mac;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    AddressKey, Code, CodeFormat, Generation, MailId, Purpose, ResetToken, Stream, random::hmac,
    session::tagged,
};
use crate::Secret;

/// The most keys; each costs every redemption one MAC.
const MAX_KEYS: usize = 8;

/// One 32-byte key for codes. It must outlive the process: a retried mail draws its code from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeKey(Secret<[u8; 32]>);

impl CodeKey {
    /// Makes a key from 32 bytes of a CSPRNG.
    pub const fn new(bytes: Secret<[u8; 32]>) -> Self {
        Self(bytes)
    }
}

/// The keys in use: the first one signs, all of them verify.
#[derive(Clone, Debug)]
pub struct CodeKeys {
    first: CodeKey,
    others: Vec<CodeKey>,
}

/// Why a list of keys is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeKeysError {
    /// The list has no key.
    None,
    /// The list has more than eight keys.
    TooMany,
    /// A key stands in the list twice.
    Repeated,
}

impl fmt::Display for CodeKeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "there is no code key; give one to eight",
            Self::TooMany => "there are too many code keys; give at most eight",
            Self::Repeated => "a code key is repeated; remove it",
        })
    }
}

impl core::error::Error for CodeKeysError {}

impl CodeKeys {
    /// Makes the keys from a list of one to eight; the first one signs.
    ///
    /// # Errors
    /// [`CodeKeysError`] for an empty list, a list of more than eight, or a repeated key.
    pub fn new(keys: impl IntoIterator<Item = CodeKey>) -> Result<Self, CodeKeysError> {
        let mut keys = keys.into_iter();
        let first = keys.next().ok_or(CodeKeysError::None)?;
        let mut others: Vec<CodeKey> = Vec::new();
        for key in keys {
            if key == first || others.contains(&key) {
                return Err(CodeKeysError::Repeated);
            }
            others.push(key);
        }
        if others.len() >= MAX_KEYS { Err(CodeKeysError::TooMany) } else { Ok(Self { first, others }) }
    }

    /// Draws the code of a mail. Retries draw the same one, so that copies of a mail agree and no retry displaces
    /// another code.
    ///
    /// The mail's id is 128 random bits, and without the key nobody can compute the code from it: the code is as
    /// random as the id. Key and id give no more than key and MAC, against which all codes can be tried as well.
    pub(crate) fn draw(&self, format: CodeFormat, slot: CodeSlot, mail: MailId) -> Code {
        let mut seed = hmac(self.first());
        seed.update(b"auth-core draw v2");
        seed.update(&slot.0);
        seed.update(mail.as_bytes());
        let seed = Secret::new(seed.finalize().into_bytes().into());
        format.draw(&mut Stream::new(&seed, "code"))
    }

    /// Returns the key that signs.
    pub(super) const fn first(&self) -> &Secret<[u8; 32]> {
        &self.first.0
    }

    /// Returns all keys that verify.
    pub(super) fn all(&self) -> impl Iterator<Item = &Secret<[u8; 32]>> {
        core::iter::once(&self.first).chain(&self.others).map(|key| &key.0)
    }

    /// Draws the token of a mail: 128 random bits. Retries draw the same one, as they do of a code.
    pub(crate) fn draw_token(&self, key: &AddressKey, generation: Generation, mail: MailId) -> ResetToken {
        let mut bits = hmac(self.first());
        bits.update(b"auth-core reset v1");
        bits.update(generation.as_bytes());
        bits.update(mail.as_bytes());
        bits.update(key.as_str().as_bytes());
        let bits: Secret<[u8; 32]> = Secret::new(bits.finalize().into_bytes().into());
        let (half, _) = bits.expose().split_at(16);
        ResetToken::new(tagged("authr_", half))
    }

    /// Returns the MAC to store for a new code or token.
    pub(crate) fn sign(&self, slot: CodeSlot, text: &str) -> CodeMac {
        mac(self.first(), slot, text)
    }

    /// Returns the MACs that a typed code or a shown token may be stored under.
    pub(crate) fn candidates(&self, slot: CodeSlot, text: &str) -> Vec<CodeMac> {
        self.all().map(|key| mac(key, slot, text)).collect()
    }
}

fn mac(key: &Secret<[u8; 32]>, slot: CodeSlot, text: &str) -> CodeMac {
    let mut hmac = hmac(key);
    hmac.update(b"auth-core code v1");
    hmac.update(&slot.0);
    hmac.update(text.as_bytes());
    CodeMac(hmac.finalize().into_bytes().into())
}

/// HMAC-SHA-256 over a code and its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeMac(#[serde(with = "crate::bytes")] [u8; 32]);

impl CodeMac {
    #[cfg(test)]
    pub(crate) const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the 32 bytes to store or compare.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The place of the codes of one attempt: SHA-256 over purpose, address key and generation.
///
/// No chosen address can give the slot of another, since every part has a fixed place or comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CodeSlot(#[serde(with = "crate::bytes")] [u8; 32]);

impl CodeSlot {
    /// Returns the slot of one attempt.
    pub(crate) fn of(purpose: Purpose, key: &AddressKey, generation: Generation) -> Self {
        let digest = Sha256::new()
            .chain_update(b"auth-core slot v1")
            .chain_update([purpose.number()])
            .chain_update(generation.as_bytes())
            .chain_update(key.as_str().as_bytes());
        Self(digest.finalize().into())
    }

    /// Returns the slot of one token, which nobody finds who does not have it.
    ///
    /// Threat: a stranger who shows wrong tokens uses up the tries of the right one. A wrong one meets no slot.
    pub(crate) fn of_token(key: &AddressKey, generation: Generation, token: &ResetToken) -> Self {
        let digest = Sha256::new()
            .chain_update(b"auth-core token slot v1")
            .chain_update(generation.as_bytes())
            .chain_update(Sha256::digest(token.expose()))
            .chain_update(key.as_str().as_bytes());
        Self(digest.finalize().into())
    }

    /// Makes a slot from the 32 bytes in a store.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the 32 bytes to use as a store's key.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Address, Alphabet, CodeFormat};

    fn keys(bytes: &[u8]) -> CodeKeys {
        CodeKeys::new(bytes.iter().map(|b| CodeKey::new(Secret::new([*b; 32])))).unwrap()
    }

    fn slot(purpose: Purpose, address: &str, generation: u8) -> CodeSlot {
        let address = Address::parse(address).unwrap();
        CodeSlot::of(purpose, address.key(), Generation::from_bytes([generation; 16]))
    }

    #[test]
    fn a_mac_binds_purpose_address_attempt_key_and_code() {
        let code = |text| CodeFormat::new(Alphabet::Digits, 6).unwrap().parse(text).unwrap();
        let base = keys(&[1]).sign(slot(Purpose::Activation, "a@b.cd", 1), code("111111").expose());
        for other in [
            keys(&[2]).sign(slot(Purpose::Activation, "a@b.cd", 1), code("111111").expose()),
            keys(&[1]).sign(slot(Purpose::Notice, "a@b.cd", 1), code("111111").expose()),
            keys(&[1]).sign(slot(Purpose::Activation, "x@b.cd", 1), code("111111").expose()),
            keys(&[1]).sign(slot(Purpose::Activation, "a@b.cd", 2), code("111111").expose()),
            keys(&[1]).sign(slot(Purpose::Activation, "a@b.cd", 1), code("111112").expose()),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn an_old_key_still_verifies_and_the_first_one_signs() {
        let code = CodeFormat::new(Alphabet::Digits, 6).unwrap().parse("123456").unwrap();
        let slot = slot(Purpose::Activation, "a@b.cd", 1);
        let old = keys(&[1]).sign(slot, code.expose());
        let rotated = keys(&[2, 1]);
        assert!(rotated.candidates(slot, code.expose()).contains(&old));
        assert_ne!(rotated.sign(slot, code.expose()), old);
        assert!(!keys(&[2]).candidates(slot, code.expose()).contains(&old));
    }

    #[test]
    fn lists_of_keys_are_checked() {
        let make =
            |bytes: &[u8]| CodeKeys::new(bytes.iter().map(|b| CodeKey::new(Secret::new([*b; 32])))).err();
        assert_eq!(make(&[]), Some(CodeKeysError::None));
        assert_eq!(make(&[1, 2, 1]), Some(CodeKeysError::Repeated));
        assert_eq!(make(&[1, 2, 3, 4, 5, 6, 7, 8, 9]), Some(CodeKeysError::TooMany));
        assert_eq!(make(&[1, 2, 3, 4, 5, 6, 7, 8]), None);
    }
}
