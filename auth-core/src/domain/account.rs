//! The row that a store keeps of an address, and every step that it may take.
//!
//! Three states: vacant (only asked about), pending, active. A step is a pure function from a row and the store's
//! time to the next row and the mail that it owes.
//!
//! Threat: account pre-hijacking (Sudhodanan & Paverd, USENIX Security 2022). The latest attempt wins, only its own
//! code activates it, and nothing that a stranger can ask for changes an active account.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    AccountId, Address, Generation, HashFloor, Hashing, LastMail, Locale, MailId, MailInterval, Moving, Next,
    OwedMail, PasswordRecord, Purpose, Salt, Session, Time,
};
use crate::Event;

/// How long vacant and pending rows are kept after the last request or mail, and the shortest interval between two
/// notices.
pub(super) const DAY: Duration = Duration::from_secs(86_400);

/// The number of commits of one row; zero means that there is no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version(pub u64);

/// One password for one address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its identity.
    pub generation: Generation,
    /// The address as this attempt spelled it.
    pub address: Address,
    /// The language of its mails.
    pub locale: Locale,
    /// The hash of its password.
    pub password: PasswordRecord,
}

/// The state of an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Only asked about. Treated as absent everywhere.
    Vacant,
    /// Registered, not proven. Nothing may authenticate as it.
    Pending(Attempt),
    /// Proven by a code.
    Active {
        /// Address and password of today. Its generation is drawn anew when what was proven before must not count any
        /// more.
        attempt: Attempt,
        /// The account's id.
        id: AccountId,
        /// The time of the activation.
        since: Time,
        /// Whether an operator has blocked it: then nothing authenticates as it.
        blocked: bool,
        /// The address that it is to move to, if its owner has asked for that.
        moving: Option<Moving>,
    },
}

/// An active account, as answers tell it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Its address, as it was spelled.
    pub address: Address,
    /// When it was activated.
    pub since: Time,
}

/// The row that a store keeps of one address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The state of the address.
    pub status: Status,
    /// The last mail with a code or a token to this address, which determines when the next one may leave.
    pub last_mail: Option<LastMail>,
    /// When the owner was last notified that somebody asked to register their address.
    pub last_notice: Option<Time>,
    /// When the row may be deleted; `None` for an active one.
    pub expires: Option<Time>,
}

/// The result of a decision.
pub(crate) struct Step {
    pub(crate) row: Row,
    pub(crate) mail: Option<OwedMail>,
    pub(crate) event: Event,
}

/// What a request for a mail depends on.
pub(crate) struct Asked {
    /// The store's clock.
    pub(crate) now: Time,
    /// The id of the mail, should one be owed.
    pub(crate) id: MailId,
    /// When the activation mail in the outbox is tried next, if there is one.
    pub(crate) tried: Option<Time>,
    pub(crate) lifetimes: Lifetimes,
}

/// The durations and limits that decisions over rows depend on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetimes {
    pub(crate) interval: MailInterval,
    /// How long a code can live after the account was activated.
    pub(crate) last_code: Duration,
}

impl Row {
    pub(crate) const VACANT: Self =
        Self { status: Status::Vacant, last_mail: None, last_notice: None, expires: None };

    /// Returns the row as it counts now: an expired one is vacant, deleted or not.
    pub fn at(stored: Option<&Self>, now: Time) -> Self {
        match stored {
            Some(row) if row.expires.is_none_or(|expires| now < expires) => row.clone(),
            Some(_) | None => Self::VACANT,
        }
    }

    /// Returns the salt that recognises a pending attempt's password.
    ///
    /// Only if it was hashed with today's parameters: then every registration costs the same, whatever is stored.
    pub(crate) fn salt(&self, today: Hashing) -> Option<Salt> {
        match &self.status {
            Status::Pending(attempt) if attempt.password.params == today => Some(attempt.password.salt),
            Status::Pending(_) | Status::Vacant | Status::Active { .. } => None,
        }
    }

    /// Returns the attempt that a code may still activate.
    ///
    /// `None` once an active account's codes have expired, so that activation cannot be used to try passwords against
    /// it; and for a hash below the floor or above the ceiling, which never verifies.
    pub(crate) fn openable(&self, now: Time, floor: HashFloor, lifetimes: Lifetimes) -> Option<&Attempt> {
        let attempt = match &self.status {
            Status::Vacant => return None,
            Status::Pending(attempt) => attempt,
            Status::Active { attempt, since, blocked: false, .. }
                if now.since(*since) < lifetimes.last_code =>
            {
                attempt
            }
            Status::Active { .. } => return None,
        };
        floor.admits(attempt.password.params).then_some(attempt)
    }

