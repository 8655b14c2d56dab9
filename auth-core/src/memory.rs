//! Stores in memory, ready to use: for one process, lost when it ends.
//!
//! Both are bounded. When full they reject new entries and evict no living one, so a flood of addresses or clients
//! neither exhausts the memory nor removes somebody's code. Neither reads a clock: `now` comes in as a value, from
//! the same clock for every call.

use alloc::{collections::BTreeMap, vec::Vec};
use core::{cmp::Reverse, time::Duration};

use serde::Serialize;

use crate::{
    AccountId, AddressKey, Admission, Admit, Answer, Change, CodeSlot, CodeStored, Commit, CommitAccount,
    Fault, FindAccount, FindSession, Found, FoundSession, LeaseToken, LeasedMail, MailChange, Purpose,
    PutCode, PutSession, QueuedMail, RedeemCode, Redemption, Row, Session, SessionChange, SessionHash,
    SessionId, SessionStored, SettleMail, Settled, Slot, Status, Subject, SubjectKind, Time, TokenBucket,
    Version,
};

/// A map with a bounded number of entries, each with an expiry.
#[derive(Clone, Debug, Serialize)]
struct Bounded<K, V> {
    entries: BTreeMap<K, (V, Time)>,
    capacity: usize,
    swept: Time,
}

impl<K: Ord, V> Bounded<K, V> {
    const fn new(capacity: usize) -> Self {
        Self { entries: BTreeMap::new(), capacity, swept: Time::from_micros(0) }
    }

    /// Returns a value, ended or not.
    fn stored(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(value, _)| value)
    }

    fn live(&mut self, key: &K, now: Time) -> Option<&mut V> {
        self.entries.get_mut(key).filter(|(_, end)| now < *end).map(|(value, _)| value)
    }

    /// Inserts or replaces, if there is room.
    fn put(&mut self, key: K, value: V, end: Time, now: Time) -> Result<(), Fault> {
        self.make_room(usize::from(!self.entries.contains_key(&key)), now)?;
        self.entries.insert(key, (value, end));
        Ok(())
    }

    /// Makes sure that there is room for so many more.
    fn make_room(&mut self, more: usize, now: Time) -> Result<(), Fault> {
        if more > 0 && self.entries.len().saturating_add(more) > self.capacity {
            // At most once a second: a flood must not make every request walk the map.
            if now.since(self.swept) >= Duration::from_secs(1) {
                self.sweep(now);
            }
            if self.entries.len().saturating_add(more) > self.capacity {
                return Err(Fault::NotDone);
            }
        }
        Ok(())
    }

    fn sweep(&mut self, now: Time) {
        self.entries.retain(|_, (_, end)| now < *end);
        self.swept = now;
    }
}

/// A store of codes and rate limits.
#[derive(Clone, Debug, Serialize)]
pub struct MemoryCodes {
    slots: Bounded<CodeSlot, Slot>,
    /// A map for each kind, so that a flood of one fills no other's.
    buckets: [Bounded<Subject, TokenBucket>; SubjectKind::ALL.len()],
}

impl MemoryCodes {
    /// Creates an empty store for at most `capacity` slots and `capacity` subjects of each kind, some 900 bytes for
    /// one of each; a slot with many mails takes up to 2 kB.
    pub const fn new(capacity: usize) -> Self {
        Self {
            slots: Bounded::new(capacity),
            buckets: [
                Bounded::new(capacity),
                Bounded::new(capacity),
                Bounded::new(capacity),
                Bounded::new(capacity),
            ],
        }
    }

    /// Answers [`Admit`].
    ///
    /// # Errors
    /// [`Fault::NotDone`] if there is no room for another subject of its kind.
    pub fn admit(&mut self, order: &Admit, now: Time) -> Answer<Admit> {
        let [clients, addresses, devices, accounts] = &mut self.buckets;
        let buckets = match order.subject.kind() {
            SubjectKind::Client => clients,
            SubjectKind::Address => addresses,
            SubjectKind::Device => devices,
            SubjectKind::Account => accounts,
        };
        if order.give_back {
            if let Some(bucket) = buckets.live(&order.subject, now) {
                bucket.give_back(order.rate, now);
            }
            return Ok(Admission::Admitted);
        }
        let mut bucket = buckets.live(&order.subject, now).copied().unwrap_or_default();
        let admission = bucket.admit(order.rate, now);
        buckets.put(order.subject, bucket, bucket.full_at(), now)?;
        Ok(admission)
    }

