//! The policy of a deployment: checked once, passed into every run, never in a snapshot.

use core::{fmt, num::NonZeroU32, time::Duration};

use serde::{Deserialize, Serialize};

use crate::domain::{
    Alphabet, CodeFormat, CodeKeys, HashFloor, Hashing, Lifetimes, MailInterval, Odds, OddsLimit,
    PasswordPolicy, Rate, SessionLifetimes, micros,
};

/// How much answers disclose of the state of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disclosure {
    /// The same answer in every state.
    Hidden,
    /// The precise reason, for deployments that accept that accounts can be enumerated.
    Explicit,
}

/// The values of a policy; `default()` is the documented one.
///
/// Threat: a configuration file that weakens the protection of leaked hashes and short codes. A deserialized policy
/// always has the standard `odds` and `hash_floor`; only a program can set others.
///
/// Threat: a typing error that switches a limit off. Every field is required, and unknown ones are rejected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// What answers disclose.
    pub disclosure: Disclosure,
    /// The format of codes.
    pub code: CodeFormat,
    /// How long a code lives after its mail was accepted: 30 s to 24 h.
    #[serde(with = "micros")]
    pub code_ttl: Duration,
    /// The number of wrong codes allowed per mail, at least one.
    pub code_tries: u8,
    /// The limit on the chance of guessing a code.
    #[serde(skip)]
    pub odds: OddsLimit,
    /// The first interval between mails to an address: at least 1 s. It doubles with each mail.
    #[serde(with = "micros")]
    pub resend_after: Duration,
    /// The longest interval between mails to an address: at least `resend_after`, at most 24 h.
    #[serde(with = "micros")]
    pub resend_after_max: Duration,
    /// The function that hashes new passwords, and its cost.
    pub hash: Hashing,
    /// The weakest hash that is accepted.
    #[serde(skip)]
    pub hash_floor: HashFloor,
    /// The requirements for new passwords.
    pub password: PasswordPolicy,
    /// Requests per minute and client; `None` for no limit.
    #[serde(deserialize_with = "Option::deserialize")]
    pub client_requests_per_minute: Option<NonZeroU32>,
    /// How long a deferred mail is retried: 60 s to 7 days.
    #[serde(with = "micros")]
    pub mail_give_up: Duration,
    /// How long a token that sets a new password lives after its mail was accepted: at most 24 h, and at least the longest
    /// interval between mails and the time to send one, so that at any time one lives or a mail is due.
    #[serde(with = "micros")]
    pub reset_ttl: Duration,
    /// How long a session lasts from its login on, whatever happens: at least 60 s.
    #[serde(with = "micros")]
    pub session: Duration,
    /// How long a session lasts without use: at least 60 s, not above `session`.
    #[serde(with = "micros")]
    pub session_idle: Duration,
    /// How long a password counts as just given, for what changes an account: at least 60 s.
    #[serde(with = "micros")]
    pub session_fresh: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            disclosure: Disclosure::Hidden,
            code: CodeFormat::SIX_DIGITS,
            code_ttl: Duration::from_secs(600),
            code_tries: 5,
            odds: OddsLimit::Standard,
            resend_after: Duration::from_secs(60),
            resend_after_max: Duration::from_secs(7200),
            hash: Hashing::DEFAULT,
            hash_floor: HashFloor::OWASP,
            password: PasswordPolicy { min_length: 8, min_score: 3, refuse_common: true },
            client_requests_per_minute: NonZeroU32::new(60),
            mail_give_up: Duration::from_secs(86_400),
            // NIST SP 800-63B-4 section 4.2.1.2: at most 24 h.
            reset_ttl: Duration::from_secs(10_800),
            // NIST SP 800-63B-4 section 2.1.3: at most 30 days.
            session: Duration::from_secs(30 * 86_400),
            session_idle: Duration::from_secs(14 * 86_400),
            session_fresh: Duration::from_secs(900),
        }
    }
}

