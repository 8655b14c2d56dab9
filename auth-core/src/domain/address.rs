//! E-mail addresses, and the canonical key that every store and limit uses.
//!
//! Threats: look-alike addresses that a store treats as equal (CVE-2019-19844), keys that differ between entries
//! (CVE-2026-47203), text that breaks out of a mail header or an SMTP envelope. A value of these types is safe in all
//! of these places.

use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
};
use core::fmt;

use serde::{Deserialize, Serialize};

use super::blank::is_blank;

/// The longest address in canonical form, in octets: RFC 5321 section 4.5.3.1.3 gives a path of 256 with its angle
/// brackets.
const MAX_ADDRESS: usize = 254;
/// The longest local part, in octets: RFC 5321 section 4.5.3.1.1.
const MAX_LOCAL: usize = 64;
/// The longest domain label, in octets: RFC 1035 section 2.3.4.
const MAX_LABEL: usize = 63;
/// The longest given spelling, in bytes; an internationalised domain is longer in it than in its key.
const MAX_GIVEN: usize = 512;

/// A well-formed e-mail address, as it was given.
///
/// The local part is an ASCII dot-atom (RFC 5321 section 4.1.2, without quoted strings), the
/// domain two or more labels of letters, digits and hyphens after IDNA.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Address {
    given: String,
    key: AddressKey,
}

/// The canonical form of an address: lower case, its domain as A-labels.
///
/// At most 254 bytes of printable ASCII with exactly one `@`. Only parsing makes one, so a store never receives
/// anything else.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct AddressKey(String);

/// The address that a mail goes to: ASCII, safe in an envelope and in a header.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Recipient(String);

impl Recipient {
    /// Returns the address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is wrong with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressError {
    /// There is no `@`.
    NoAt,
    /// The part before the `@` is empty, longer than 64 bytes or not a dot-atom.
    Local,
    /// The part after the `@` is not a domain of two or more labels.
    Domain,
    /// The address is longer than 254 bytes.
    TooLong,
}

impl Address {
    /// Parses an address. Surrounding blanks are removed, since people paste them; nothing else is corrected.
    ///
    /// # Errors
    /// [`AddressError`] names the first part that is wrong.
    pub fn parse(given: &str) -> Result<Self, AddressError> {
        if given.len() > MAX_GIVEN {
            return Err(AddressError::TooLong);
        }
        let given = given.trim_matches(is_blank);
        let (local, domain) = halves(given).ok_or(AddressError::NoAt)?;
        if !is_dot_atom(local) {
            return Err(AddressError::Local);
        }
        let domain = to_ascii(domain)?;
        if !is_domain(&domain) {
            return Err(AddressError::Domain);
        }
        let mut key = local.to_ascii_lowercase();
        key.push('@');
        key.push_str(&domain);
        if key.len() > MAX_ADDRESS {
            return Err(AddressError::TooLong);
        }
        Ok(Self { given: given.to_owned(), key: AddressKey(key) })
    }

    /// Returns the address as it was given, for display.
    pub fn given(&self) -> &str {
        &self.given
    }

    /// Returns the key that stores and limits use.
    pub const fn key(&self) -> &AddressKey {
        &self.key
    }

    /// Returns the address to send mail to: the local part as given, the domain as A-labels.
    pub fn recipient(&self) -> Recipient {
        let local = halves(&self.given).map_or("", |(local, _)| local);
        let mut recipient = local.to_string();
        recipient.push('@');
        recipient.push_str(self.key.domain());
        Recipient(recipient)
    }
}

impl AddressKey {
    /// Returns the key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Parses a key from a store.
    ///
    /// # Errors
    /// [`AddressError`] for a text that is not the key of an address.
    pub fn parse(key: &str) -> Result<Self, AddressError> {
        match Address::parse(key)? {
            address if address.key.0 == key => Ok(address.key),
            _ => Err(AddressError::Domain),
        }
    }

    fn domain(&self) -> &str {
        halves(&self.0).map_or("", |(_, domain)| domain)
    }
}