    /// Answers [`PutCode`].
    ///
    /// # Errors
    /// [`Fault::NotDone`] if there is no room for another slot.
    pub fn put(&mut self, order: &PutCode, now: Time) -> Answer<PutCode> {
        let mut slot = self.slots.live(&order.slot, now).cloned().unwrap_or_default();
        slot.put(order, now);
        let end = slot.forgotten();
        self.slots.put(order.slot, slot, end, now)?;
        Ok(CodeStored)
    }

    /// Answers [`RedeemCode`].
    pub fn redeem(&mut self, order: &RedeemCode, now: Time) -> Redemption {
        self.slots.live(&order.slot, now).map_or(Redemption::Missing, |slot| slot.redeem(order, now))
    }
}

/// A store of accounts, their outbox and their sessions.
#[derive(Clone, Debug, Serialize)]
pub struct MemoryAccounts {
    rows: Bounded<AddressKey, (Version, Row)>,
    /// Where the account of an id is.
    keys: BTreeMap<AccountId, AddressKey>,
    outbox: BTreeMap<(AddressKey, Purpose), QueuedMail>,
    sessions: Bounded<SessionHash, Session>,
}

impl MemoryAccounts {
    /// Creates an empty store for at most `capacity` addresses, some 900 bytes each with a
    /// mail, and as many sessions, some 500 bytes each.
    pub const fn new(capacity: usize) -> Self {
        Self {
            rows: Bounded::new(capacity),
            keys: BTreeMap::new(),
            outbox: BTreeMap::new(),
            sessions: Bounded::new(capacity),
        }
    }

    /// Answers [`FindAccount`].
    pub fn find(&self, order: &FindAccount, now: Time) -> Found {
        let mails = Purpose::ALL.iter().filter_map(|purpose| self.outbox.get(&(order.key.clone(), *purpose)));
        let waiting = mails.filter_map(|mail| mail.waiting(now)).collect();
        Found { now, row: self.rows.stored(&order.key).cloned(), waiting }
    }

    /// Answers [`CommitAccount`].
    ///
    /// # Errors
    /// [`Fault::NotDone`] if there is no room for another address.
    pub fn commit(&mut self, order: CommitAccount, now: Time) -> Answer<CommitAccount> {
        let CommitAccount { changes, end } = order;
        if !changes
            .iter()
            .all(|change| change.fits(&self.find(&FindAccount { key: change.key.clone() }, now)))
        {
            return Ok(Commit::Conflict);
        }
        let (new, swept) = (changes.iter().filter(|change| change.expected == Version(0)), self.rows.swept);
        self.rows.make_room(new.count(), now)?;
        if self.rows.swept != swept {
            self.drop_orphans();
        }
        for change in changes {
            self.write(change);
        }
        if let Some(account) = end {
            self.sessions.entries.retain(|_, (session, _)| session.account != account);
        }
        Ok(Commit::Committed)
    }

    fn write(&mut self, change: Change) {
        let Change { key, expected, row, mails, .. } = change;
        if let Some((_, Row { status: Status::Active { id, .. }, .. })) = self.rows.stored(&key) {
            self.keys.remove(id);
        }
        if let Status::Active { id, .. } = &row.status {
            self.keys.insert(*id, key.clone());
        }
        for mail in mails {
            match mail {
                MailChange::Owe(mail) => {
                    self.outbox.insert((key.clone(), mail.purpose), QueuedMail::new(key.clone(), mail));
                }
                MailChange::Begin { mail, unknowns } => {
                    for purpose in Purpose::ALL {
                        if let Some(queued) = self.outbox.get_mut(&(key.clone(), purpose)) {
                            queued.begin(mail, unknowns);
                        }
                    }
                }
            }
        }
        let end = row.expires.unwrap_or(Time::from_micros(u64::MAX));
        self.rows.entries.insert(key, ((Version(expected.0.saturating_add(1)), row), end));
    }

    /// Answers [`FindSession`].
    pub fn find_session(&self, order: &FindSession, now: Time) -> FoundSession {
        let session = self.sessions.stored(&order.token).cloned();
        let key = session.as_ref().and_then(|session| self.keys.get(&session.account));
        let account = key.and_then(|key| Some((key.clone(), self.row(key)?.clone())));
        FoundSession { now, session, account }
    }

