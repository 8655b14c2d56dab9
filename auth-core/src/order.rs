//! What is in each order and each reply. Which reply goes with which order is in `effect.rs`.

mod sessions;

pub use sessions::{FindSession, FoundSession, PutSession, SessionChange, SessionStored};

use alloc::{vec, vec::Vec};
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    Secret, bytes,
    domain::{
        AccountId, AddressKey, Code, CodeMac, CodeSlot, Detail, Generation, Hashing, Lease, LeaseToken,
        Locale, MailId, OwedMail, Purpose, Rate, Recipient, ResetToken, Row, Salt, Settlement, Status,
        Subject, Time, Version, WaitingMail, micros,
    },
};

/// An order: count a request against `subject`, or take one back. Its reply is [`Admission`], its class
/// [`Class::Write`](crate::Class::Write).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Admit {
    /// Whom to count it against.
    pub subject: Subject,
    /// The rate limit.
    pub rate: Rate,
    /// Whether to return one request that was counted instead of counting another: then the reply is
    /// [`Admission::Admitted`].
    pub give_back: bool,
}

/// The reply to [`Admit`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Admission {
    /// Within the rate limit, and counted.
    Admitted,
    /// Over the rate limit, and not counted.
    Limited {
        /// The time until another request is admitted.
        #[serde(with = "micros")]
        retry_after: Duration,
    },
}

/// An order: draw random bytes. Its reply is [`Seed`], its class [`Class::Pure`](crate::Class::Pure).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Random;

/// The reply to [`Random`]: 32 bytes from a CSPRNG, never used for two runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seed(#[serde(with = "bytes::secret")] pub Secret<[u8; 32]>);

/// An order: read the row of an address. Its reply is [`Found`], its class [`Class::Read`](crate::Class::Read).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FindAccount {
    /// The address.
    pub key: AddressKey,
}

/// The reply to [`FindAccount`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The current time of the store's clock.
    pub now: Time,
    /// The row and its version, expired or not.
    pub row: Option<(Version, Row)>,
    /// The address's mails in the outbox that are not dead, by purpose, from the same read as the row.
    pub waiting: Vec<WaitingMail>,
}

/// An order: hash a password that the host keeps outside the run. Its reply is [`Hashed`], its class
/// [`Class::Pure`](crate::Class::Pure).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HashPassword {
    /// The salt.
    pub salt: Salt,
    /// The function and its cost, never above [`Hashing::within_ceiling`].
    pub params: Hashing,
    /// Which password.
    pub which: WhichPassword,
}

/// Which of the passwords that the host keeps outside the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WhichPassword {
    /// The only one of a request, or the one that a [`ChangePassword`](crate::ChangePassword) is proven with.
    Given,
    /// The one that takes its place in a [`ChangePassword`](crate::ChangePassword); no other flow orders it.
    New,
}

/// The reply to [`HashPassword`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hashed {
    /// How it was hashed; other parameters than the ordered ones are refused as
    /// [`WhyRefused::OtherHashing`](crate::WhyRefused::OtherHashing).
    pub params: Hashing,
    /// The result, 32 bytes.
    #[serde(with = "bytes::secret")]
    pub hash: Secret<[u8; 32]>,
}

/// An order: in one transaction, replace one row or two, and change their mails: all of it or nothing. Its reply is
/// [`Commit`], its class [`Class::Write`](crate::Class::Write).
///
/// Registration and activation change one row and end no sessions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CommitAccount {
    /// The changes, one or two, of different addresses, to be made in this order: an account's id is in one row at a
    /// time.
    pub changes: Vec<Change>,
    /// The account whose sessions are deleted with it.
    pub end: Option<AccountId>,
}

