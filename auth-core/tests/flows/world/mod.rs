//! Owns a world in memory: what hosts, stores, mailers and people do, as the orders' docs say.
//!
//! Rows with versions and a clock stand here, codes in `codes.rs`, mails in `outbox.rs`;
//! `drive.rs` carries runs through it and breaks what it is told to break.

mod codes;
mod drive;
mod outbox;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use auth_core::{
    Address, AddressKey, Admission, Attempt, Code, Commit, CommitAccount, Fault, Found, Hashing, MailChange,
    MailId, Password, Row, Rules, Salt, SendMail, Sending, Status, Template, Time, Version,
};
use sha2::{Digest, Sha256};

use codes::Codes;
pub(crate) use drive::{Beside, Going, How, Request, Seen, activate, before, register, well};
pub(crate) use outbox::LEASE;
use outbox::Outbox;

use crate::fixture;

/// Holds everything that outlives a run.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) rules: Rules,
    pub(crate) now: Time,
    rows: BTreeMap<AddressKey, (Version, Row)>,
    pub(crate) outbox: Outbox,
    codes: Codes,
    /// What has arrived in mailboxes, oldest first.
    pub(crate) mailbox: Vec<Mail>,
    /// How the next sendings go; they are accepted where it is empty.
    pub(crate) mailer: VecDeque<Mailer>,
    /// What the limiter says.
    pub(crate) limited: Option<Duration>,
    /// Which attempt each mail was owed to.
    owed: BTreeMap<MailId, Attempt>,
    /// Every sending that has begun.
    pub(crate) begun: Vec<(MailId, Time)>,
    /// Runs so far; each of them draws a seed of its own.
    runs: u64,
}

/// Describes a mail that has arrived.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mail {
    pub(crate) at: Time,
    pub(crate) id: MailId,
    pub(crate) to: String,
    /// None for a notice.
    pub(crate) code: Option<Code>,
}

