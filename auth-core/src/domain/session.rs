//! Sessions: their tokens, what a store keeps of one, and whether one still counts.
//!
//! Threat: a session that survives what should have ended it. A session carries the generation of the account that it
//! was opened under, and counts under no other: whatever draws a new generation ends it, on every node, at once.

use alloc::string::String;
use core::{fmt, time::Duration};

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{AccountId, Generation, Stream, Time, client::printable};
use crate::{Rules, Secret, bytes};

/// The longest time between two records that a session is used.
const SEEN_EVERY: Duration = Duration::from_secs(3600);

/// What a visitor shows to be recognised: 256 random bits, as `auths_` and 43 characters of base 64 (RFC 4648 section
/// 5). It is a password as long as it lives: send it over TLS alone, and log it nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionToken(#[serde(with = "bytes::text")] Secret<String>);

impl SessionToken {
    /// Makes a token from what a visitor shows, whatever it is: a text that is no token opens nothing.
    pub const fn new(shown: Secret<String>) -> Self {
        Self(shown)
    }

    pub(crate) fn draw(random: &mut Stream<'_>) -> Self {
        let bytes = Secret::new(random.bytes::<32>());
        Self(tagged("auths_", bytes.expose()))
    }

    /// Returns the text to hand over to the visitor; review every use.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Returns what the store knows of it.
    ///
    /// Threat: a reader of the store who shows what is stored there. The hash opens nothing, and 256 random bits need
    /// no slow hash.
    pub fn hash(&self) -> SessionHash {
        SessionHash(
            Sha256::new().chain_update(b"auth-core session v1").chain_update(self.expose()).finalize().into(),
        )
    }
}

/// What a mail carries to set a new password: 128 random bits, as `authr_` and 22 characters of base 64 (RFC 4648 section
/// 5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResetToken(#[serde(with = "bytes::text")] Secret<String>);

impl ResetToken {
    /// Makes a token from what a visitor shows, whatever it is: a text that is no token resets nothing.
    pub const fn new(shown: Secret<String>) -> Self {
        Self(shown)
    }

    /// Returns the text to put into the mail; review every use.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// Returns a tag and base 64 after it, without copies that are not wiped: at most 48 bytes.
pub(super) fn tagged(tag: &str, bytes: &[u8]) -> Secret<String> {
    let mut buffer = zeroize::Zeroizing::new([0; 64]);
    let mut text = Secret::new(String::with_capacity(tag.len().saturating_add(buffer.len())));
    text.0.push_str(tag);
    text.0.push_str(Base64UrlUnpadded::encode(bytes, buffer.as_mut()).unwrap_or_default());
    text
}

/// SHA-256 of a session's token: its key in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SessionHash(#[serde(with = "crate::bytes")] [u8; 32]);

impl SessionHash {
    /// Makes a hash from the bytes in a store.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes to store.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The name of a session, to list and end it by: 128 random bits, shown as 32 hexadecimal digits. It opens nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SessionId(#[serde(with = "crate::bytes")] [u8; 16]);

impl SessionId {
    /// Makes an id from the bytes in a store.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes to store.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({self})")
    }
}

/// What a visitor's program calls itself, for the list of their sessions: printable ASCII, at most 120 characters,
/// perhaps none.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String")]
pub struct UserAgent(String);

impl UserAgent {
    /// Makes a name from a text; other characters become `?`, the rest past 120 is cut off.
    pub fn new(text: &str) -> Self {
        // Threat: a header that forges lines or writes to a terminal where sessions are listed.
        Self(text.chars().take(120).map(printable).collect())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for UserAgent {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

// Threat: personal data in logs.
impl fmt::Debug for UserAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserAgent([personal])")
    }
}

/// What a store keeps of a session, under the hash of its token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// The account that it is of.
    pub account: AccountId,
    /// The account's generation when it was opened. It counts under no other.
    pub generation: Generation,
    /// When it was opened; its whole lifetime counts from here.
    pub created: Time,
    /// When the password was last given; it is fresh for some time from here.
    pub proven: Time,
    /// When it was last used, as far as that is recorded: at most an hour ago where it is used all the time.
    pub seen: Time,
    /// When it ends unless it is used before then, and a store may delete it.
    pub expires: Time,
    /// The program that opened it.
    pub agent: UserAgent,
}

/// How long sessions last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionLifetimes {
    /// From the login, whatever happens.
    pub(crate) whole: Duration,
    /// Without use.
    pub(crate) idle: Duration,
    /// How long a password counts as just given.
    pub(crate) fresh: Duration,
}

