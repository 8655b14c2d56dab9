//! A world in memory: hosts, stores, mailers and people as the orders' docs describe them.
//!
//! The stores are the crate's own, in memory; `drive.rs` takes runs through them with the failures that a test asks
//! for.

mod drive;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use auth_core::{
    AccountId, Address, Admission, Admit, Answer, Attempt, Change, Code, Commit, CommitAccount, Fault,
    FindAccount, Found, Hashing, LeaseToken, LeasedMail, MailChange, MailId, MemoryAccounts, MemoryCodes,
    Password, PutCode, ResetToken, Row, Rules, Salt, SendMail, Sending, Status, SubjectKind, Template, Time,
};
use sha2::{Digest, Sha256};

pub(crate) use drive::{
    Extra, Going, How, NEW_PASSWORD, Request, Seen, activate, before, login, register, reset, well,
};

use crate::fixture;

/// How long a worker may hold a mail before another one takes over.
pub(crate) const LEASE: Duration = Duration::from_secs(60);
/// More entries than any test stores.
const ROOM: usize = 10_000;

/// Everything that outlives a run.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) rules: Rules,
    pub(crate) now: Time,
    accounts: MemoryAccounts,
    codes: MemoryCodes,
    /// The mails whose codes were put: each has refilled its slot's tries once.
    refilled: BTreeSet<MailId>,
    leases: u64,
    /// The mails that have arrived, oldest first.
    pub(crate) mailbox: Vec<Mail>,
    /// The behaviour of the next sendings; if empty, they are accepted.
    pub(crate) mailer: VecDeque<Mailer>,
    /// The answer of the rate limiter.
    pub(crate) limited: Option<Duration>,
    /// The attempt that each mail was owed to.
    owed: BTreeMap<MailId, Attempt>,
    /// Every sending that has begun.
    pub(crate) begun: Vec<(MailId, Time)>,
    /// The number of runs so far; each of them draws a seed of its own.
    runs: u64,
}

/// A mail that has arrived.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mail {
    pub(crate) at: Time,
    pub(crate) id: MailId,
    pub(crate) to: String,
    /// `None` unless it activates or moves an account.
    pub(crate) code: Option<Code>,
    /// `None` unless it sets a new password.
    pub(crate) token: Option<ResetToken>,
    pub(crate) template: Template,
}

/// A mail server's behaviour for one mail.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mailer {
    Defers,
    Rejects,
    /// The mail arrives, and the reply is lost.
    LosesReply,
    /// The mail does not arrive, and the reply is lost.
    LosesMail,
}