/// Says how a mail server takes one mail.
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
            rows: BTreeMap::new(),
            outbox: Outbox::default(),
            codes: Codes::default(),
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

    /// The row as the store holds it, expired or not.
    pub(crate) fn row(&self, address: &str) -> Option<&Row> {
        self.rows.get(parse(address).key()).map(|(_, row)| row)
    }

    /// The attempt of an address, whatever became of it.
    pub(crate) fn attempt(&self, address: &str) -> &Attempt {
        match self.row(address).map(|row| &row.status) {
            Some(Status::Pending(attempt) | Status::Active { attempt, .. }) => attempt,
            Some(Status::Vacant) | None => panic!("{address} has no attempt"),
        }
    }

    /// The attempt that a mail was owed to.
    pub(crate) fn owed_to(&self, mail: MailId) -> Option<&Attempt> {
        self.owed.get(&mail)
    }

    pub(crate) fn is_active(&self, address: &str) -> bool {
        self.row(address).is_some_and(|row| matches!(row.status, Status::Active { .. }))
    }

    /// The code that arrived last.
    pub(crate) fn last_code(&self) -> Code {
        self.mailbox.iter().rev().find_map(|mail| mail.code.clone()).expect("a code has arrived")
    }

    /// A code that no mail has carried.
    pub(crate) fn wrong_code(&self) -> Code {
        let format = self.rules.policy().code;
        let texts = (0..).map(|n| format!("{n:0width$}", width = usize::from(format.length())));
        let mut codes = texts.filter_map(|text| format.parse(&text));
        let unsent = |code: &Code| self.mailbox.iter().all(|mail| mail.code.as_ref() != Some(code));
        codes.find(unsent).expect("more codes than mails")
    }

    /// Deletes what has expired, as hosts do from time to time.
    pub(crate) fn purge(&mut self) {
        self.rows.retain(|_, (_, row)| row.expires.is_none_or(|expires| self.now < expires));
    }

    /// Puts another row in the place of a stored one, as no flow could.
    pub(crate) fn tamper(&mut self, address: &str, change: impl FnOnce(&mut Row)) {
        let (_, row) = self.rows.get_mut(parse(address).key()).expect("there is a row");
        change(row);
    }

    /// When the first sending of each mail began, in order.
    pub(crate) fn first_begun(&self) -> Vec<Time> {
        let mut mails = BTreeSet::new();
        self.begun.iter().filter(|(mail, _)| mails.insert(*mail)).map(|(_, when)| *when).collect()
    }

    /// The mails that have refilled tries.
    pub(crate) fn refilled(&self) -> &BTreeSet<MailId> {
        &self.codes.refilled
    }

    /// Flushes the code store.
    pub(crate) fn lose_codes(&mut self) {
        self.codes = Codes::default();
    }

    fn admit(&self) -> Admission {
        self.limited.map_or(Admission::Admitted, |retry_after| Admission::Limited { retry_after })
    }

    fn find(&self, key: &AddressKey) -> Found {
        let waiting = self.outbox.waiting(key, self.now);
        Found { now: self.now, row: self.rows.get(key).cloned(), waiting }
    }

    fn commit(&mut self, order: CommitAccount) -> Commit {
        let found = self.find(&order.key);
        if !order.fits(&found) {
            return Commit::Conflict;
        }
        let (stored, version) = (found.row, order.expected);
        if let Some((_, old)) = &stored {
            leaves_active_accounts_alone(old, &order.row);
        }
        self.rows.insert(order.key.clone(), (Version(version.0 + 1), order.row));
        match order.mail {
            Some(MailChange::Owe(mail)) => {
                self.owed.insert(mail.id, self.attempt(order.key.as_str()).clone());
                self.outbox.enqueue(order.key, mail);
            }
            Some(MailChange::Begin { mail, unknowns }) => {
                self.begun.push((mail, self.now));
                self.outbox.begin(mail, unknowns);
            }
            None => {}
        }
        Commit::Committed
    }

    fn send(&mut self, order: SendMail) -> Result<Sending, Fault> {
        let code = match order.template {
            Template::Activation { code, .. } => Some(code),
            Template::Notice => None,
        };
        let mail = Mail { at: self.now, id: order.id, to: order.to.as_str().to_owned(), code };
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

    /// Everything that can differ between two worlds, to recognise equal ones.
    pub(crate) fn fingerprint(&self) -> Vec<u8> {
        let rows: Vec<_> = self.rows.iter().collect();
        let mails: Vec<_> = self.mailbox.iter().map(|mail| (mail.at, mail.id)).collect();
        postcard::to_allocvec(&(self.now, rows, mails, &self.outbox, &self.codes)).expect("memory is there")
    }
}

/// Holds for every commit of every test: nothing changes who an active account belongs to, and
/// an account becomes active as the attempt that was pending.
fn leaves_active_accounts_alone(old: &Row, new: &Row) {
    match (&old.status, &new.status) {
        (Status::Active { .. }, after) => assert_eq!(after, &old.status, "an active account was changed"),
        (Status::Pending(before), Status::Active { attempt, .. }) => assert_eq!(attempt, before),
        (Status::Vacant, Status::Active { .. }) => panic!("an account came from nowhere"),
        (Status::Vacant | Status::Pending(_), Status::Vacant | Status::Pending(_)) => {}
    }
}

pub(crate) fn parse(address: &str) -> Address {
    Address::parse(address).expect("it is an address")
}

pub(crate) fn password(text: &str) -> Password {
    Password::parse(text).expect("it is a password")
}

/// Stands in for scrypt: depends on all that it must, and takes no time.
pub(crate) fn toy_hash(password: &Password, salt: Salt, params: Hashing) -> [u8; 32] {
    let digest = Sha256::new()
        .chain_update(params.to_string())
        .chain_update(salt.as_bytes())
        .chain_update(password.expose());
    digest.finalize().into()
}
