//! The language tag of an attempt; the mailer knows which languages exist.

use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};

/// The language of an attempt's mails: a language tag (RFC 5646), lowercased.
///
/// 1 to 35 ASCII letters, digits and hyphens, the length that RFC 5646 section 4.4.1 asks implementations to support.
/// It may be used as a file name, so other characters are rejected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Locale(String);

/// The error for a text that is not a language tag: use letters, digits and hyphens, at most 35.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocaleError;

impl Locale {
    /// Parses a language tag.
    ///
    /// # Errors
    /// [`LocaleError`] for an empty text, more than 35 characters, or any other character.
    pub fn parse(text: &str) -> Result<Self, LocaleError> {
        let fits = (1..=35).contains(&text.len());
        // Threat: a tag names a template file; a slash or a dot would leave the folder.
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if fits && plain { Ok(Self(text.to_ascii_lowercase())) } else { Err(LocaleError) }
    }

    /// Returns the tag in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Locale {
    type Error = LocaleError;
    fn try_from(text: String) -> Result<Self, LocaleError> {
        Self::parse(&text)
    }
}

impl fmt::Display for LocaleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a language tag must have 1 to 35 ASCII letters, digits or hyphens")
    }
}

impl core::error::Error for LocaleError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tags_are_locales() {
        assert_eq!(Locale::parse("fr-CA").map(|l| l.0), Ok("fr-ca".into()));
        for bad in ["", "../en", "en.txt", "a_b", &"x".repeat(36)] {
            assert_eq!(Locale::parse(bad), Err(LocaleError), "{bad}");
        }
    }
}