/// The change of one row and its mails.
///
/// Threat: what was read changes before the decision is written, so that two mails leave instead of one. Everything
/// that the decision depends on is compared in the transaction; if anything differs, nothing happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The address.
    pub key: AddressKey,
    /// The version that was read; zero for no row. The new version is the next number.
    pub expected: Version,
    /// The generation that was read. Versions start again after a row was deleted, generations never repeat: both
    /// must equal the stored ones.
    pub generation: Option<Generation>,
    /// The address's mails that were read, by purpose. They must be unchanged: each under the same lease, or free
    /// until the same time.
    pub waiting: Vec<WaitingMail>,
    /// When the decision becomes too old: a store whose clock is past this answers [`Commit::Conflict`].
    pub until: Time,
    /// The new row.
    pub row: Row,
    /// The changes to the outbox, at most two.
    pub mails: Vec<MailChange>,
}

impl From<Change> for CommitAccount {
    /// Returns the order of a single change.
    fn from(change: Change) -> Self {
        Self { changes: vec![change], end: None }
    }
}

impl Change {
    /// Returns whether nothing that the decision depends on has changed: `stored` is what [`FindAccount`] would find
    /// now.
    pub fn fits(&self, stored: &Found) -> bool {
        let version = stored.row.as_ref().map_or(Version(0), |(version, _)| *version);
        let generation = stored.row.as_ref().and_then(|(_, row)| row.generation());
        stored.now <= self.until
            && (self.expected, self.generation) == (version, generation)
            && self.waiting == stored.waiting
    }

    /// Returns whether this change stores a new attempt. Store other values of a registration, such as a display
    /// name, in the transaction of such a change, and of no other.
    ///
    /// Threat: all flows commit, for active accounts too. A host that writes such a value with every commit lets
    /// anybody who knows an address rename its owner.
    pub fn is_new_attempt(&self) -> bool {
        matches!(self.row.status, Status::Pending(_)) && self.row.generation() != self.generation
    }
}

/// The change that a commit makes to the outbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MailChange {
    /// Enqueues a mail. It replaces one of the same purpose, dead or leased as that may be, and starts with no
    /// attempts.
    Owe(OwedMail),
    /// Records that the sending of a mail begins; its lease stays. If the worker dies from here on, the store knows
    /// that the mail may have left.
    Begin {
        /// The mail, one of those that were read.
        mail: MailId,
        /// The number of attempts that have begun and whose outcome is unknown.
        unknowns: u8,
    },
}

/// The reply to [`CommitAccount`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Commit {
    /// Everything was written.
    Committed,
    /// Version, generation or a mail differed, or the decision was too old; nothing was written.
    Conflict,
}

/// An order: store a code. Its reply is [`CodeStored`], its class [`Class::Write`](crate::Class::Write). Stores that
/// keep Rust values call [`Slot::put`](crate::Slot::put).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PutCode {
    /// The slot of the attempt's codes.
    pub slot: CodeSlot,
    /// The mail that carries the code. A mail refills the slot's tries when it is put for the first time and never
    /// again, whatever other mails come between: retries of a mail allow no further guesses.
    pub mail: MailId,
    /// The number of mails that a slot remembers, the newest ones.
    pub mails: u8,
    /// The lease under which the mail is sent.
    pub lease: LeaseToken,
    /// Whether the mail's sending has ended. If so, a code that another lease has put since stays unchanged: its mail
    /// is being sent again.
    pub ends: bool,
    /// The code's MAC. An unknown one is added as the newest.
    pub mac: CodeMac,
    /// How long the code lives from now, on the code store's clock. Zero removes it: its mail has not left.
    #[serde(with = "micros")]
    pub lifetime: Duration,
    /// The number of tries after a refill.
    pub tries: u8,
    /// The number of valid codes, the newest ones that live. A slot keeps one more: when the newest is removed, the
    /// one that it displaced is valid again.
    pub newest: u8,
    /// How long the slot itself is kept from now, longer than any code in it.
    #[serde(with = "micros")]
    pub retention: Duration,
}

/// The reply to [`PutCode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeStored;

