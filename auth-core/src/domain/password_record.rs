//! The stored form of a password.

use alloc::{string::String, vec::Vec};
use core::{fmt, iter, str::FromStr};

use base64ct::{Base64Unpadded, Encoding};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Argon2, Hashing, Imported, KeyId, Scrypt};
use crate::{Secret, bytes};

/// How the PHC string of Argon2id begins: the only function with a version, 1.3 as a decimal number.
const ARGON2ID: &str = "$argon2id$v=19$";

/// The 16 random bytes that make equal passwords hash differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Salt(#[serde(with = "crate::bytes")] [u8; 16]);

impl Salt {
    /// Makes a salt from the bytes in a store.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes to hash with.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// The stored form of a password: parameters, salt and a 32-byte hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordRecord {
    /// The function and its cost.
    pub params: Hashing,
    /// The salt.
    pub salt: Salt,
    /// The hash.
    #[serde(with = "bytes::secret")]
    pub hash: Secret<[u8; 32]>,
}

/// The error for a stored text that is not an auth-core password hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnusableHash;

impl fmt::Display for UnusableHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text is not an auth-core password hash")
    }
}

impl core::error::Error for UnusableHash {}

impl PasswordRecord {
    /// Returns a replacement for a stored hash that cannot be read: no password verifies against it, and the next
    /// registration replaces it.
    pub const fn unusable() -> Self {
        let params = Hashing::Scrypt(Scrypt { log2_n: 0, r: 0, p: 0 });
        Self { params, salt: Salt([0; 16]), hash: Secret::new([0; 32]) }
    }

    /// Writes the record as a PHC string, `$scrypt$ln=17,r=8,p=1$salt$hash`.
    ///
    /// Argon2id is `$argon2id$v=19$m=19456,t=2,p=1$…`, PBKDF2 `$pbkdf2-sha256$i=600000$…`, a secure element's `$delegated$key=…$…` with the key's id in base 64.
    pub fn to_phc(&self) -> Secret<String> {
        // Without `format!` and `concat`, which the audit cannot prove free of panics.
        let mut phc = Secret::new(String::with_capacity(128));
        let mut put = |text: &str| phc.0.push_str(text);
        let mut text = Zeroizing::new([0; 43]);
        match self.params {
            Hashing::Scrypt(Scrypt { log2_n, r, p }) => {
                for (name, number) in [("$scrypt$ln=", log2_n), (",r=", r), (",p=", p)] {
                    put(name);
                    put(&decimal(number.into()));
                }
            }
            Hashing::Pbkdf2 { iterations } => {
                put("$pbkdf2-sha256$i=");
                put(&decimal(iterations));
            }
            Hashing::Delegated { key } => {
                put("$delegated$key=");
                put(encode(key.as_bytes(), &mut text));
            }
            Hashing::Imported(imported) => {
                put("$imported$");
                put(&imported.to_text());
            }
            Hashing::Argon2id(Argon2 { m, t, p }) => {
                put(ARGON2ID);
                for (name, number) in [("m=", m), (",t=", t), (",p=", p.into())] {
                    put(name);
                    put(&decimal(number));
                }
            }
        }
        put("$");
        put(encode(self.salt.as_bytes(), &mut text));
        put("$");
        put(encode(self.hash.expose(), &mut text));
        phc
    }

    /// Parses a PHC string.
    ///
    /// # Errors
    /// [`UnusableHash`] for anything that [`PasswordRecord::to_phc`] does not write. The parameters may still be out
    /// of bounds; the flows check that before they use them.
    pub fn from_phc(text: &str) -> Result<Self, UnusableHash> {
        let dollar = |byte: &u8| *byte == b'$';
        let (function, rest) = match text.as_bytes().strip_prefix(ARGON2ID.as_bytes()) {
            Some(rest) => (&b"argon2id"[..], rest),
            None => {
                let mut parts = text.as_bytes().splitn(3, dollar);
                let (Some(b""), Some(function), Some(rest)) = (parts.next(), parts.next(), parts.next())
                else {
                    return Err(UnusableHash);
                };
                (function, rest)
            }
        };
        let mut parts = rest.split(dollar);
        let (Some(params), Some(salt), Some(hash), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(UnusableHash);
        };
        let text_of_import = params;
        let mut params = params.split(|byte| *byte == b',');
        let mut param = |name: &str| {
            params.next().and_then(|param| param.strip_prefix(name.as_bytes())).ok_or(UnusableHash)
        };
        let hashing = match function {
            b"scrypt" => {
                let mut number = |name| parse(param(name)?);
                Hashing::Scrypt(Scrypt { log2_n: number("ln=")?, r: number("r=")?, p: number("p=")? })
            }
            b"pbkdf2-sha256" => Hashing::Pbkdf2 { iterations: parse(param("i=")?)? },
            b"delegated" => {
                let mut key = [0_u8; 16];
                decode(param("key=")?, &mut key)?;
                Hashing::Delegated { key: KeyId::from_bytes(key) }
            }
            b"argon2id" => {
                let (m, t) = (parse(param("m=")?)?, parse(param("t=")?)?);
                Hashing::Argon2id(Argon2 { m, t, p: parse(param("p=")?)? })
            }
            b"imported" => Hashing::Imported(Imported::from_text(text_of_import)?),
            _ => return Err(UnusableHash),
        };
        let mut salt_bytes = [0_u8; 16];
        let mut hash_bytes = Secret::new([0_u8; 32]);
        decode(salt, &mut salt_bytes)?;
        decode(hash, &mut hash_bytes.0)?;
        let record = Self { params: hashing, salt: Salt(salt_bytes), hash: hash_bytes };
        // Anything else was not written here: a fourth parameter, a leading zero.
        if record.to_phc().expose() == text { Ok(record) } else { Err(UnusableHash) }
    }
}

