//! Owns what is stored of a password, and how it is written.

use alloc::{format, string::String};
use core::fmt;

use base64ct::{Base64Unpadded, Encoding};
use serde::{Deserialize, Serialize};

use super::{Hashing, KeyId, Scrypt};
use crate::{Secret, octets};

/// Holds the 16 random octets that make equal passwords hash differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Salt(#[serde(with = "crate::octets")] [u8; 16]);

impl Salt {
    /// Takes the octets back from a store.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the octets to hash with.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// Holds what is stored of a password: parameters, salt and a 32-octet hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordRecord {
    /// How it was hashed.
    pub params: Hashing,
    /// With which salt.
    pub salt: Salt,
    /// The result.
    #[serde(with = "octets::secret")]
    pub hash: Secret<[u8; 32]>,
}

/// Tells that a stored text is not a password hash of this module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnusableHash;

impl fmt::Display for UnusableHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text is no password hash of this module")
    }
}

impl core::error::Error for UnusableHash {}

impl PasswordRecord {
    /// Returns what a store hands over in the place of a hash that it cannot read: no password
    /// verifies against it, and the next registration takes its place.
    pub const fn unusable() -> Self {
        let params = Hashing::Scrypt(Scrypt { log2_n: 0, r: 0, p: 0 });
        Self { params, salt: Salt([0; 16]), hash: Secret::new([0; 32]) }
    }

    /// Writes the record as a PHC string, `$scrypt$ln=17,r=8,p=1$salt$hash`.
    ///
    /// PBKDF2 is `$pbkdf2-sha256$i=600000$…`, a secure element's `$delegated$key=…$…` with the key's
    /// name in base 64.
    pub fn to_phc(&self) -> Secret<String> {
        let params = match self.params {
            Hashing::Scrypt(Scrypt { log2_n, r, p }) => format!("scrypt$ln={log2_n},r={r},p={p}"),
            Hashing::Pbkdf2 { iterations } => format!("pbkdf2-sha256$i={iterations}"),
            Hashing::Delegated { key } => {
                format!("delegated$key={}", Base64Unpadded::encode_string(key.as_bytes()))
            }
        };
        let salt = Base64Unpadded::encode_string(self.salt.as_bytes());
        let hash = Secret::new(Base64Unpadded::encode_string(self.hash.expose()));
        Secret::new(format!("${params}${salt}${}", hash.expose()))
    }

    /// Reads a PHC string back.
    ///
    /// # Errors
    /// [`UnusableHash`] for anything that [`PasswordRecord::to_phc`] does not write. The
    /// parameters may still be out of bounds; the flows check that before they use them.
    pub fn from_phc(text: &str) -> Result<Self, UnusableHash> {
        let mut parts = text.split('$');
        let (Some(""), Some(function), Some(params), Some(salt), Some(hash), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(UnusableHash);
        };
        let mut params = params.split(',');
        let mut param = |name| params.next().and_then(|p| p.strip_prefix(name)).ok_or(UnusableHash);
        let hashing = match function {
            "scrypt" => {
                let mut number = |name| param(name)?.parse().map_err(|_| UnusableHash);
                Hashing::Scrypt(Scrypt { log2_n: number("ln=")?, r: number("r=")?, p: number("p=")? })
            }
            "pbkdf2-sha256" => {
                Hashing::Pbkdf2 { iterations: param("i=")?.parse().map_err(|_| UnusableHash)? }
            }
            "delegated" => {
                let mut key = [0_u8; 16];
                decode(param("key=")?, &mut key)?;
                Hashing::Delegated { key: KeyId::from_bytes(key) }
            }
            _ => return Err(UnusableHash),
        };
        let mut salt_bytes = [0_u8; 16];
        let mut hash_bytes = Secret::new([0_u8; 32]);
        decode(salt, &mut salt_bytes)?;
        decode(hash, &mut hash_bytes.0)?;
        let record = Self { params: hashing, salt: Salt(salt_bytes), hash: hash_bytes };
        // What is not written like this was not written here: a fourth parameter, a leading zero.
        if record.to_phc().expose() == text { Ok(record) } else { Err(UnusableHash) }
    }
}

fn decode(text: &str, into: &mut [u8]) -> Result<(), UnusableHash> {
    let length = into.len();
    let decoded = Base64Unpadded::decode(text, into).map_err(|_| UnusableHash)?;
    if decoded.len() == length { Ok(()) } else { Err(UnusableHash) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phc_strings_round_trip_and_others_are_refused() {
        let key = KeyId::from_bytes([3; 16]);
        for (params, start) in [
            (Hashing::DEFAULT, "$scrypt$ln=17,r=8,p=1$BwcHBw"),
            (Hashing::Pbkdf2 { iterations: 600_000 }, "$pbkdf2-sha256$i=600000$BwcHBw"),
            (Hashing::Delegated { key }, "$delegated$key=AwMDAwMDAwMDAwMDAwMDAw$BwcHBw"),
        ] {
            let record = PasswordRecord { params, salt: Salt([7; 16]), hash: Secret::new([9; 32]) };
            let phc = record.to_phc();
            assert!(phc.expose().starts_with(start), "{}", phc.expose());
            assert_eq!(PasswordRecord::from_phc(phc.expose()), Ok(record));
            let more = format!("{}$", phc.expose());
            assert_eq!(PasswordRecord::from_phc(&more), Err(UnusableHash));
            let twice = phc.expose().replacen('=', "=0", 1);
            assert_eq!(PasswordRecord::from_phc(&twice), Err(UnusableHash), "{twice}");
        }
        for bad in [
            "",
            "$",
            "$argon2id$v=19$x$y",
            "$scrypt$ln=17,r=8,p=1$BwcHBw$CQkJ",
            "$scrypt$ln=999,r=8,p=1$BwcHBwcHBwcHBwcHBwcHBw$",
            "$scrypt$ln=17,r=8,p=1,q=1$BwcHBwcHBwcHBwcHBwcHBw$CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk",
            "$pbkdf2-sha256$i=$BwcHBwcHBwcHBwcHBwcHBw$CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk",
            "x$scrypt$ln=17,r=8,p=1$a$b",
        ] {
            assert_eq!(PasswordRecord::from_phc(bad), Err(UnusableHash), "{bad}");
        }
    }
}