impl World {
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            rules,
            now: fixture::at(0),
            accounts: MemoryAccounts::new(ROOM),
            codes: MemoryCodes::new(ROOM),
            refilled: BTreeSet::new(),
            leases: 0,
            mailbox: Vec::new(),
            mailer: VecDeque::new(),
            limited: None,
            owed: BTreeMap::new(),
            begun: Vec::new(),
            runs: 0,
        }
    }

    pub(crate) fn later(&mut self, by: Duration) {
        self.now = self.now.after(by);
    }

    /// Returns the stored row, expired or not.
    pub(crate) fn row(&self, address: &str) -> Option<&Row> {
        self.accounts.row(parse(address).key())
    }

    /// Returns the attempt of an address, pending or active.
    pub(crate) fn attempt(&self, address: &str) -> &Attempt {
        let attempt = self.row(address).and_then(attempt);
        attempt.unwrap_or_else(|| panic!("{address} has no attempt"))
    }

    /// Returns the attempt that a mail was owed to.
    pub(crate) fn owed_to(&self, mail: MailId) -> Option<&Attempt> {
        self.owed.get(&mail)
    }

    pub(crate) fn is_active(&self, address: &str) -> bool {
        self.row(address).is_some_and(|row| matches!(row.status, Status::Active { .. }))
    }

    /// Returns the id of an active account.
    pub(crate) fn account_id(&self, address: &str) -> AccountId {
        let id = self.row(address).and_then(account);
        id.unwrap_or_else(|| panic!("{address} is not active"))
    }

    /// Returns how many sessions of an account are stored.
    pub(crate) fn sessions(&self, account: AccountId) -> usize {
        self.accounts.sessions(account).count()
    }

    /// Returns the code that arrived last.
    pub(crate) fn last_code(&self) -> Code {
        self.mailbox.iter().rev().find_map(|mail| mail.code.clone()).expect("a code has arrived")
    }

    /// Returns the token of the newest mail that sets a new password.
    pub(crate) fn last_token(&self) -> ResetToken {
        self.mailbox.iter().rev().find_map(|mail| mail.token.clone()).expect("a token has arrived")
    }

    /// Returns a code that no mail has carried.
    pub(crate) fn wrong_code(&self) -> Code {
        let format = self.rules.policy().code;
        let texts = (0..).map(|n| format!("{n:0width$}", width = usize::from(format.length())));
        let mut codes = texts.filter_map(|text| format.parse(&text));
        let unsent = |code: &Code| self.mailbox.iter().all(|mail| mail.code.as_ref() != Some(code));
        codes.find(unsent).expect("more codes than mails")
    }

    /// Deletes expired rows, as hosts do from time to time.
    pub(crate) fn purge(&mut self) {
        self.accounts.purge(self.now);
    }

    /// Replaces a stored row, as no flow could.
    pub(crate) fn tamper(&mut self, address: &str, change: impl FnOnce(&mut Row)) {
        let key = parse(address).key().clone();
        let found = self.find(&FindAccount { key: key.clone() });
        let (expected, mut row) = found.row.expect("there is a row");
        let (generation, waiting, until) = (attempt(&row).map(|a| a.generation), found.waiting, self.now);
        change(&mut row);
        let order = Change { key, expected, generation, waiting, until, row, mails: vec![] }.into();
        assert_eq!(self.accounts.commit(order, self.now), Ok(Commit::Committed));
    }

    /// Returns when the first sending of each mail began, in order.
    pub(crate) fn first_begun(&self) -> Vec<Time> {
        let mut mails = BTreeSet::new();
        self.begun.iter().filter(|(mail, _)| mails.insert(*mail)).map(|(_, when)| *when).collect()
    }

    /// Returns the mails that have refilled tries.
    pub(crate) fn refilled(&self) -> &BTreeSet<MailId> {
        &self.refilled
    }

    /// Flushes the code store.
    pub(crate) fn lose_codes(&mut self) {
        self.codes = MemoryCodes::new(ROOM);
    }

    /// Counts guesses; of requests the test says what becomes.
    fn admit(&mut self, order: &Admit) -> Answer<Admit> {
        match (order.subject.kind(), self.limited) {
            (SubjectKind::Client, None) => Ok(Admission::Admitted),
            (SubjectKind::Client, Some(retry_after)) => Ok(Admission::Limited { retry_after }),
            (SubjectKind::Address | SubjectKind::Device | SubjectKind::Account, _) => {
                self.codes.admit(order, self.now)
            }
        }
    }

    fn find(&self, order: &FindAccount) -> Found {
        self.accounts.find(order, self.now)
    }

    fn put(&mut self, order: &PutCode) -> Answer<PutCode> {
        self.refilled.insert(order.mail);
        self.codes.put(order, self.now)
    }

    /// Leases the mail that has been due for longest.
    pub(crate) fn lease(&mut self) -> Option<LeasedMail> {
        self.leases += 1;
        let mut token = [0; 16];
        token[8..].copy_from_slice(&self.leases.to_be_bytes());
        self.accounts.lease(LeaseToken::from_bytes(token), LEASE, self.now)
    }

    /// Returns when the next mail can be leased.
    pub(crate) fn next_due(&self) -> Option<Time> {
        self.accounts.next_due()
    }

    /// Returns the mails that are not dead.
    pub(crate) fn waiting(&self) -> Vec<MailId> {
        self.accounts.mails().filter(|mail| !mail.is_dead()).map(|mail| mail.mail().id).collect()
    }

    pub(crate) fn dead_letters(&self) -> usize {
        self.accounts.mails().filter(|mail| mail.is_dead()).count()
    }

    fn commit(&mut self, order: CommitAccount) -> Answer<CommitAccount> {
        let changes = order.changes.clone();
        let old: Vec<_> = changes.iter().map(|change| self.accounts.row(&change.key).cloned()).collect();
        let commit = self.accounts.commit(order, self.now)?;
        if commit == Commit::Conflict {
            return Ok(commit);
        }
        let moved: Vec<_> = old.iter().flatten().filter_map(account).collect();
        for (Change { key, mails, .. }, old) in changes.into_iter().zip(old) {
            if let (Some(old), Some(new)) = (&old, self.accounts.row(&key)) {
                leaves_active_accounts_alone(old, new, &moved);
            }
            for mail in mails {
                match mail {
                    MailChange::Owe(mail) => {
                        if let Some(attempt) = self.row(key.as_str()).and_then(attempt).cloned() {
                            self.owed.insert(mail.id, attempt);
                        }
                    }
                    MailChange::Begin { mail, .. } => self.begun.push((mail, self.now)),
                }
            }
        }
        Ok(commit)
    }

    fn send(&mut self, order: SendMail) -> Result<Sending, Fault> {
        let template = order.template.clone();
        let (code, token) = match order.template {
            Template::Activation { code, .. } | Template::AddressChange { code, .. } => (Some(code), None),
            Template::Reset { token, .. } => (None, Some(token)),
            Template::Notice
            | Template::PasswordChanged
            | Template::AccountDeleted
            | Template::AddressChanged => (None, None),
        };
        let mail =
            Mail { at: self.now, id: order.id, to: order.to.as_str().to_owned(), code, token, template };
        let said = |text| auth_core::Detail::new(text);
        match self.mailer.pop_front() {
            None => {
                self.mailbox.push(mail);
                Ok(Sending::Accepted)
            }
            Some(Mailer::Defers) => Ok(Sending::Deferred(said("451 later"))),
            Some(Mailer::Rejects) => Ok(Sending::Rejected(said("550 never"))),
            Some(Mailer::LosesReply) => {
                self.mailbox.push(mail);
                Err(Fault::Unknown)
            }
            Some(Mailer::LosesMail) => Err(Fault::Unknown),
        }
    }

    /// Returns everything that can differ between two worlds, to recognise equal ones.
    pub(crate) fn fingerprint(&self) -> Vec<u8> {
        let mails: Vec<_> = self.mailbox.iter().map(|mail| (mail.at, mail.id)).collect();
        postcard::to_allocvec(&(self.now, mails, &self.accounts, &self.codes)).expect("memory suffices")
    }
}