    /// Registers an attempt; `new` is used if it is not the pending one.
    pub(crate) fn register(self, new: Attempt, asked: Asked) -> Step {
        match &self.status {
            Status::Vacant => self.pending(new, false, asked, Event::Registered),
            // The comparison is constant-time: the hash is a `Secret`.
            Status::Pending(old) if old.password == new.password => {
                let same = old.clone();
                self.pending(same, true, asked, Event::RegisteredAgain)
            }
            Status::Pending(_) => self.pending(new, false, asked, Event::AttemptReplaced),
            Status::Active { .. } => self.notify(asked),
        }
    }

    /// Asks for another mail.
    pub(crate) fn resend(self, asked: Asked) -> Step {
        match &self.status {
            // A vacant row is written, too, so that every state costs exactly one commit.
            Status::Vacant => Step {
                row: Self { expires: Some(asked.now.after(DAY)), ..self },
                mail: None,
                event: Event::NoAccount,
            },
            Status::Pending(attempt) => {
                let same = attempt.clone();
                self.pending(same, true, asked, Event::MailAskedFor)
            }
            Status::Active { .. } => self.notify(asked),
        }
    }

    /// Activates the attempt `generation` if it is the pending one.
    pub(crate) fn activate(self, generation: Generation, now: Time) -> Option<Self> {
        match self.status {
            Status::Pending(attempt) if attempt.generation == generation => {
                let id = AccountId::of(generation);
                let status = Status::Active { attempt, id, since: now, blocked: false, moving: None };
                Some(Self { status, expires: None, ..self })
            }
            Status::Pending(_) | Status::Vacant | Status::Active { .. } => None,
        }
    }

    /// Returns whether a session may be opened here: the account is active under the session's id and generation, and not
    /// blocked. Stores ask before they carry out a [`SessionChange::Open`](crate::SessionChange::Open).
    pub fn admits(&self, session: &Session) -> bool {
        let Status::Active { attempt, id, blocked: false, .. } = &self.status else { return false };
        (*id, attempt.generation) == (session.account, session.generation)
    }

    /// Returns the account, if there is one.
    pub(crate) fn account(&self) -> Option<Account> {
        let Status::Active { attempt, id, since, .. } = &self.status else { return None };
        Some(Account { id: *id, address: attempt.address.clone(), since: *since })
    }

    /// Returns the attempt whose password a login is compared with; `None` for a hash that never verifies.
    pub(crate) fn attempt(&self, floor: HashFloor) -> Option<&Attempt> {
        let (Status::Pending(attempt) | Status::Active { attempt, .. }) = &self.status else { return None };
        floor.admits(attempt.password.params).then_some(attempt)
    }

    /// Asks for a mail that sets a new password.
    pub(crate) fn forgot(self, asked: Asked) -> Step {
        let Asked { now, id, tried, lifetimes } = asked;
        let attempt = match &self.status {
            Status::Vacant => return self.resend(asked),
            Status::Pending(_) => return Step { row: self, mail: None, event: Event::NotActivated },
            Status::Active { blocked: true, .. } => {
                return Step { row: self, mail: None, event: Event::Blocked };
            }
            Status::Active { attempt, .. } => attempt,
        };
        // The interval is that of all mails with codes: no flow sends more of them than one would.
        let (last_mail, mail) = match lifetimes.interval.next(self.last_mail, tried, now) {
            Next::AsItIs => (self.last_mail, None),
            Next::Mail(last) => (Some(last), Some(attempt.mail(Purpose::Reset, id, last.due))),
        };
        Step { row: Self { last_mail, ..self }, mail, event: Event::ResetAskedFor }
    }

    /// Returns a mail of an active account that is due at once and goes to its address, whatever becomes of it.
    ///
    /// Threat: whoever has taken an account over changes it again before its owner is told.
    pub(crate) fn farewell(&self, purpose: Purpose, id: MailId, now: Time) -> Option<OwedMail> {
        let Status::Active { attempt, .. } = &self.status else { return None };
        Some(OwedMail { to: Some(attempt.address.clone()), ..attempt.mail(purpose, id, now) })
    }

    /// Returns the row of an account that was deleted. It keeps when mails left, so that nobody gets more of them by
    /// deleting accounts.
    pub(crate) fn deleted(self, now: Time) -> Self {
        Self { status: Status::Vacant, expires: Some(now.after(DAY)), ..self }
    }

