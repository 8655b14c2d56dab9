//! The functions that hash passwords: today's, and those of other programs.

use auth_core::{Argon2, Hashing, Imported, ImportedFunction, Scrypt};
use pbkdf2::pbkdf2_hmac_array;
use sha2::{Sha256, Sha512};
use zeroize::Zeroizing;

use crate::port::{PortError, Result};

const OPERATION: &str = "hash a password";

/// Computes a hash.
pub(super) fn compute(password: &[u8], salt: &[u8], params: Hashing) -> Result<[u8; 32]> {
    match params {
        Hashing::Scrypt(cost) => scrypt(password, salt, cost),
        Hashing::Argon2id(cost) => argon2(argon2::Algorithm::Argon2id, password, salt, cost),
        // Nothing here is configured to order these; a row may have been stored by another host.
        Hashing::Pbkdf2 { iterations } => Ok(pbkdf2_hmac_array::<Sha256, 32>(password, salt, iterations)),
        Hashing::Imported(imported) => of_import(password, &imported),
        Hashing::Delegated { .. } => Err(PortError::not_done(OPERATION, "there is no secure element here")),
    }
}

/// Computes what another program has hashed with. Of PBKDF2 and scrypt the first 32 bytes are the same however many were
/// asked for (RFC 8018 section 5.2).
fn of_import(password: &[u8], imported: &Imported) -> Result<[u8; 32]> {
    let salt = imported.salt();
    let impossible = || PortError::not_done(OPERATION, "the parameters of an imported hash are impossible");
    let argon2 = |algorithm| argon2(algorithm, password, salt, imported.argon2().ok_or_else(impossible)?);
    match imported.function {
        ImportedFunction::Bcrypt => bcrypt(password, salt, imported.n),
        ImportedFunction::Pbkdf2Sha256 => Ok(pbkdf2_hmac_array::<Sha256, 32>(password, salt, imported.n)),
        ImportedFunction::Pbkdf2Sha512 => Ok(pbkdf2_hmac_array::<Sha512, 32>(password, salt, imported.n)),
        ImportedFunction::Scrypt => scrypt(password, salt, imported.scrypt().ok_or_else(impossible)?),
        ImportedFunction::Argon2i => argon2(argon2::Algorithm::Argon2i),
        ImportedFunction::Argon2id => argon2(argon2::Algorithm::Argon2id),
    }
}

fn scrypt(password: &[u8], salt: &[u8], cost: Scrypt) -> Result<[u8; 32]> {
    let Scrypt { log2_n, r, p } = cost;
    let cost = scrypt::Params::new(log2_n, u32::from(r), u32::from(p))
        .map_err(|e| PortError::not_done(OPERATION, e))?;
    let mut hash = [0; 32];
    scrypt::scrypt(password, salt, &cost, &mut hash).map_err(|e| PortError::not_done(OPERATION, e))?;
    Ok(hash)
}

fn argon2(algorithm: argon2::Algorithm, password: &[u8], salt: &[u8], cost: Argon2) -> Result<[u8; 32]> {
    let mut hash = [0; 32];
    let cost = argon2::Params::new(cost.m, cost.t, cost.p.into(), Some(hash.len()))
        .map_err(|e| PortError::not_done(OPERATION, e))?;
    argon2::Argon2::new(algorithm, argon2::Version::V0x13, cost)
        .hash_password_into(password, salt, &mut hash)
        .map_err(|e| PortError::not_done(OPERATION, e))?;
    Ok(hash)
}

/// Computes bcrypt of a password and the zero behind it, as every implementation does; what is past 72 bytes has never
/// counted.
fn bcrypt(password: &[u8], salt: &[u8], cost: u32) -> Result<[u8; 32]> {
    let salt = salt.try_into().map_err(|e| PortError::not_done(OPERATION, e))?;
    let mut typed = Zeroizing::new([0; 72]);
    let length = password.len().min(typed.len());
    typed[..length].copy_from_slice(&password[..length]);
    let whole = ::bcrypt::bcrypt(cost, salt, &typed[..(length + 1).min(72)]);
    let mut hash = [0; 32];
    // The last one of 24 bytes is in no stored hash.
    hash[..23].copy_from_slice(&whole[..23]);
    Ok(hash)
}

/// Returns whether a password is the one of a record.
#[cfg(test)]
pub(crate) fn verifies(password: &str, record: &auth_core::PasswordRecord) -> bool {
    compute(password.as_bytes(), record.salt.as_bytes(), record.params).unwrap() == *record.hash.expose()
}