    /// Answers [`PutSession`].
    ///
    /// # Errors
    /// [`Fault::NotDone`] if there is no room for another session.
    pub fn put_session(&mut self, order: PutSession, now: Time) -> Answer<PutSession> {
        match order.change {
            SessionChange::Open { session, replaces, newest } => {
                let row = self.keys.get(&session.account).and_then(|key| self.row(key));
                let admitted = row.is_some_and(|row| row.admits(&session));
                let sessions = &mut self.sessions;
                if sessions.stored(&order.token).is_some() {
                    return Ok(SessionStored::Done);
                }
                if !admitted || replaces.is_some_and(|replaced| sessions.stored(&replaced).is_none()) {
                    return Ok(SessionStored::Gone);
                }
                let account = session.account;
                sessions.put(order.token, session.clone(), session.expires, now)?;
                if let Some(replaced) = replaces {
                    sessions.entries.remove(&replaced);
                }
                for (token, _) in newest_first(sessions, account).into_iter().skip(newest.into()) {
                    sessions.entries.remove(&token);
                }
                Ok(SessionStored::Done)
            }
            SessionChange::Touch { seen, expires } => match self.sessions.entries.get_mut(&order.token) {
                Some((session, end)) if session.seen < seen => {
                    (session.seen, session.expires, *end) = (seen, expires, expires);
                    Ok(SessionStored::Done)
                }
                Some(_) | None => Ok(SessionStored::Gone),
            },
            SessionChange::End => Ok(match self.sessions.entries.remove(&order.token) {
                Some(_) => SessionStored::Done,
                None => SessionStored::Gone,
            }),
        }
    }

    /// Returns the sessions of an account, newest first, whether they still count or not:
    /// [`Session::is_alive`] says so.
    pub fn sessions(&self, account: AccountId) -> impl Iterator<Item = Session> {
        newest_first(&self.sessions, account).into_iter().map(|(_, session)| session)
    }

    /// Ends a session of this account. Returns whether it was there.
    pub fn end_session(&mut self, account: AccountId, id: SessionId) -> bool {
        let before = self.sessions.entries.len();
        self.sessions.entries.retain(|_, (session, _)| (session.account, session.id) != (account, id));
        self.sessions.entries.len() != before
    }

    /// Leases the mail that has been due for longest, if any is due: the input of [`Deliver`](crate::Deliver).
    /// `token` must be new for each lease. An expired lease is taken over.
    pub fn lease(&mut self, token: LeaseToken, lasting: Duration, now: Time) -> Option<LeasedMail> {
        let due = self.outbox.values_mut().filter(|mail| mail.next().is_some_and(|next| next <= now));
        due.min_by_key(|mail| mail.next())?.lease(token, lasting, now)
    }

    /// Answers [`SettleMail`].
    pub fn settle(&mut self, order: &SettleMail, now: Time) -> Settled {
        let mail = self.outbox.iter_mut().find(|(_, queued)| queued.mail().id == order.lease.mail);
        let Some((place, queued)) = mail else { return Settled::Lost };
        let settled = queued.settle(order, now);
        if queued.is_over() {
            let place = place.clone();
            self.outbox.remove(&place);
        }
        settled
    }

    /// Deletes expired rows with their mails, and expired sessions. Call it now and then; a commit that finds no room
    /// for a new address or session does the same, at most once a second.
    pub fn purge(&mut self, now: Time) {
        self.rows.sweep(now);
        self.sessions.sweep(now);
        self.drop_orphans();
    }

    /// Threat: addresses that no mail server accepts, whose dead letters would stay for good.
    fn drop_orphans(&mut self) {
        let rows = &self.rows;
        self.outbox.retain(|(key, _), _| rows.stored(key).is_some());
    }

    /// Returns when the next mail can be leased, or `None` if no mail waits.
    pub fn next_due(&self) -> Option<Time> {
        self.outbox.values().filter_map(QueuedMail::next).min()
    }

    /// Returns the row of an address, expired or not.
    pub fn row(&self, key: &AddressKey) -> Option<&Row> {
        self.rows.stored(key).map(|(_, row)| row)
    }

    /// Returns the mails of the outbox by address, including those that were given up.
    pub fn mails(&self) -> impl Iterator<Item = &QueuedMail> {
        self.outbox.values()
    }
}

/// Returns the sessions of an account, those that were opened last first.
fn newest_first(sessions: &Bounded<SessionHash, Session>, account: AccountId) -> Vec<(SessionHash, Session)> {
    let own = sessions.entries.iter().filter(|(_, (session, _))| session.account == account);
    let mut own: Vec<_> = own.map(|(token, (session, _))| (*token, session.clone())).collect();
    own.sort_by_key(|(token, session)| (Reverse(session.created), *token));
    own
}
