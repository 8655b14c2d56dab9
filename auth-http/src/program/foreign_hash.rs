//! Password hashes in the formats that other programs store: PHC strings, modular crypt, Django's, Werkzeug's.

use auth_core::{HashFloor, Hashing, Imported, ImportedFunction, PasswordRecord, Salt, Secret};
use base64::{
    Engine,
    alphabet::{self, Alphabet},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// What is read, for a person whose hash is not.
const KNOWN: &str = "bcrypt ($2a$, $2b$, $2y$), Argon2i and Argon2id of version 19 with 32 bytes, scrypt, PBKDF2 with SHA-256 or \
                     SHA-512, as PHC strings, as passlib, Django and Werkzeug write them";

/// Reads a stored hash.
///
/// # Errors
/// Why it cannot be imported, for a person.
pub(super) fn parse(text: &str) -> Result<PasswordRecord, String> {
    // What auth-http itself has written, at today's strength.
    if let Ok(record) = PasswordRecord::from_phc(text)
        && HashFloor::OWASP.admits(record.params)
    {
        return Ok(record);
    }
    // Django's name before what it has from others.
    let text = text.strip_prefix("argon2").filter(|rest| rest.starts_with("$argon2")).unwrap_or(text);
    let text = text.strip_prefix("bcrypt$").unwrap_or(text);
    let parts: Vec<&str> = text.split('$').collect();
    let read = match parts[..] {
        ["", "2a" | "2b" | "2y", cost, rest] => bcrypt(cost, rest),
        ["", name @ ("argon2i" | "argon2id"), "v=19", params, salt, hash] => argon2(name, params, salt, hash),
        ["", "scrypt", params, salt, hash] => phc_scrypt(params, salt, hash),
        ["", name @ ("pbkdf2-sha256" | "pbkdf2-sha512"), iterations, salt, hash] => {
            let iterations = iterations.trim_start_matches("i=");
            pbkdf2(name.ends_with("512"), iterations, &passlib(salt)?, &passlib(hash)?)
        }
        ["pbkdf2_sha256", iterations, salt, hash] => {
            pbkdf2(false, iterations, salt.as_bytes(), &standard(hash)?)
        }
        ["scrypt", n, salt, r, p, hash] => {
            scrypt(log2(n)?, number(r)?, number(p)?, salt.as_bytes(), &standard(hash)?)
        }
        [method, salt, hash] => werkzeug(method, salt, hash),
        _ => Err(unknown()),
    };
    let record = read?;
    if !record.params.within_ceiling() {
        return Err("no login verifies such a hash: the limits are 1 GiB, bcrypt 4 to 16, 10000000 iterations of SHA-256, \
                    5000000 of SHA-512, and at least 8 bytes of salt for Argon2"
            .to_owned());
    }
    Ok(record)
}

fn unknown() -> String {
    format!("the hash has none of the known formats: {KNOWN}")
}

fn record(
    function: ImportedFunction,
    numbers: [u32; 3],
    salt: &[u8],
    hash: &[u8],
) -> Result<PasswordRecord, String> {
    let imported = Imported::new(function, numbers, salt).ok_or("its salt has no bytes or more than 32")?;
    let mut bytes = [0; 32];
    let length = hash.len().min(bytes.len());
    bytes[..length].copy_from_slice(&hash[..length]);
    let (params, salt) = (Hashing::Imported(imported), Salt::from_bytes([0; 16]));
    Ok(PasswordRecord { params, salt, hash: Secret::new(bytes) })
}

/// A hash that is shorter would be compared with less than its function's strength.
fn whole(hash: &[u8]) -> Result<&[u8], String> {
    if hash.len() >= 32 { Ok(hash) } else { Err("its hash has fewer than 32 bytes".to_owned()) }
}

fn bcrypt(cost: &str, rest: &str) -> Result<PasswordRecord, String> {
    let (salt, hash) = rest.split_at_checked(22).ok_or_else(unknown)?;
    let (salt, hash) = (decode(&alphabet::BCRYPT, salt)?, decode(&alphabet::BCRYPT, hash)?);
    if hash.len() != 23 {
        return Err(unknown());
    }
    record(ImportedFunction::Bcrypt, [number(cost)?, 0, 0], &salt, &hash)
}

fn argon2(name: &str, params: &str, salt: &str, hash: &str) -> Result<PasswordRecord, String> {
    let [m, t, p] = params.split(',').collect::<Vec<_>>()[..] else { return Err(unknown()) };
    let cost = |text: &str, name: &str| text.strip_prefix(name).ok_or_else(unknown).map(str::to_owned);
    let numbers = [number(&cost(m, "m=")?)?, number(&cost(t, "t=")?)?, number(&cost(p, "p=")?)?];
    let hash = standard(hash)?;
    if hash.len() != 32 {
        return Err("Argon2 hashes can be imported if they have 32 bytes".to_owned());
    }
    let function = match name {
        "argon2i" => ImportedFunction::Argon2i,
        _ => ImportedFunction::Argon2id,
    };
    record(function, numbers, &standard(salt)?, &hash)
}

fn phc_scrypt(params: &str, salt: &str, hash: &str) -> Result<PasswordRecord, String> {
    let [ln, r, p] = params.split(',').collect::<Vec<_>>()[..] else { return Err(unknown()) };
    let cost = |text: &str, name: &str| text.strip_prefix(name).ok_or_else(unknown).map(str::to_owned);
    let (ln, r, p) = (number(&cost(ln, "ln=")?)?, number(&cost(r, "r=")?)?, number(&cost(p, "p=")?)?);
    scrypt(ln, r, p, &passlib(salt)?, &passlib(hash)?)
}

fn scrypt(log2_n: u32, r: u32, p: u32, salt: &[u8], hash: &[u8]) -> Result<PasswordRecord, String> {
    record(ImportedFunction::Scrypt, [log2_n, r, p], salt, whole(hash)?)
}

fn pbkdf2(sha512: bool, iterations: &str, salt: &[u8], hash: &[u8]) -> Result<PasswordRecord, String> {
    let function = if sha512 { ImportedFunction::Pbkdf2Sha512 } else { ImportedFunction::Pbkdf2Sha256 };
    record(function, [number(iterations)?, 0, 0], salt, whole(hash)?)
}

fn werkzeug(method: &str, salt: &str, hash: &str) -> Result<PasswordRecord, String> {
    let hash = hexadecimal(hash)?;
    match method.split(':').collect::<Vec<_>>()[..] {
        ["scrypt", n, r, p] => scrypt(log2(n)?, number(r)?, number(p)?, salt.as_bytes(), &hash),
        ["pbkdf2", name @ ("sha256" | "sha512"), iterations] => {
            pbkdf2(name == "sha512", iterations, salt.as_bytes(), &hash)
        }
        _ => Err(unknown()),
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|_| digits)
        .ok_or_else(|| "a cost in the hash is not a number that it can be".to_owned())
}

/// Returns the logarithm of scrypt's N.
fn log2(n: &str) -> Result<u32, String> {
    let n: u64 = number(n)?;
    if n.is_power_of_two() { Ok(n.ilog2()) } else { Err("scrypt's N is not a power of 2".to_owned()) }
}

/// Base 64 with or without padding, and whatever is in the bits that no byte has.
fn decode(alphabet: &Alphabet, text: &str) -> Result<Vec<u8>, String> {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(alphabet, config).decode(text).map_err(|_| unknown())
}

fn standard(text: &str) -> Result<Vec<u8>, String> {
    decode(&alphabet::STANDARD, text)
}

/// As `standard`, in which passlib writes a dot for a plus.
fn passlib(text: &str) -> Result<Vec<u8>, String> {
    standard(&text.replace('.', "+"))
}

fn hexadecimal(text: &str) -> Result<Vec<u8>, String> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let even = text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let bytes = text.as_bytes().chunks(2).map(byte).collect::<Option<Vec<u8>>>();
    bytes.filter(|_| even).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::hash_functions::verifies;

    const PASSWORD: &str = "correct horse battery staple";

    /// Made by bcrypt, Django 5, passlib, Werkzeug and argon2-cffi for Python.
    const HASHES: [&str; 12] = [
        "$2b$05$abcdefghijklmnopqrstuuFiPhXf1sVd3pCCRO.uVh34H/qI/ZsuS",
        "bcrypt$$2b$05$TeIoXh0ybrGuWeXefIiXkuR7Bdl9uuTk.OJBUwvv9LyCBflA77UZO",
        "pbkdf2_sha256$1000$saltsaltsaltsaltsalt22$VyASWC9DewTL9QN51wURpDh7QYYAVnmwgpYqxhJrQs0=",
        "scrypt$1024$saltsaltsaltsaltsalt22$8$1$QEmkLojfjPezlCz79qaWQ3VUGyejsFk+vzyVIt+Awdl5w9gtxrgNquIHrbb3tqnYMRWeNgSaKPZynCt54zttVA==",
        "argon2$argon2id$v=19$m=64,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdHNhbHQyMg$o1nuGBaQLF5njaAwVUSrYwdAE6Tln0Mviu+Tv5U5dbo",
        "$argon2id$v=19$m=64,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$gAwJW5vx5itn2V9KHlEUjyUCrpDYgKyQf0gMaHGx1h4",
        "$argon2i$v=19$m=64,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$tTEGqyzWgE8XeFIcVmGNBy2ro7tX1aVB4Lm/p52JsIo",
        "$pbkdf2-sha256$1000$MDEyMzQ1Njc4OWFiY2RlZg$yqSq2SygY1sB4EcH9f2FG0JTMES.wqLsOT5YmiRBplI",
        "$pbkdf2-sha512$1000$MDEyMzQ1Njc4OWFiY2RlZg$5bTW2oeyDJyGJPcmEr.mRDE11ghpozWrDGnSNhRXo2ZCu0KHRDiUMAVEGzLJC.oDhRoeIja9J1iLIv9ptDJMfQ",
        "$scrypt$ln=10,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$7AnzIswxwEinpwz+ntydndYfVHPvOACmX9Vvo8hO1qM",
        "scrypt:1024:8:1$Jr1p7IlOWH45qTJW$940f2dea03ae440bb7a7e11dc6137b7857d6dc7e54a085fb025d9294fa979a652c956290f7f41617c400f0e2eaac8508cec8d2c1b2c604b695fe22bae70840c8",
        "pbkdf2:sha256:1000$7bv1Rvy1kXGoH7bI$670054e0860943928c3f8a9ed06071d45d2f154aeabd06f131920ed3c946efa7",
    ];

    #[test]
    fn hashes_of_others_verify() {
        for text in HASHES {
            let record = parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert!(matches!(record.params, Hashing::Imported(_)), "{text}");
            assert!(verifies(PASSWORD, &record), "{text}");
            assert!(!verifies("correct horse battery stapler", &record), "{text}");
            // What the store keeps is the same hash.
            let kept = PasswordRecord::from_phc(record.to_phc().expose()).unwrap();
            assert_eq!(kept, record, "{text}");
        }
    }

    #[test]
    fn what_auth_http_has_written_is_taken_as_it_is() {
        let own = "$scrypt$ln=17,r=8,p=1$BwcHBwcHBwcHBwcHBwcHBw$CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk";
        assert_eq!(parse(own).unwrap().params, Hashing::DEFAULT);
    }

    #[test]
    fn what_cannot_be_verified_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "known formats"),
            ("plain text", "known formats"),
            ("5f4dcc3b5aa765d61d8327deb882cf99", "known formats"),
            ("$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/", "known formats"),
            (
                "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/",
                "known formats",
            ),
            ("md5$salt$0123456789abcdef0123456789abcdef", "known formats"),
            ("$2x$05$abcdefghijklmnopqrstuuFiPhXf1sVd3pCCRO.uVh34H/qI/ZsuS", "known formats"),
            ("$2b$05$abcdefghijklmnopqrstuuFiPhXf1sVd3pCCRO", "known formats"),
            ("$2b$17$abcdefghijklmnopqrstuuFiPhXf1sVd3pCCRO.uVh34H/qI/ZsuS", "the limits are"),
            ("$2b$03$abcdefghijklmnopqrstuuFiPhXf1sVd3pCCRO.uVh34H/qI/ZsuS", "the limits are"),
            ("pbkdf2_sha256$10000001$salt$VyASWC9DewTL9QN51wURpDh7QYYAVnmwgpYqxhJrQs0=", "the limits are"),
            (
                "$pbkdf2-sha512$5000001$MDEyMzQ1Njc4OWFiY2RlZg$5bTW2oeyDJyGJPcmEr.mRDE11ghpozWrDGnSNhRXo2ZCu0KHRDiUMAVEGzLJC.oDhRoeIja9J1iLIv9ptDJMfQ",
                "the limits are",
            ),
            (
                "$argon2id$v=19$m=64,t=2,p=1$MDEyMzQ1Ng$gAwJW5vx5itn2V9KHlEUjyUCrpDYgKyQf0gMaHGx1h4",
                "the limits are",
            ),
            ("pbkdf2_sha256$-1$salt$VyASWC9DewTL9QN51wURpDh7QYYAVnmwgpYqxhJrQs0=", "not a number"),
            ("pbkdf2_sha256$1000$salt$VyASWC9DewTL9Q==", "fewer than 32 bytes"),
            ("pbkdf2_sha256$1000$$VyASWC9DewTL9QN51wURpDh7QYYAVnmwgpYqxhJrQs0=", "salt"),
            (
                "scrypt:1000:8:1$salt$670054e0860943928c3f8a9ed06071d45d2f154aeabd06f131920ed3c946efa7",
                "power of 2",
            ),
            (
                "scrypt:2097152:8:1$salt$670054e0860943928c3f8a9ed06071d45d2f154aeabd06f131920ed3c946efa7",
                "the limits are",
            ),
            (
                "$argon2id$v=19$m=2097152,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$gAwJW5vx5itn2V9KHlEUjyUCrpDYgKyQf0gMaHGx1h4",
                "the limits are",
            ),
            ("$argon2id$v=19$m=64,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$gAwJW5vx5itn2V9KHlEUjw", "32 bytes"),
            (
                "$argon2d$v=19$m=64,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$gAwJW5vx5itn2V9KHlEUjyUCrpDYgKyQf0gMaHGx1h4",
                "known formats",
            ),
        ] {
            let refused = parse(text).unwrap_err();
            assert!(refused.contains(why), "{text}: {refused}");
            assert!(text.is_empty() || !refused.contains(text), "the hash is not repeated: {refused}");
        }
    }
}