impl CodeFormat {
    const SIX_DIGITS: Self = Self::unchecked(Alphabet::Digits, 6);
}

/// Why a policy was rejected, with the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RulesError {
    /// Codes could be guessed too easily.
    Odds(Odds),
    /// There must be at least one try per mail.
    NoTries,
    /// Codes must live 30 s to 24 h.
    CodeTtl(Duration),
    /// The first interval must be at least 1 s, the longest at least the first and at most 24 h.
    ResendAfter(Duration, Duration),
    /// The hash parameters are below the floor or above the ceiling.
    Hash(Hashing),
    /// The minimum length must be 1 to 1,024 code points, the score 0 to 4.
    Password(PasswordPolicy),
    /// Mails must be retried for 60 s to 7 days.
    MailGiveUp(Duration),
    /// Reset tokens must live for the longest interval between mails and 660 s at least, and 24 h at most.
    ResetTtl {
        /// What was set.
        ttl: Duration,
        /// The least that is allowed.
        least: Duration,
    },
    /// Sessions must last at least 60 s, also without use and fresh, and without use not longer than at all.
    Session {
        /// In all.
        whole: Duration,
        /// Without use.
        idle: Duration,
        /// Fresh.
        fresh: Duration,
    },
}

impl fmt::Display for RulesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Odds(odds) => write!(
                f,
                "codes could be guessed: {odds}; use longer codes, fewer tries or longer intervals between mails"
            ),
            Self::NoTries => f.write_str("a code needs at least 1 try; allow more"),
            Self::CodeTtl(ttl) => {
                write!(f, "a code lifetime of {} s is not allowed; set 30 s to 86400 s", ttl.as_secs())
            }
            Self::ResendAfter(first, longest) => write!(
                f,
                "intervals between mails of {} s to {} s: the first must be at least 1 s, the longest \
                 not below it and at most 86400 s",
                first.as_secs(),
                longest.as_secs()
            ),
            Self::Hash(params) => write!(
                f,
                "{params} is weaker than every setting that OWASP lists (scrypt 2^17,8,1; 2^16,8,2; 2^15,8,3; \
                 2^14,8,5; 2^13,8,10; Argon2id 47104,1,1; 19456,2,1; 12288,3,1; 9216,4,1; 7168,5,1; PBKDF2 with 600000 \
                 iterations) or than the configured floor, or takes more than 1 GiB, 2^24 N·r·p, 2^22 m·t or 10000000 \
                 iterations"
            ),
            Self::Password(policy) => write!(
                f,
                "a password minimum of {} code points with score {} is not allowed; set 1 to 1024 and 0 to 4",
                policy.min_length, policy.min_score
            ),
            Self::MailGiveUp(after) => {
                write!(f, "giving mails up after {} s is not allowed; set 60 s to 604800 s", after.as_secs())
            }
            Self::ResetTtl { ttl, least } => write!(
                f,
                "a lifetime of reset tokens of {} s is not allowed; set {} s to 86400 s, or shorten the longest interval \
                 between mails",
                ttl.as_secs(),
                least.as_secs()
            ),
            Self::Session { whole, idle, fresh } => write!(
                f,
                "sessions of {} s, of {} s without use, fresh for {} s: each must be at least 60 s, and the time \
                 without use not longer than the whole",
                whole.as_secs(),
                idle.as_secs(),
                fresh.as_secs()
            ),
        }
    }
}

impl core::error::Error for RulesError {}

/// A checked policy and the code keys.
#[derive(Clone, Debug)]
pub struct Rules {
    policy: Policy,
    pub(crate) keys: CodeKeys,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) sessions: SessionLifetimes,
}

impl Rules {
    /// The longest time to send one mail: ten minutes for the reply to the final dot (RFC 5321 section 4.5.3.2.6) and
    /// one minute for everything before it.
    pub const SEND_DEADLINE: Duration = Duration::from_secs(660);
    /// How long dead letters are kept for the operator.
    pub const DEAD_LETTER_AGE: Duration = Duration::from_secs(7 * 86_400);

