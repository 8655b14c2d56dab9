//! Passwords and the policy that judges new ones; no password enters a flow.
//!
//! The host parses the [`Password`] at its edge, keeps it outside the run, and gives the flow only the verdict.
//! Figures: NIST SP 800-63B-4 section 3.1.1.2, OWASP ASVS 5.0 V6.2.

use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::Secret;

/// The longest password in NFC, in bytes; longer ones are rejected, never cut off.
const MAX_BYTES: usize = 1024;

/// A password in Unicode NFC, without control characters, 1 to 1,024 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Password(Secret<String>);

/// Why a text cannot be a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordError {
    /// It has no characters.
    Empty,
    /// It has more than 1,024 bytes of UTF-8.
    TooLong,
    /// It has control characters, which HTTP Basic (RFC 7617 section 2) cannot carry.
    Control,
}

impl PasswordError {
    /// Returns what a password must have, as a message for people.
    pub const fn message(self) -> &'static str {
        match self {
            Self::Empty => "a password must have at least one character",
            Self::TooLong => "a password must have at most 1024 bytes of UTF-8",
            Self::Control => "a password must have no control characters",
        }
    }
}

impl fmt::Display for PasswordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl core::error::Error for PasswordError {}

impl Password {
    /// Parses a password. Without the feature `unicode` the host must pass NFC text.
    ///
    /// # Errors
    /// [`PasswordError`] names the first rule that it breaks.
    pub fn parse(text: &str) -> Result<Self, PasswordError> {
        let password = Self(Secret::new(normalise(text)?));
        match password.0.expose() {
            text if text.is_empty() => Err(PasswordError::Empty),
            text if text.len() > MAX_BYTES => Err(PasswordError::TooLong),
            text if text.chars().any(char::is_control) => Err(PasswordError::Control),
            _ => Ok(password),
        }
    }

    /// Returns the text to hash; review every use.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

#[cfg(feature = "unicode")]
fn normalise(text: &str) -> Result<String, PasswordError> {
    use unicode_normalization::UnicodeNormalization;
    // NFC grows UTF-8 at most threefold (UAX 15 section 13), so a longer text cannot fit.
    if text.len() > MAX_BYTES.saturating_mul(3) {
        return Err(PasswordError::TooLong);
    }
    // Threat: a growing string leaves copies behind that are not wiped; this one never grows.
    let mut normal = String::with_capacity(text.len().saturating_mul(3));
    normal.extend(text.nfc());
    Ok(normal)
}

#[cfg(not(feature = "unicode"))]
fn normalise(text: &str) -> Result<String, PasswordError> {
    Ok(text.into())
}

/// The requirements for new passwords. Composition rules are absent on purpose (NIST).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordPolicy {
    /// The minimum length in code points; NIST asks for 15 if the password is the only factor.
    pub min_length: u16,
    /// The minimum zxcvbn score, 0 to 4.
    pub min_score: u8,
    /// Whether passwords known from leaks are rejected whatever their score.
    pub refuse_common: bool,
}

/// The result of a strength estimator (zxcvbn, with address and service name as context).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    /// The zxcvbn score, 0 (guessed at once) to 4.
    pub score: u8,
    /// Whether the whole password is in a list of known ones.
    pub common: bool,
}

/// Why a password is too weak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weakness {
    /// It has fewer code points than the minimum.
    TooShort {
        /// The minimum in code points.
        min_length: u16,
    },
    /// It is in a list of passwords known from leaks.
    Common,
    /// It can be guessed too fast.
    Guessable {
        /// The zxcvbn score of the password.
        score: u8,
        /// The minimum score.
        min_score: u8,
    },
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { min_length } => {
                write!(f, "a password must have at least {min_length} characters")
            }
            Self::Common => f.write_str("the password is known from leaks; choose another one"),
            Self::Guessable { score, min_score } => {
                write!(f, "the password's strength is {score} of 4; choose one with at least {min_score}")
            }
        }
    }
}

impl core::error::Error for Weakness {}

/// The result of a [`PasswordPolicy`] for a new password: good, or the first rule that it violates.
///
/// Only [`PasswordPolicy::judge`] and [`PasswordPolicy::judge_with`] make one.
///
/// Threat: a host that skips the policy. [`Register`](crate::Register) accepts nothing else:
///
/// ```compile_fail
/// let verdict = auth_core::Verdict(Ok(()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Verdict(Result<(), Weakness>);

impl Verdict {
    /// Restores the result of `judge` from a host that is not Rust.
    #[cfg(feature = "wire")]
    pub const fn from_wire(said: Result<(), Weakness>) -> Self {
        Self(said)
    }

