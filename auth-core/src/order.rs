//! What is in each order and each reply. Which reply goes with which order is in `effect.rs`.

use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    Secret,
    domain::{
        AddressKey, Client, Code, CodeMac, CodeSlot, Detail, Generation, Hashing, Lease, LeaseToken, Locale,
        MailId, OwedMail, Rate, Recipient, Row, Salt, Settlement, Time, Version, WaitingMail, micros,
    },
    octets,
};

/// Orders: count a request of `client`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Admit {
    /// Whom to count it against.
    pub client: Client,
    /// What he is allowed; a store keeps it in one key.
    pub rate: Rate,
}

/// Replies to [`Admit`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Admission {
    /// Within the rate, and counted.
    Admitted,
    /// Over the rate, and not counted.
    Limited {
        /// How long until one more is admitted.
        #[serde(with = "micros")]
        retry_after: Duration,
    },
}

/// Orders: draw random bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Random;

/// Replies to [`Random`]: 32 bytes from a CSPRNG, never used for two runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seed(#[serde(with = "octets::secret")] pub Secret<[u8; 32]>);

/// Orders: read the row of an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FindAccount {
    /// The address.
    pub key: AddressKey,
}

/// Replies to [`FindAccount`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The store's clock.
    pub now: Time,
    /// The row and its version, expired or not.
    pub row: Option<(Version, Row)>,
    /// The mails of this address in the outbox that are not dead, by purpose, as they stood when the row was read:
    /// both come from one read.
    pub waiting: Vec<WaitingMail>,
}

/// Orders: hash the password beside the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HashPassword {
    /// The salt.
    pub salt: Salt,
    /// How, never above [`Hashing::within_ceiling`].
    pub params: Hashing,
}

/// Replies to [`HashPassword`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hashed {
    /// How it was hashed: what was ordered, or the answer is refused as [`WhyRefused::OtherHashing`].
    ///
    /// [`WhyRefused::OtherHashing`]: crate::WhyRefused::OtherHashing
    pub params: Hashing,
    /// The result, 32 octets.
    #[serde(with = "octets::secret")]
    pub hash: Secret<[u8; 32]>,
}

/// Orders: replace a row, and enqueue the mail that it owes or note that one is about to leave, in one transaction.
///
/// Threat: what was read has changed before it is written, so that two mails leave in the place of one. All that the
/// decision was made on is compared in the transaction; if anything is another, nothing happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CommitAccount {
    /// The address.
    pub key: AddressKey,
    /// The version that was read; zero for no row. The new one is the next number.
    pub expected: Version,
    /// The generation that was read. Versions begin again with a row that was deleted; a
    /// generation never comes again, so both must be the stored ones.
    pub generation: Option<Generation>,
    /// The address's mails that were read, by purpose. They must wait as they did, each under the same lease or free
    /// until the same time.
    pub waiting: Vec<WaitingMail>,
    /// When the decision is too old: a store whose clock is past this answers [`Commit::Conflict`].
    pub until: Time,
    /// The new row.
    pub row: Row,
    /// What happens to the outbox with it.
    pub mail: Option<MailChange>,
}

impl CommitAccount {
    /// Tells whether all that the decision was made on is still so: `stored` is what [`FindAccount`] would find now.
    pub fn fits(&self, stored: &Found) -> bool {
        let version = stored.row.as_ref().map_or(Version(0), |(version, _)| *version);
        let generation = stored.row.as_ref().and_then(|(_, row)| row.generation());
        stored.now <= self.until
            && (self.expected, self.generation) == (version, generation)
            && self.waiting == stored.waiting
    }

    /// Returns whether this commit stores a new attempt. What else came with a registration, a display name for
    /// example, belongs to the attempt: store it in the same transaction with such a commit, and with no other.
    ///
    /// Threat: all flows commit, for active accounts too. A host that writes such a value each time lets anybody who
    /// knows an address rename its owner.
    pub fn is_new_attempt(&self) -> bool {
        self.row.generation().is_some_and(|generation| Some(generation) != self.generation)
    }
}