/// An order: look for one of several MACs in a slot. Its reply is [`Redemption`], its class
/// [`Class::Write`](crate::Class::Write). Stores that keep Rust values call [`Slot::redeem`](crate::Slot::redeem).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RedeemCode {
    /// The slot to search.
    pub slot: CodeSlot,
    /// The number of valid codes, the newest ones that live.
    pub newest: u8,
    /// The MACs of the typed code, one per key.
    pub macs: Vec<CodeMac>,
}

/// The reply to [`RedeemCode`]. A store considers only the newest living codes and asks in this order: Is there any
/// ([`Missing`](Self::Missing))? Does one match that matched before ([`Redeemed`](Self::Redeemed), no try counted)?
/// Are tries left ([`Exhausted`](Self::Exhausted))? Then it counts the try, and only then compares
/// ([`Redeemed`](Self::Redeemed) or [`Wrong`](Self::Wrong)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Redemption {
    /// No code lives in the slot; nothing was written.
    Missing,
    /// A living code matched.
    Redeemed,
    /// No tries are left; nothing was compared.
    Exhausted,
    /// A try was counted, and nothing matched.
    Wrong,
}

/// An order: send one mail. Its reply is [`Sending`], its class [`Class::Write`](crate::Class::Write).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SendMail {
    /// The mail's id; retries have the same.
    pub id: MailId,
    /// The one recipient.
    pub to: Recipient,
    /// The language.
    pub locale: Locale,
    /// The text to send.
    pub template: Template,
}

/// The text of a mail, with its values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Template {
    /// A code that activates a pending account.
    Activation {
        /// The code.
        code: Code,
        /// How long the code lives after the server has accepted the mail.
        #[serde(with = "micros")]
        ttl: Duration,
        /// The number of wrong codes allowed.
        tries: u8,
    },
    /// A notice to the owner of an active account.
    Notice,
    /// A token that sets a new password.
    Reset {
        /// The token.
        token: ResetToken,
        /// How long the token lives after the server has accepted the mail.
        #[serde(with = "micros")]
        ttl: Duration,
    },
    /// To the owner of an account whose password has changed.
    PasswordChanged,
    /// To the owner of an account that was deleted.
    AccountDeleted,
    /// A code that moves an account to the address that it is sent to.
    AddressChange {
        /// The code.
        code: Code,
        /// How long the code lives after the server has accepted the mail.
        #[serde(with = "micros")]
        ttl: Duration,
        /// The number of wrong codes allowed.
        tries: u8,
    },
    /// To the owner of an account that has moved, at the address before.
    AddressChanged,
}

impl Template {
    /// Returns the purpose of the mail.
    pub const fn purpose(&self) -> Purpose {
        match self {
            Self::Activation { .. } => Purpose::Activation,
            Self::Notice => Purpose::Notice,
            Self::Reset { .. } => Purpose::Reset,
            Self::PasswordChanged => Purpose::PasswordChanged,
            Self::AccountDeleted => Purpose::AccountDeleted,
            Self::AddressChange { .. } => Purpose::AddressChange,
            Self::AddressChanged => Purpose::AddressChanged,
        }
    }
}

/// The reply to [`SendMail`]. Anything else, such as a lost reply to the final dot, is
/// [`Fault::Unknown`](crate::Fault::Unknown).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sending {
    /// The server took responsibility for the mail.
    Accepted,
    /// The server did not accept it now, but may later (4yz, no connection).
    Deferred(Detail),
    /// The server will never accept it (5yz).
    Rejected(Detail),
}

/// An order: end a lease. Its reply is [`Settled`], its class [`Class::Write`](crate::Class::Write).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SettleMail {
    /// The lease.
    pub lease: Lease,
    /// What happens to its mail.
    pub settlement: Settlement,
}

/// The reply to [`SettleMail`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settled {
    /// The lease ended and its mail was settled.
    Settled,
    /// The lease is no longer held: a newer mail, or another worker, has taken its place.
    Lost,
}
