//! Hashes that other programs have made: how to compute one, so that its password still verifies.

use alloc::string::String;
use core::fmt;

use base64ct::{Base64Unpadded, Encoding};
use serde::{Deserialize, Serialize};

use super::{
    Argon2, Hashing, Scrypt, UnusableHash,
    password_record::{decimal, encode, parse},
};

/// The longest salt, in bytes: Django's has 22, most have 16.
const MAX_SALT: usize = 32;
/// The most costly bcrypt: 2^16 rounds, some four seconds.
const MAX_BCRYPT: u32 = 16;

/// How another program has made a hash, its salt included. It is verified and never made anew: the next login replaces
/// it. A hash of another length than 32 bytes is cut off, or filled up with zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// The function.
    pub function: ImportedFunction,
    /// bcrypt's cost, PBKDF2's iterations, log2 of scrypt's N, Argon2's memory in KiB.
    pub n: u32,
    /// scrypt's r, Argon2's passes; 0 for others.
    pub r: u32,
    /// The p of scrypt and Argon2; 0 for others.
    pub p: u32,
    #[serde(with = "crate::bytes")]
    salt: [u8; MAX_SALT],
    length: u8,
}

/// The function of an imported hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportedFunction {
    /// bcrypt of the first 72 bytes of a password: its 23 bytes, and nine zeros.
    Bcrypt,
    /// PBKDF2-HMAC-SHA-256.
    Pbkdf2Sha256,
    /// PBKDF2-HMAC-SHA-512, its first 32 bytes.
    Pbkdf2Sha512,
    /// scrypt, its first 32 bytes.
    Scrypt,
    /// Argon2i of version 1.3.
    Argon2i,
    /// Argon2id of version 1.3.
    Argon2id,
}

impl ImportedFunction {
    const ALL: [Self; 6] =
        [Self::Bcrypt, Self::Pbkdf2Sha256, Self::Pbkdf2Sha512, Self::Scrypt, Self::Argon2i, Self::Argon2id];

    const fn name(self) -> &'static str {
        match self {
            Self::Bcrypt => "bcrypt",
            Self::Pbkdf2Sha256 => "pbkdf2-sha256",
            Self::Pbkdf2Sha512 => "pbkdf2-sha512",
            Self::Scrypt => "scrypt",
            Self::Argon2i => "argon2i",
            Self::Argon2id => "argon2id",
        }
    }
}

impl fmt::Display for Imported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "imported {} {},{},{}", self.function.name(), self.n, self.r, self.p)
    }
}

impl Imported {
    /// Makes one from n, r and p; `None` for a salt of no bytes or of more than 32.
    pub fn new(function: ImportedFunction, [n, r, p]: [u32; 3], salt: &[u8]) -> Option<Self> {
        let mut bytes = [0; MAX_SALT];
        bytes.get_mut(..salt.len())?.copy_from_slice(salt);
        let length = u8::try_from(salt.len()).ok().filter(|length| *length > 0)?;
        Some(Self { function, n, r, p, salt: bytes, length })
    }

    /// Makes one from the bytes of a host: the salt filled up with zeros, and its length.
    pub const fn from_parts(
        function: ImportedFunction,
        [n, r, p]: [u32; 3],
        salt: [u8; 32],
        length: u8,
    ) -> Self {
        Self { function, n, r, p, salt, length }
    }

    /// Returns the salt filled up with zeros, and its length.
    pub const fn parts(&self) -> (&[u8; 32], u8) {
        (&self.salt, self.length)
    }

    /// Returns the salt.
    pub fn salt(&self) -> &[u8] {
        self.salt.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// Returns the parameters of scrypt; `None` for another function, and for impossible ones.
    pub fn scrypt(&self) -> Option<Scrypt> {
        let small = |number: u32| u8::try_from(number).ok();
        let is = matches!(self.function, ImportedFunction::Scrypt);
        is.then_some(Scrypt { log2_n: small(self.n)?, r: small(self.r)?, p: small(self.p)? })
    }

    /// Returns the parameters of Argon2; `None` for another function, and for impossible ones.
    pub fn argon2(&self) -> Option<Argon2> {
        let is = matches!(self.function, ImportedFunction::Argon2i | ImportedFunction::Argon2id);
        is.then_some(Argon2 { m: self.n, t: self.r, p: u8::try_from(self.p).ok()? })
    }

    /// Returns whether a host can afford to compute it.
    pub(super) fn within_ceiling(&self) -> bool {
        let possible = match self.function {
            ImportedFunction::Bcrypt => (4..=MAX_BCRYPT).contains(&self.n) && self.length == 16,
            ImportedFunction::Pbkdf2Sha256 => Hashing::Pbkdf2 { iterations: self.n }.within_ceiling(),
            // Each takes twice as long.
            ImportedFunction::Pbkdf2Sha512 => {
                Hashing::Pbkdf2 { iterations: self.n.saturating_mul(2) }.within_ceiling()
            }
            ImportedFunction::Scrypt => {
                self.scrypt().is_some_and(|scrypt| Hashing::Scrypt(scrypt).within_ceiling())
            }
            // RFC 9106 section 3.1: implementations refuse a shorter salt.
            ImportedFunction::Argon2i | ImportedFunction::Argon2id => {
                self.argon2().is_some_and(|argon2| Hashing::Argon2id(argon2).within_ceiling())
                    && self.length >= 8
            }
        };
        possible && !self.salt().is_empty()
    }

    /// Writes it for a PHC string: `bcrypt,10,0,0,` and the salt.
    pub(super) fn to_text(self) -> String {
        let mut text = String::with_capacity(96);
        text.push_str(self.function.name());
        for number in [self.n, self.r, self.p] {
            text.push(',');
            text.push_str(&decimal(number));
        }
        text.push(',');
        text.push_str(encode(self.salt(), &mut [0; 43]));
        text
    }

    /// Reads what [`to_text`](Self::to_text) writes.
    pub(super) fn from_text(text: &[u8]) -> Result<Self, UnusableHash> {
        let mut parts = text.split(|byte| *byte == b',');
        let mut part = || parts.next().ok_or(UnusableHash);
        let name = part()?;
        let function = ImportedFunction::ALL.into_iter().find(|function| function.name().as_bytes() == name);
        let numbers = [parse(part()?)?, parse(part()?)?, parse(part()?)?];
        let mut salt = [0; MAX_SALT];
        let salt = Base64Unpadded::decode(part()?, &mut salt).map_err(|_| UnusableHash)?;
        function.and_then(|function| Self::new(function, numbers, salt)).ok_or(UnusableHash)
    }
}