// Values from a snapshot are parsed like any other input.
impl TryFrom<String> for Address {
    type Error = AddressError;
    fn try_from(given: String) -> Result<Self, AddressError> {
        Self::parse(&given)
    }
}

impl TryFrom<String> for AddressKey {
    type Error = AddressError;
    fn try_from(key: String) -> Result<Self, AddressError> {
        Self::parse(&key)
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.given
    }
}

impl From<AddressKey> for String {
    fn from(key: AddressKey) -> Self {
        key.0
    }
}

impl AddressError {
    /// Returns what a valid address must have, as a message for people.
    pub const fn message(self) -> &'static str {
        match self {
            Self::NoAt => "an e-mail address must contain an @",
            Self::Local => {
                "the part before the @ must be 1 to 64 ASCII letters, digits, dots or !#$%&'*+-/=?^_`{|}~"
            }
            Self::Domain => {
                "the part after the @ must be a domain with two or more labels, such as example.org"
            }
            Self::TooLong => "an e-mail address must have at most 254 bytes",
        }
    }
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl core::error::Error for AddressError {}

// Threat: personal data in logs. Code that needs the text asks for it by name.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address([personal])")
    }
}

impl fmt::Debug for AddressKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddressKey([personal])")
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recipient([personal])")
    }
}

/// Splits at the last `@`. Over bytes: half the machine code of a search for a character.
fn halves(address: &str) -> Option<(&str, &str)> {
    let at = address.bytes().rposition(|byte| byte == b'@')?;
    Some((address.get(..at)?, address.get(at.checked_add(1)?..)?))
}

fn is_dot_atom(local: &str) -> bool {
    let atext = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b);
    let atom = |atom: &[u8]| !atom.is_empty() && atom.iter().copied().all(atext);
    local.len() <= MAX_LOCAL && local.as_bytes().split(|b| *b == b'.').all(atom)
}

fn is_domain(domain: &str) -> bool {
    let label = |label: &[u8]| {
        (1..=MAX_LABEL).contains(&label.len())
            && label.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
            && label.first() != Some(&b'-')
            && label.last() != Some(&b'-')
    };
    let labels = || domain.as_bytes().split(|b| *b == b'.');
    // Threat: a last label of digits is an IPv4 address in disguise, a way past the resolver.
    let name = |last: &[u8]| !last.iter().all(u8::is_ascii_digit);
    labels().nth(1).is_some() && labels().all(label) && labels().next_back().is_some_and(name)
}

#[cfg(feature = "unicode")]
fn to_ascii(domain: &str) -> Result<String, AddressError> {
    use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
    // UTS 46 maps full-width letters, dots and the like before anything is compared.
    Uts46::new()
        .to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify)
        .map(|ascii| ascii.to_ascii_lowercase())
        .map_err(|_| AddressError::Domain)
}