    /// Returns how long reset tokens must be good at least with this longest interval between mails: at any time a token
    /// is good or a mail is due, unless they are further apart than a day.
    #[must_use]
    pub fn least_reset_ttl(resend_after_max: Duration) -> Duration {
        resend_after_max.saturating_add(Self::SEND_DEADLINE).min(Duration::from_secs(86_400))
    }

    /// Checks a policy.
    ///
    /// # Errors
    /// [`RulesError`] says which value is rejected and which values are allowed.
    pub fn new(policy: Policy, keys: CodeKeys) -> Result<Self, RulesError> {
        let seconds = Duration::from_secs;
        if policy.code_tries == 0 {
            return Err(RulesError::NoTries);
        }
        if !(seconds(30)..=seconds(86_400)).contains(&policy.code_ttl) {
            return Err(RulesError::CodeTtl(policy.code_ttl));
        }
        let interval = MailInterval::new(policy.resend_after, policy.resend_after_max)
            .ok_or(RulesError::ResendAfter(policy.resend_after, policy.resend_after_max))?;
        if !policy.hash_floor.admits(policy.hash) || matches!(policy.hash, Hashing::Imported(_)) {
            return Err(RulesError::Hash(policy.hash));
        }
        if !(1..=1024).contains(&policy.password.min_length) || policy.password.min_score > 4 {
            return Err(RulesError::Password(policy.password));
        }
        if !(seconds(60)..=seconds(604_800)).contains(&policy.mail_give_up) {
            return Err(RulesError::MailGiveUp(policy.mail_give_up));
        }
        let day = seconds(86_400);
        let least = Self::least_reset_ttl(policy.resend_after_max);
        if !(least..=day).contains(&policy.reset_ttl) {
            return Err(RulesError::ResetTtl { ttl: policy.reset_ttl, least });
        }
        let (whole, idle, fresh) = (policy.session, policy.session_idle, policy.session_fresh);
        if [whole, idle, fresh].iter().any(|time| *time < seconds(60)) || idle > whole {
            return Err(RulesError::Session { whole, idle, fresh });
        }
        let odds = Odds::of(policy.code, policy.code_tries, interval, policy.odds);
        if !odds.hold() {
            return Err(RulesError::Odds(odds));
        }
        let last_code = policy.code_ttl.saturating_add(Self::SEND_DEADLINE);
        let sessions = SessionLifetimes { whole, idle, fresh };
        Ok(Self { policy, keys, lifetimes: Lifetimes { interval, last_code }, sessions })
    }

    /// Returns the checked policy.
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Returns how likely a code is guessed, with the numbers behind it.
    pub fn odds(&self) -> Odds {
        Odds::of(self.policy.code, self.policy.code_tries, self.lifetimes.interval, self.policy.odds)
    }

    pub(crate) fn rate(&self) -> Option<Rate> {
        let requests = self.policy.client_requests_per_minute?;
        Some(Rate { requests, period: Duration::from_secs(60) })
    }

    pub(crate) const fn discloses(&self) -> bool {
        matches!(self.policy.disclosure, Disclosure::Explicit)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_policy_lacks_no_field_and_has_none_too_many() {
        let whole = serde_json::to_value(Policy::default()).unwrap();
        let reads = |policy: &Value| serde_json::from_value::<Policy>(policy.clone()).is_ok();
        assert!(reads(&whole));
        for field in whole.as_object().unwrap().keys() {
            let mut less = whole.clone();
            less.as_object_mut().unwrap().remove(field);
            assert!(!reads(&less), "without {field}");
        }
        for part in ["", "/code", "/password"] {
            let mut more = whole.clone();
            more.pointer_mut(part).unwrap()["client_request_per_minute"] = json!(10);
            assert!(!reads(&more), "one more in {part}");
        }
        let mut unlimited = whole;
        unlimited["client_requests_per_minute"] = Value::Null;
        assert!(reads(&unlimited), "no limit must be written, not left out");
    }
}