/// Says what a commit does to the outbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MailChange {
    /// Enqueues a mail, in the place of one of its purpose, dead or not, leased or not; it starts afresh.
    Owe(OwedMail),
    /// Notes on a mail that its sending begins; it keeps its lease. A worker that dies from now on has
    /// written down that the mail may have left.
    Begin {
        /// The mail, one of those that were read.
        mail: MailId,
        /// How many attempts have begun whose outcome is not known.
        unknowns: u8,
    },
}

/// Replies to [`CommitAccount`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Commit {
    /// Done.
    Committed,
    /// Version, generation or a mail was another one, or the decision was too old; nothing happened.
    Conflict,
}

/// Orders: store a code. [`Slot::put`] does it, for stores that keep values of Rust.
///
/// [`Slot::put`]: crate::Slot::put
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PutCode {
    /// Where the attempt's codes live.
    pub slot: CodeSlot,
    /// The mail that carries it. A mail refills the slot's tries when it is put for the first
    /// time and never again, whatever other mails come between: retries of a mail are no further
    /// guesses.
    pub mail: MailId,
    /// How many mails a slot remembers, the newest ones.
    pub mails: u8,
    /// The lease under which the mail is sent.
    pub lease: LeaseToken,
    /// Whether the mail's sending has ended. Then a code that another lease has put since stays as it is: its
    /// mail is being sent once more.
    pub ends: bool,
    /// The code. One that is not there is added as the newest one.
    pub mac: CodeMac,
    /// How long it lives from now, on the code store's clock. Zero takes it back: its mail has not left.
    #[serde(with = "micros")]
    pub lifetime: Duration,
    /// What to refill the tries to.
    pub tries: u8,
    /// How many codes are good, the newest ones that live. A slot keeps one more: when the newest is taken back,
    /// the one that it displaced is good again.
    pub newest: u8,
    /// How long the slot itself is remembered from now, longer than any code in it.
    #[serde(with = "micros")]
    pub retention: Duration,
}

/// Replies to [`PutCode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeStored;

/// Orders: look for one of several MACs in a slot. [`Slot::redeem`] does it, for stores that keep values of Rust.
///
/// [`Slot::redeem`]: crate::Slot::redeem
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RedeemCode {
    /// Where to look.
    pub slot: CodeSlot,
    /// How many codes are good, the newest ones that live.
    pub newest: u8,
    /// The typed code's MACs, one per key.
    pub macs: Vec<CodeMac>,
}

/// Replies to [`RedeemCode`]. A store looks at the newest living codes alone and asks in this order: is there
/// any (`Missing`)? Does one match that matched before (`Redeemed`, at no cost)? Are tries left (`Exhausted`)? Then
/// it counts the try, and only then compares (`Redeemed` or `Wrong`).
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

/// Orders: send one mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SendMail {
    /// Its name; retries have the same.
    pub id: MailId,
    /// The one recipient.
    pub to: Recipient,
    /// The language.
    pub locale: Locale,
    /// What to say.
    pub template: Template,
}

/// Says which text a mail carries, with its values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Template {
    /// A code that activates a pending account.
    Activation {
        /// The code.
        code: Code,
        /// How long it lives once the server has accepted the mail.
        #[serde(with = "micros")]
        ttl: Duration,
        /// How many wrong codes are allowed.
        tries: u8,
    },
    /// A notice to the owner of an active account.
    Notice,
}

/// Replies to [`SendMail`]. What is none of these, a lost reply to the final dot for example,
/// is [`Fault::Unknown`](crate::Fault::Unknown).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sending {
    /// The server took responsibility for it.
    Accepted,
    /// It was not accepted now; later it may be (4yz, no connection).
    Deferred(Detail),
    /// It will never be accepted (5yz).
    Rejected(Detail),
}

/// Orders: end a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SettleMail {
    /// The lease.
    pub lease: Lease,
    /// What becomes of its mail.
    pub settlement: Settlement,
}

/// Replies to [`SettleMail`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settled {
    /// Done.
    Settled,
    /// The lease is no longer held: a newer mail, or another worker, has the row.
    Lost,
}