    /// Returns why the password is too weak, or `None` for a good one.
    pub const fn weakness(self) -> Option<Weakness> {
        match self.0 {
            Ok(()) => None,
            Err(weakness) => Some(weakness),
        }
    }
}

impl PasswordPolicy {
    /// Returns whether the verdict depends on an estimate: not if the password is too short, nor if the policy
    /// ignores estimates. Then make none: it can cost more than the request.
    pub fn needs_estimate(&self, password: &Password) -> bool {
        !self.too_short(password) && (self.refuse_common || self.min_score > 0)
    }

    /// Judges a new password, and makes the estimate only if the verdict depends on it.
    pub fn judge_with(&self, password: &Password, estimate: impl FnOnce() -> Estimate) -> Verdict {
        Verdict(self.verdict(password, estimate))
    }

    fn verdict(&self, password: &Password, estimate: impl FnOnce() -> Estimate) -> Result<(), Weakness> {
        if self.too_short(password) {
            return Err(Weakness::TooShort { min_length: self.min_length });
        }
        if !self.needs_estimate(password) {
            return Ok(());
        }
        let estimate = estimate();
        if self.refuse_common && estimate.common {
            Err(Weakness::Common)
        } else if estimate.score < self.min_score {
            Err(Weakness::Guessable { score: estimate.score, min_score: self.min_score })
        } else {
            Ok(())
        }
    }

    /// Judges a new password with an estimate.
    pub fn judge(&self, password: &Password, estimate: Estimate) -> Verdict {
        self.judge_with(password, || estimate)
    }

    fn too_short(&self, password: &Password) -> bool {
        let min_length = usize::from(self.min_length);
        password.expose().chars().take(min_length).count() < min_length
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn only_text_without_controls_is_a_password() {
        assert_eq!(Password::parse("").err(), Some(PasswordError::Empty));
        assert_eq!(Password::parse("a\u{7}b").err(), Some(PasswordError::Control));
        assert_eq!(Password::parse("a\u{85}b").err(), Some(PasswordError::Control));
        assert!(Password::parse(&"x".repeat(1024)).is_ok());
        assert_eq!(Password::parse(&"x".repeat(1025)).err(), Some(PasswordError::TooLong));
        assert_eq!(Password::parse(&"x".repeat(9999)).err(), Some(PasswordError::TooLong));
        assert!(Password::parse("a:b c\u{1f511}").is_ok(), "colons, blanks and emoji are fine");
    }

    #[cfg(feature = "unicode")]
    #[test]
    fn composed_and_decomposed_spellings_are_one_password() {
        assert_eq!(Password::parse("caf\u{e9}"), Password::parse("cafe\u{301}"));
    }

    #[test]
    fn policy_is_a_table() {
        let policy = PasswordPolicy { min_length: 8, min_score: 3, refuse_common: true };
        let judge = |text: &str, score, common| {
            policy.judge(&Password::parse(text).unwrap(), Estimate { score, common }).weakness()
        };
        assert_eq!(judge("1234567", 4, false), Some(Weakness::TooShort { min_length: 8 }));
        assert_eq!(
            judge("\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}", 4, false),
            Some(Weakness::TooShort { min_length: 8 })
        );
        assert_eq!(judge("12345678", 3, true), Some(Weakness::Common));
        assert_eq!(judge("12345678", 2, false), Some(Weakness::Guessable { score: 2, min_score: 3 }));
        assert_eq!(judge("12345678", 3, false), None);
    }

    #[test]
    fn an_estimate_is_made_only_where_the_verdict_depends_on_it() {
        let policy = |min_score, refuse_common| PasswordPolicy { min_length: 8, min_score, refuse_common };
        for (policy, text, needed) in [
            (policy(3, true), "12345678", true),
            (policy(0, true), "12345678", true),
            (policy(1, false), "12345678", true),
            (policy(0, false), "12345678", false),
            (policy(3, true), "1234567", false),
            (policy(0, false), "1234567", false),
        ] {
            let password = Password::parse(text).unwrap();
            assert_eq!(policy.needs_estimate(&password), needed, "{policy:?} {text}");
            let mut made = false;
            let estimate = Estimate { score: 0, common: true };
            let verdict = policy.judge_with(&password, || {
                made = true;
                estimate
            });
            assert_eq!(made, needed, "{policy:?} {text}");
            assert_eq!(verdict, policy.judge(&password, estimate), "{policy:?} {text}");
        }
    }

    #[test]
    fn debug_is_redacted() {
        assert!(!format!("{:?}", Password::parse("canary-pw")).contains("canary"));
    }
}
