//! Owns password hashes: their parameters, their floor and ceiling, and their comparison.
//!
//! Threats: a hash that is too cheap to resist guessing after a leak (floor), and a tampered row
//! that makes the host allocate gigabytes (ceiling).

use alloc::{format, string::String};
use core::fmt;

use base64ct::{Base64Unpadded, Encoding};
use serde::{Deserialize, Serialize};

use crate::{Secret, secret::travelling};

/// scrypt (RFC 7914) parameters: CPU and memory cost N = 2^`log2_n`, block size r, parallelism p.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scrypt {
    /// log2 of N.
    pub log2_n: u8,
    /// Block size; memory is 128 · N · r octets.
    pub r: u8,
    /// Parallelism; time grows with it, memory does not.
    pub p: u8,
}

/// Most memory that one hash may take: what N = 2^20, r = 8 takes.
const MAX_MEMORY: u64 = 1 << 30;
/// Most work that one hash may take, as N · r · p.
const MAX_WORK: u64 = 1 << 24;

impl Scrypt {
    /// The default: N = 2^17, r = 8, p = 1 (OWASP Password Storage Cheat Sheet, scrypt).
    pub const DEFAULT: Self = Self { log2_n: 17, r: 8, p: 1 };

    /// Returns how many octets one hash needs.
    pub const fn memory(self) -> u64 {
        128_u64.saturating_mul(self.n()).saturating_mul(self.r as u64)
    }

    const fn n(self) -> u64 {
        if self.log2_n < 32 { 1 << self.log2_n } else { u64::MAX }
    }

    /// Tells whether the parameters are usable at all: not zero, not above the ceiling.
    pub const fn within_ceiling(self) -> bool {
        let work = self.n().saturating_mul(self.r as u64).saturating_mul(self.p as u64);
        self.log2_n > 0 && self.r > 0 && self.p > 0 && self.memory() <= MAX_MEMORY && work <= MAX_WORK
    }

    /// Tells whether the parameters reach one of the settings that OWASP lists as equivalent.
    const fn reaches_owasp(self) -> bool {
        let least_p = match self.log2_n {
            0..=12 => return false,
            13 => 10,
            14 => 5,
            15 => 3,
            16 => 2,
            17.. => 1,
        };
        self.r >= 8 && self.p >= least_p
    }
}

impl fmt::Display for Scrypt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "scrypt N=2^{}, r={}, p={}", self.log2_n, self.r, self.p)
    }
}

/// Sets how weak a password hash may be, configured or stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashFloor {
    /// The settings that the OWASP Password Storage Cheat Sheet lists for scrypt.
    Owasp,
    /// None: the profile `seed-compat` and tests.
    None,
}

impl HashFloor {
    /// Tells whether a hash with these parameters counts.
    pub const fn admits(self, params: Scrypt) -> bool {
        let strong = match self {
            Self::Owasp => params.reaches_owasp(),
            Self::None => true,
        };
        strong && params.within_ceiling()
    }
}

/// Holds the 16 random octets that make equal passwords hash differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Salt([u8; 16]);

impl Salt {
    pub(crate) const fn new(bytes: [u8; 16]) -> Self {
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
    pub params: Scrypt,
    /// With which salt.
    pub salt: Salt,
    /// The result.
    #[serde(with = "travelling")]
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
        let params = Scrypt { log2_n: 0, r: 0, p: 0 };
        Self { params, salt: Salt([0; 16]), hash: Secret::new([0; 32]) }
    }

    /// Writes the record as a PHC string, `$scrypt$ln=17,r=8,p=1$salt$hash`.
    pub fn to_phc(&self) -> Secret<String> {
        let Scrypt { log2_n, r, p } = self.params;
        let salt = Base64Unpadded::encode_string(self.salt.as_bytes());
        let hash = Secret::new(Base64Unpadded::encode_string(self.hash.expose()));
        Secret::new(format!("$scrypt$ln={log2_n},r={r},p={p}${salt}${}", hash.expose()))
    }

    /// Reads a PHC string back.
    ///
    /// # Errors
    /// [`UnusableHash`] for anything that [`PasswordRecord::to_phc`] does not write. The
    /// parameters may still be out of bounds; the flows check that before they use them.
    pub fn from_phc(text: &str) -> Result<Self, UnusableHash> {
        let mut parts = text.split('$');
        let (Some(""), Some("scrypt"), Some(params), Some(salt), Some(hash), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(UnusableHash);
        };
        let mut params = params.split(',');
        let mut param = |prefix| -> Result<u8, UnusableHash> {
            let value = params.next().and_then(|p| p.strip_prefix(prefix)).ok_or(UnusableHash)?;
            value.parse().map_err(|_| UnusableHash)
        };
        let params = Scrypt { log2_n: param("ln=")?, r: param("r=")?, p: param("p=")? };
        let mut salt_bytes = [0_u8; 16];
        let mut hash_bytes = Secret::new([0_u8; 32]);
        decode(salt, &mut salt_bytes)?;
        decode(hash, &mut hash_bytes.0)?;
        Ok(Self { params, salt: Salt(salt_bytes), hash: hash_bytes })
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

    const fn scrypt(log2_n: u8, r: u8, p: u8) -> Scrypt {
        Scrypt { log2_n, r, p }
    }

    #[test]
    fn floor_is_the_owasp_table() {
        for good in [(17, 8, 1), (18, 8, 1), (16, 8, 2), (15, 8, 3), (14, 8, 5), (13, 8, 10)] {
            assert!(HashFloor::Owasp.admits(scrypt(good.0, good.1, good.2)), "{good:?}");
        }
        for weak in [(16, 8, 1), (17, 4, 1), (15, 8, 2), (14, 8, 4), (13, 8, 9), (12, 8, 40), (10, 8, 1)] {
            assert!(!HashFloor::Owasp.admits(scrypt(weak.0, weak.1, weak.2)), "{weak:?}");
        }
        assert!(HashFloor::None.admits(scrypt(4, 8, 1)));
    }

    #[test]
    fn ceiling_holds_without_a_floor_too() {
        for huge in [(21, 8, 1), (31, 8, 1), (255, 255, 255), (20, 8, 4), (0, 8, 1), (17, 0, 1), (17, 8, 0)] {
            assert!(!HashFloor::None.admits(scrypt(huge.0, huge.1, huge.2)), "{huge:?}");
        }
        assert!(HashFloor::None.admits(scrypt(20, 8, 1)));
        assert_eq!(Scrypt::DEFAULT.memory(), 128 << 20);
    }

    #[test]
    fn phc_strings_round_trip_and_others_are_refused() {
        let record =
            PasswordRecord { params: Scrypt::DEFAULT, salt: Salt([7; 16]), hash: Secret::new([9; 32]) };
        let phc = record.to_phc();
        assert!(phc.expose().starts_with("$scrypt$ln=17,r=8,p=1$BwcHBw"), "{}", phc.expose());
        assert_eq!(PasswordRecord::from_phc(phc.expose()), Ok(record));
        for bad in [
            "",
            "$",
            "$argon2id$v=19$x$y",
            "$scrypt$ln=17,r=8,p=1$BwcHBw$CQkJ",
            "$scrypt$ln=999,r=8,p=1$BwcHBwcHBwcHBwcHBwcHBw$",
            "x$scrypt$ln=17,r=8,p=1$a$b",
        ] {
            assert_eq!(PasswordRecord::from_phc(bad), Err(UnusableHash), "{bad}");
        }
        let more = format!("{}$", phc.expose());
        assert_eq!(PasswordRecord::from_phc(&more), Err(UnusableHash));
    }
}