impl SessionLifetimes {
    /// Returns when a session ends that was opened and used then.
    pub(crate) fn end(self, created: Time, seen: Time) -> Time {
        created.after(self.whole).min(seen.after(self.idle))
    }

    /// Returns the time between two records of its use: 1/24 of the idle time, so that it ends at most so much early,
    /// and an hour at most.
    pub(crate) fn between_records(self) -> Duration {
        self.idle.checked_div(24).unwrap_or_default().min(SEEN_EVERY)
    }
}

impl Session {
    /// Makes the session of an account whose password was just given.
    pub(crate) fn draw(
        account: AccountId,
        generation: Generation,
        now: Time,
        agent: &UserAgent,
        rules: &Rules,
        random: &mut Stream<'_>,
    ) -> Self {
        let (id, expires) = (SessionId(random.bytes()), rules.sessions.end(now, now));
        let agent = agent.clone();
        Self { id, account, generation, created: now, proven: now, seen: now, expires, agent }
    }

    /// Returns whether it counts, for an account that is active under this id and generation and is not blocked.
    pub fn is_alive(&self, account: AccountId, generation: Generation, now: Time, rules: &Rules) -> bool {
        // Threat: a session that outlives a reset, a change, a block. All of them draw a new generation.
        let same = (self.account, self.generation) == (account, generation);
        // The lifetimes of today count, and those of then: neither a longer nor a shorter setting revives a session.
        same && now < self.expires.min(rules.sessions.end(self.created, self.seen))
    }

    /// Returns whether it may end another one of its account, or itself.
    ///
    /// Threat: whoever has a stolen session ends the owner's. Another than the own one asks for the password.
    pub fn may_end(&self, other: SessionId, fresh: bool) -> bool {
        fresh || self.id == other
    }

    /// Returns whether the password was given recently: what changes an account asks for it.
    pub fn is_fresh(&self, now: Time, rules: &Rules) -> bool {
        now.since(self.proven) < rules.sessions.fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::ToString};

    #[test]
    fn tokens_have_a_tag_and_all_their_bits() {
        let seed = Secret::new([7; 32]);
        let token = SessionToken::draw(&mut Stream::new(&seed, "test"));
        let (tag, text) = token.expose().split_at(6);
        assert_eq!((tag, text.len()), ("auths_", 43));
        assert_eq!(Base64UrlUnpadded::decode_vec(text).unwrap(), Stream::new(&seed, "test").bytes::<32>());
        assert_eq!(format!("{token:?}"), "SessionToken([secret])");
    }

    #[test]
    fn another_spelling_of_a_token_is_another_token() {
        let token = |text: &str| SessionToken::new(Secret::new(text.to_string()));
        assert_ne!(token("auths_AA").hash(), token("auths_AB").hash());
        assert_ne!(token("auths_AA").hash(), token("auths_aa").hash());
        assert_ne!(token("").hash(), token(" ").hash());
    }

    #[test]
    fn a_session_ends_itself_and_others_while_it_is_fresh() {
        let session = Session {
            id: SessionId::from_bytes([1; 16]),
            account: AccountId::from_bytes([2; 16]),
            generation: Generation::from_bytes([3; 16]),
            created: Time::from_micros(0),
            proven: Time::from_micros(0),
            seen: Time::from_micros(0),
            expires: Time::from_micros(1),
            agent: UserAgent::default(),
        };
        let other = SessionId::from_bytes([9; 16]);
        for (id, fresh, may) in [(session.id, false, true), (other, false, false), (other, true, true)] {
            assert_eq!(session.may_end(id, fresh), may, "{id} {fresh}");
        }
    }

    #[test]
    fn agents_are_one_printable_line() {
        assert_eq!(UserAgent::new("curl/8\r\n\u{1b}[31mx \u{e9}").as_str(), "curl/8???[31mx ?");
        assert_eq!(UserAgent::new(&"y".repeat(500)).as_str().len(), 120);
    }

    #[test]
    fn use_is_recorded_often_enough_for_the_shortest_idle_time() {
        let between = |idle| {
            let lifetimes = SessionLifetimes {
                whole: Duration::from_secs(2_592_000),
                idle: Duration::from_secs(idle),
                fresh: Duration::from_secs(900),
            };
            lifetimes.between_records()
        };
        assert_eq!(between(60), Duration::from_millis(2500));
        assert_eq!(between(1_209_600), SEEN_EVERY);
    }
}
