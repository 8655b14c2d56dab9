//! The ports: what the driver needs from the outside, as traits. Adapters implement them.
//!
//! A port does what it is told, atomically, and decides nothing. Its contract stands here and in
//! `tests/tests/integration/contract/`, which every adapter must pass. Next: `adapter/` for who implements them,
//! `driver.rs` for who calls them.

use std::{error::Error as StdError, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use auth_core::{
    AccountId, Address, AddressKey, Admission, Admit, Client, Commit, CommitAccount, Fault, Found,
    FoundSession, HashPassword, Hashed, Lease, LeasedMail, MailId, Password, Purpose, PutCode, PutSession,
    RedeemCode, Redemption, Row, SendMail, Sending, Session, SessionHash, SessionId, SessionStored,
    SettleMail, Settled, Time,
};

/// Why a port could not do its work.
#[derive(Debug)]
pub struct PortError {
    /// Whether anything may have happened.
    pub fault: Fault,
    /// What was being done, for the log.
    pub operation: &'static str,
    /// What went wrong, for the log. Never personal data, never a secret.
    pub source: Box<dyn StdError + Send + Sync>,
}

impl PortError {
    /// Makes the error of an operation that surely did nothing.
    pub fn not_done(operation: &'static str, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { fault: Fault::NotDone, operation, source: source.into() }
    }

    /// Makes the error of an operation that may have happened.
    pub fn unknown(operation: &'static str, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { fault: Fault::Unknown, operation, source: source.into() }
    }
}

impl fmt::Display for PortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operation, self.source)?;
        let mut cause = self.source.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl StdError for PortError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self.source.as_ref())
    }
}

/// What a port returns.
pub type Result<T> = std::result::Result<T, PortError>;

/// The store of accounts and the mails that they owe, on one clock of its own.
#[async_trait]
pub trait Accounts: Outbox + Sessions + Directory {
    /// Reads a row, expired or not, and the clock.
    async fn find(&self, key: &AddressKey) -> Result<Found>;

    /// Carries out all changes in one transaction, if each of them fits ([`Change::fits`]). Threat: a state that owes no
    /// mail would answer sooner, so the statement for the mail runs in any case.
    ///
    /// [`Change::fits`]: auth_core::Change::fits
    async fn commit(&self, order: &CommitAccount) -> Result<Commit>;

    /// Deletes rows and sessions that have expired, and dead letters older than `dead_letters`. Returns how
    /// many rows were pending accounts.
    async fn purge(&self, dead_letters: Duration) -> Result<u64>;

    /// Checks whether a registration would be kept: whether the database is there, and takes writes as far as
    /// that can be told without wearing its disk out.
    async fn ping(&self) -> Result<()>;

    /// Returns how busy its connections are; none where it has no pool of them.
    fn pool(&self) -> Option<PoolLoad> {
        None
    }
}

/// The store of mails that are owed, from their commit until they have left.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Leases due mails, oldest first: those without a lease and those whose lease ran out.
    async fn lease(&self, most: u32, lasting: Duration) -> Result<Vec<LeasedMail>>;

    /// Prolongs a lease that is still held.
    async fn renew(&self, lease: &Lease, lasting: Duration) -> Result<Settled>;

    /// Gives a lease back: the mail is due at once and has had one attempt less.
    async fn release(&self, lease: &Lease) -> Result<Settled>;

    /// Ends a lease that is still held.
    async fn settle(&self, order: &SettleMail) -> Result<Settled>;

    /// Returns how long until the next mail can be leased; none if no mail waits.
    async fn next_due(&self) -> Result<Option<Duration>>;

    /// Lists the outbox, oldest first.
    async fn mails(&self) -> Result<Vec<OutboxMail>>;

    /// Makes mails due at once, with fresh attempts: dead ones and waiting ones.
    async fn retry(&self, which: &Which) -> Result<u64>;

    /// Removes mails from the outbox.
    async fn drop_mails(&self, which: &Which) -> Result<u64>;

    /// Counts the outbox.
    async fn depth(&self) -> Result<OutboxDepth>;
}

/// The accounts as an operator looks them up, expired rows included.
#[async_trait]
pub trait Directory: Send + Sync {
    /// Returns the address key and the row of the account with this id.
    async fn account(&self, id: AccountId) -> Result<Option<(AddressKey, Row)>>;

    /// Returns the rows after an address key, in the order of their keys, no more than `most`; the first ones without
    /// a key.
    async fn accounts(&self, after: Option<&AddressKey>, most: u32) -> Result<Vec<(AddressKey, Row)>>;

    /// Returns the active accounts after an id, in the order of their ids: an account that moves to another address
    /// keeps its place.
    async fn active(&self, after: Option<AccountId>, most: u32) -> Result<Vec<(AddressKey, Row)>>;
}

/// The store of sessions, beside the accounts that they are of. It is read where it is written: a session that was
/// ended does not count for a moment longer.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Reads a session and its account in one go.
    async fn find_session(&self, token: &SessionHash) -> Result<FoundSession>;

    /// Opens, touches or ends a session in one transaction.
    async fn put_session(&self, order: &PutSession) -> Result<SessionStored>;

    /// Returns an account's sessions, those that were opened last first, whether they still count or not, and the
    /// clock.
    async fn sessions(&self, account: AccountId) -> Result<(Time, Vec<Session>)>;

    /// Ends a session if it is of this account; tells whether it was there.
    async fn end_session(&self, account: AccountId, id: SessionId) -> Result<bool>;
}