#[cfg(not(feature = "unicode"))]
fn to_ascii(domain: &str) -> Result<String, AddressError> {
    Ok(domain.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, vec::Vec};

    fn key(text: &str) -> Result<String, AddressError> {
        Address::parse(text).map(|address| address.key().as_str().to_owned())
    }

    #[test]
    fn well_formed_addresses_are_accepted() {
        for (given, expected) in [
            ("ada@example.org", "ada@example.org"),
            ("Ada.Lovelace@Example.ORG", "ada.lovelace@example.org"),
            ("o'brien+tag@mail.sub.example.org", "o'brien+tag@mail.sub.example.org"),
            ("a@1.example", "a@1.example"),
            ("a@3com.com", "a@3com.com"),
            ("!#$%&'*+-/=?^_`{|}~@x.yz", "!#$%&'*+-/=?^_`{|}~@x.yz"),
        ] {
            assert_eq!(key(given).as_deref(), Ok(expected), "{given}");
        }
    }

    #[test]
    fn malformed_addresses_are_refused() {
        let long_local = format!("{}@example.org", "a".repeat(65));
        let long_label = format!("a@{}.org", "a".repeat(64));
        let long = format!("{}@{}org", "a".repeat(64), "abcdefghi.".repeat(20));
        for bad in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "ada@example",
            "ada@example.org.",
            "ada@.org",
            "ada@-x.org",
            "ada@x-.org",
            "ada@example.123",
            "ada@127.0.0.1",
            "ada@[127.0.0.1]",
            "\"ada\"@example.org",
            "a b@example.org",
            "ada@exa mple.org",
            "ada@example.org\r\n",
            "ada\n@example.org",
            "a,b@example.org",
            "a@b@example.org",
            "<ada@example.org>",
            "joe@y.org>\r\nRCPT TO:<evil@z.org",
            ".ada@example.org",
            "ada.@example.org",
            "a..b@example.org",
            "ad\u{e4}@example.org",
            "ada@exa_mple.org",
            "ada@a..org",
            "ada\u{0}@example.org",
            "ada @example.org",
            "ada@ example.org",
            "\tada@example.org",
            "ada@example.org\u{2003}",
            " ",
            &long_local,
            &long_label,
            &long,
        ] {
            assert!(Address::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn blanks_around_an_address_are_taken_off() {
        for given in [" ada@example.org", "ada@example.org ", "\u{a0} ada@example.org \u{a0}"] {
            let address = Address::parse(given).unwrap();
            assert_eq!((address.given(), address.key().as_str()), ("ada@example.org", "ada@example.org"));
        }
        assert!(AddressKey::parse("ada@example.org ").is_err(), "such a key is rejected");
    }

    #[test]
    fn longest_address_is_254_bytes() {
        let local = "a".repeat(64);
        let domain = format!("{}.{}.{}", "b".repeat(63), "c".repeat(63), "d".repeat(61));
        let longest = format!("{local}@{domain}");
        assert_eq!(longest.len(), 254);
        assert!(Address::parse(&longest).is_ok());
        assert_eq!(key(&format!("{longest}e")), Err(AddressError::TooLong));
    }

    #[test]
    fn recipient_keeps_the_spelling_of_the_local_part() {
        let address = Address::parse("Ada@Example.ORG").unwrap();
        assert_eq!(address.recipient().as_str(), "Ada@example.org");
        assert_eq!(address.given(), "Ada@Example.ORG");
    }

    #[test]
    fn debug_shows_no_personal_data() {
        let address = Address::parse("ada@example.org").unwrap();
        assert!(!format!("{address:?} {:?}", address.key()).contains("ada"));
    }

    #[cfg(feature = "unicode")]
    #[test]
    fn unicode_variants_of_a_domain_share_one_key() {
        let variants = [
            "a@b\u{fc}cher.example",
            "a@xn--bcher-kva.example",
            "A@B\u{dc}CHER.EXAMPLE",
            "a@bu\u{308}cher.example",
            "a@b\u{fc}cher\u{3002}example",
            "a@XN--BCHER-KVA.example",
            "a@\u{ff42}\u{fc}cher.example",
        ];
        let keys: Vec<_> = variants.iter().map(|v| key(v)).collect();
        assert!(keys.iter().all(|k| k.as_deref() == Ok("a@xn--bcher-kva.example")), "{keys:?}");
    }

    #[test]
    fn a_key_is_its_own_key() {
        // Every key that parsing gives parses to itself, and every ASCII case variant has the same key.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % n
        };
        let alphabet: Vec<char> = "aAbBzZ09.-+'@_\u{e4}\u{df}\u{3002} \"".chars().collect();
        let mut parsed = 0;
        for _ in 0..50_000 {
            let length = next(12) + 3;
            let mut text: String =
                (0..length).map(|_| alphabet[usize::try_from(next(19)).unwrap()]).collect();
            text.push_str("@ab.cd");
            let Ok(address) = Address::parse(&text) else { continue };
            parsed += 1;
            let key = address.key().as_str();
            assert!(key.is_ascii() && key.matches('@').count() == 1, "{text:?}");
            assert_eq!(self::key(key).as_deref(), Ok(key), "{text:?}");
            assert_eq!(self::key(&text.to_ascii_uppercase()).as_deref(), Ok(key), "{text:?}");
        }
        assert!(parsed > 1_000, "the generator made only {parsed} addresses");
    }
}