pub(super) fn decimal(number: u32) -> String {
    let shorter = |number: &u32| Some(number / 10).filter(|rest| *rest > 0);
    let digits = iter::successors(Some(number), shorter).filter_map(|rest| char::from_digit(rest % 10, 10));
    digits.collect::<Vec<_>>().into_iter().rev().collect()
}

pub(super) fn parse<T: FromStr>(digits: &[u8]) -> Result<T, UnusableHash> {
    str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).ok_or(UnusableHash)
}

/// 43 characters encode 32 bytes, the longest value here.
pub(super) fn encode<'a>(bytes: &[u8], into: &'a mut [u8; 43]) -> &'a str {
    Base64Unpadded::encode(bytes, into).unwrap_or_default()
}

fn decode(text: &[u8], into: &mut [u8]) -> Result<(), UnusableHash> {
    let length = into.len();
    let decoded = Base64Unpadded::decode(text, into).map_err(|_| UnusableHash)?;
    if decoded.len() == length { Ok(()) } else { Err(UnusableHash) }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;
    use crate::domain::ImportedFunction;

    fn imported(function: ImportedFunction, numbers: [u32; 3], salt: usize) -> Hashing {
        Hashing::Imported(Imported::new(function, numbers, &[5; 32][..salt]).unwrap())
    }

    #[test]
    fn phc_strings_round_trip_and_others_are_refused() {
        let key = KeyId::from_bytes([3; 16]);
        for (params, start) in [
            (Hashing::DEFAULT, "$scrypt$ln=17,r=8,p=1$BwcHBw"),
            (Hashing::Pbkdf2 { iterations: 600_000 }, "$pbkdf2-sha256$i=600000$BwcHBw"),
            (Hashing::Delegated { key }, "$delegated$key=AwMDAwMDAwMDAwMDAwMDAw$BwcHBw"),
            (Hashing::Argon2id(Argon2::OWASP), "$argon2id$v=19$m=19456,t=2,p=1$BwcHBw"),
            (
                imported(ImportedFunction::Bcrypt, [10, 0, 0], 16),
                "$imported$bcrypt,10,0,0,BQUFBQUFBQUFBQUFBQUFBQ$BwcHBw",
            ),
            (
                imported(ImportedFunction::Pbkdf2Sha256, [260_000, 0, 0], 22),
                "$imported$pbkdf2-sha256,260000,0,0,BQUFBQ",
            ),
            (
                imported(ImportedFunction::Pbkdf2Sha512, [1, 0, 0], 1),
                "$imported$pbkdf2-sha512,1,0,0,BQ$BwcHBw",
            ),
            (imported(ImportedFunction::Scrypt, [17, 8, 1], 32), "$imported$scrypt,17,8,1,BQUFBQ"),
            (imported(ImportedFunction::Argon2i, [19_456, 2, 1], 16), "$imported$argon2i,19456,2,1,BQUFBQ"),
            (
                imported(ImportedFunction::Argon2id, [u32::MAX; 3], 32),
                "$imported$argon2id,4294967295,4294967295,",
            ),
        ] {
            let record = PasswordRecord { params, salt: Salt([7; 16]), hash: Secret::new([9; 32]) };
            let phc = record.to_phc();
            assert!(phc.expose().starts_with(start), "{}", phc.expose());
            assert_eq!(PasswordRecord::from_phc(phc.expose()), Ok(record));
            let longest = 255; // the column of MySQL
            assert!(phc.expose().len() <= longest);
            let more = format!("{}$", phc.expose());
            assert_eq!(PasswordRecord::from_phc(&more), Err(UnusableHash));
            let twice = phc.expose().replace('=', "=0").replacen(',', ",0", 1);
            assert_eq!(PasswordRecord::from_phc(&twice), Err(UnusableHash), "{twice}");
        }
        for bad in [
            "",
            "$",
            "$argon2id$v=19$x$y",
            "$argon2id$v=16$m=19456,t=2,p=1$BwcHBwcHBwcHBwcHBwcHBw$CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk",
            "$argon2id$m=19456,t=2,p=1$BwcHBwcHBwcHBwcHBwcHBw$CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk",
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