/// The lifecycle of the database of accounts and outbox: claim, migrate, examine, close.
#[async_trait]
pub trait AccountsDatabase: Accounts {
    /// Takes the database for this server until it is closed, where no two servers may share one; refuses if another
    /// server has it. Commands beside a server don't ask.
    async fn claim(&self) -> Result<()>;

    /// Brings the schema to this version's; harmless where several programs do so at once.
    async fn migrate(&self) -> Result<()>;

    /// Returns whether the schema is this version's, neither less nor more.
    async fn is_migrated(&self) -> Result<bool>;

    /// Examines all that the adapter relies on: what is bad here would lose rows or mix them up.
    async fn examine(&self) -> Vec<Finding>;

    /// Closes every connection, after what runs has ended.
    async fn close(&self);
}

/// What examining a part has found, for an operator.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What was looked at.
    pub part: &'static str,
    /// Its condition.
    pub condition: Condition,
    /// What was found, and for what is not good, what to do.
    pub text: String,
}

/// The condition of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It serves.
    Good,
    /// It serves, and an operator should know something.
    Warning,
    /// It does not serve.
    Bad,
}

impl Finding {
    /// Makes the finding of a part that serves.
    pub fn good(part: &'static str, text: impl fmt::Display) -> Self {
        Self { part, condition: Condition::Good, text: text.to_string() }
    }

    /// Makes the finding of a part that serves, with something to know.
    pub fn warning(part: &'static str, text: impl fmt::Display) -> Self {
        Self { part, condition: Condition::Warning, text: text.to_string() }
    }

    /// Makes the finding of a part that does not serve.
    pub fn bad(part: &'static str, text: impl fmt::Display) -> Self {
        Self { part, condition: Condition::Bad, text: text.to_string() }
    }
}

/// A choice of mails of the outbox.
#[derive(Clone, Debug)]
pub enum Which {
    /// Every one.
    All,
    /// These.
    Ids(Vec<MailId>),
}

/// A mail of the outbox, for an operator.
#[derive(Clone, Debug)]
pub struct OutboxMail {
    /// Its name.
    pub id: MailId,
    /// Whom it goes to; the key if the account has gone.
    pub to: Option<Address>,
    /// Whose mail it is.
    pub key: AddressKey,
    /// What it is for.
    pub purpose: Purpose,
    /// How far it has come.
    pub state: OutboxState,
    /// How many attempts were begun.
    pub attempts: u32,
    /// When it is tried next; for a dead one, when it died.
    pub next_at: Time,
    /// What went wrong last.
    pub last_error: Option<String>,
}

/// How far a mail has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutboxState {
    /// It waits for its time.
    Waiting,
    /// A worker holds it.
    Leased,
    /// It was given up.
    Dead,
}

/// How full the outbox is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxDepth {
    /// Mails that wait or are held.
    pub waiting: u64,
    /// Mails that were given up.
    pub dead: u64,
    /// How long ago the oldest waiting mail was due; zero if none is late.
    pub oldest: Duration,
}

/// The store of codes and request counts, on one clock of its own.
#[async_trait]
pub trait Codes: Send + Sync {
    /// Counts a request, or takes one back.
    async fn admit(&self, order: &Admit) -> Result<Admission>;

    /// Stores a code, atomically.
    async fn put(&self, order: &PutCode) -> Result<()>;

    /// Redeems a code, atomically.
    async fn redeem(&self, order: &RedeemCode) -> Result<Redemption>;

    /// Checks whether a request would be counted and a code be stored.
    async fn ping(&self) -> Result<()>;

    /// Returns how busy its connections are; none where it has no pool of them.
    fn pool(&self) -> Option<PoolLoad> {
        None
    }

    /// Examines all that the adapter relies on.
    async fn examine(&self) -> Vec<Finding>;
}

/// How busy a pool of connections is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLoad {
    /// Connections that a call has, those that are being made included.
    pub used: usize,
    /// Connections that wait for a call.
    pub idle: usize,
    /// Connections that there may be at once.
    pub max: usize,
}

/// What hashes passwords, some at a time.
#[async_trait]
pub trait Hasher: Send + Sync {
    /// Hashes a password when its client's turn has come; `NotDone` where the queue, or the
    /// client's quarter of it, is full. Dropping the future takes it out of the queue.
    async fn hash(&self, client: Client, password: Arc<Password>, order: HashPassword) -> Result<Hashed>;

    /// Returns how busy it is.
    fn load(&self) -> HashLoad;
}

/// How busy the hashing is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HashLoad {
    /// Hashes that wait.
    pub waiting: usize,
    /// Hashes under way.
    pub running: usize,
}

/// Sends mails.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Sends one mail to one recipient. Everything that is known not to have been accepted is
    /// a reply; only a lost last reply is `Unknown`.
    async fn send(&self, order: &SendMail) -> Result<Sending>;

    /// Tries the way to the server, login included, without sending anything.
    async fn examine(&self) -> Vec<Finding>;
}

/// The mails that the development mailer would have sent, for a person to read.
pub trait Mailbox: Send + Sync {
    /// Returns the mails, newest first.
    fn mails(&self) -> Vec<Delivered>;
}

/// A mail as it would have been sent.
#[derive(Clone, serde::Serialize)]
pub struct Delivered {
    /// Its name.
    pub id: String,
    /// When, in RFC 3339.
    pub at: String,
    /// Whom to.
    pub to: String,
    /// Its purpose, as templates are named.
    pub purpose: &'static str,
    /// Its subject.
    pub subject: String,
    /// Its text part.
    pub text: String,
    /// Its HTML part.
    pub html: String,
    /// The code in it.
    pub code: Option<String>,
    /// The token in it, which resets a password.
    pub token: Option<String>,
}