fn account(row: &Row) -> Option<AccountId> {
    let Status::Active { id, .. } = &row.status else { return None };
    Some(*id)
}

fn attempt(row: &Row) -> Option<&Attempt> {
    match &row.status {
        Status::Pending(attempt) | Status::Active { attempt, .. } => Some(attempt),
        Status::Vacant => None,
    }
}

/// Asserts for every commit of every test: nothing changes what identifies an active account and its owner but its
/// own session, and an account becomes active as the attempt that was pending.
fn leaves_active_accounts_alone(old: &Row, new: &Row, moved: &[AccountId]) {
    // It has come from another row of the same commit.
    if account(new).is_some_and(|id| account(old) != Some(id) && moved.contains(&id)) {
        assert_eq!(account(old), None, "an account takes the place of another");
        return;
    }
    match (&old.status, &new.status) {
        (
            Status::Active { attempt: before, id, since, .. },
            Status::Active { attempt: after, id: same_id, since: same_since, .. },
        ) => {
            assert_eq!((id, since, before.address.key()), (same_id, same_since, after.address.key()));
            // What is proven under a generation stays what it was; only how the same password is hashed may change.
            assert!(
                before.password == after.password
                    || before.generation != after.generation
                    || before.password.params != after.password.params,
                "an active account was changed"
            );
        }
        (Status::Active { .. }, Status::Pending(_)) => panic!("an active account is pending"),
        // Its owner has deleted it, or moved it.
        (Status::Active { .. }, Status::Vacant) => {}
        (Status::Pending(before), Status::Active { attempt, .. }) => assert_eq!(attempt, before),
        (Status::Vacant, Status::Active { attempt, .. }) => {
            let imported = matches!(attempt.password.params, Hashing::Imported(_));
            assert!(imported, "an account came from nowhere");
        }
        (Status::Vacant | Status::Pending(_), Status::Vacant | Status::Pending(_)) => {}
    }
}

pub(crate) fn parse(address: &str) -> Address {
    Address::parse(address).expect("the address is valid")
}

pub(crate) fn password(text: &str) -> Password {
    Password::parse(text).expect("the password is valid")
}

/// Replaces scrypt: depends on everything that it must, and takes no time.
pub(crate) fn toy_hash(password: &Password, salt: Salt, params: Hashing) -> [u8; 32] {
    let digest = Sha256::new()
        .chain_update(params.to_string())
        .chain_update(salt.as_bytes())
        .chain_update(password.expose());
    digest.finalize().into()
}