    /// Returns the account with another record of the same password.
    pub(crate) fn rehashed(mut self, password: PasswordRecord) -> Self {
        if let Status::Active { attempt, .. } = &mut self.status {
            attempt.password = password;
        }
        self
    }

    /// Returns the account under another generation: what was proven before does not count any more, nor does a
    /// change that waits.
    pub(crate) fn renewed(mut self, generation: Generation) -> Self {
        if let Status::Active { attempt, moving, .. } = &mut self.status {
            (attempt.generation, *moving) = (generation, None);
        }
        self
    }

    /// Returns the address that a mail is still for.
    pub(crate) fn addressee(&self, mail: &OwedMail, now: Time) -> Option<&Address> {
        if mail.purpose == Purpose::AddressChange {
            let moving = self.moving(now).filter(|moving| moving.generation == mail.generation);
            return moving.map(|moving| &moving.address);
        }
        let attempt = match (&self.status, mail.purpose) {
            (Status::Pending(attempt), Purpose::Activation)
            | (Status::Active { attempt, .. }, Purpose::Notice)
            | (Status::Active { attempt, blocked: false, .. }, Purpose::Reset) => attempt,
            (Status::Vacant | Status::Pending(_) | Status::Active { .. }, _) => return None,
        };
        (attempt.generation == mail.generation).then_some(&attempt.address)
    }

    /// Returns the row to store when a mail is about to leave: the interval to the next one starts now, and the row
    /// is kept for longer than its code.
    pub(crate) fn mailed(self, purpose: Purpose, now: Time, lifetimes: Lifetimes) -> Self {
        let kept = now.after(lifetimes.pending());
        match purpose {
            Purpose::Activation => Self {
                last_mail: Some(lifetimes.interval.leaves(self.last_mail, now)),
                expires: self.expires.map(|expires| expires.max(kept)),
                ..self
            },
            Purpose::Reset => {
                Self { last_mail: Some(lifetimes.interval.leaves(self.last_mail, now)), ..self }
            }
            Purpose::Notice => Self { last_notice: Some(now), ..self },
            // The new address's row has had it since the mail was owed.
            Purpose::AddressChange => self,
            // What is left of an account that is gone may have expired: nothing is to stay of it for good.
            Purpose::PasswordChanged | Purpose::AccountDeleted | Purpose::AddressChanged => match self.status
            {
                Status::Vacant => Self { expires: self.expires.max(Some(now.after(DAY))), ..self },
                Status::Pending(_) | Status::Active { .. } => self,
            },
        }
    }

    /// Returns the generation of its attempt, which [`CommitAccount`](crate::CommitAccount) compares.
    pub const fn generation(&self) -> Option<Generation> {
        match &self.status {
            Status::Vacant => None,
            Status::Pending(attempt) | Status::Active { attempt, .. } => Some(attempt.generation),
        }
    }

    fn pending(self, attempt: Attempt, same: bool, asked: Asked, event: Event) -> Step {
        let Asked { now, id, tried, lifetimes } = asked;
        let (last_mail, mail) = match lifetimes.interval.next(self.last_mail, tried.filter(|_| same), now) {
            Next::AsItIs => (self.last_mail, None),
            Next::Mail(last) => (Some(last), Some(attempt.mail(Purpose::Activation, id, last.due))),
        };
        let latest = last_mail.map_or(now, |last| last.due.max(now));
        let row = Self {
            status: Status::Pending(attempt),
            last_mail,
            expires: Some(latest.after(lifetimes.pending())),
            ..self
        };
        Step { row, mail, event }
    }

    fn notify(mut self, asked: Asked) -> Step {
        let mail = self.notice(asked.id, asked.now);
        Step { row: self, mail, event: Event::AlreadyActive }
    }

    /// Owes the owner of an active account a notice, at most one a day.
    pub(super) fn notice(&mut self, id: MailId, now: Time) -> Option<OwedMail> {
        let owed = self.last_notice.is_none_or(|last| now.since(last) >= DAY);
        let (Status::Active { attempt, .. }, true) = (&self.status, owed) else { return None };
        let mail = attempt.mail(Purpose::Notice, id, now);
        self.last_notice = Some(now);
        Some(mail)
    }
}

impl Attempt {
    pub(super) fn mail(&self, purpose: Purpose, id: MailId, due: Time) -> OwedMail {
        let (generation, locale) = (self.generation, self.locale.clone());
        OwedMail { id, purpose, generation, locale, first_due: due, to: None }
    }
}

impl Lifetimes {
    /// How long a pending row is kept after its last attempt or mail: longer than any code.
    pub(super) fn pending(self) -> Duration {
        DAY.max(self.last_code)
    }
}
