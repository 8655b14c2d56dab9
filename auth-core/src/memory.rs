//! Stores in memory, ready to use: for one process, lost when it ends.
//!
//! Both are bounded. When full they reject new entries and evict no living one, so a flood of addresses or clients
//! neither exhausts the memory nor removes somebody's code. Neither reads a clock: `now` comes in as a value, from
//! the same clock for every call.

use alloc::collections::BTreeMap;
use core::time::Duration;

use serde::Serialize;

use crate::{
    AddressKey, Admit, Answer, Client, CodeSlot, CodeStored, Commit, CommitAccount, Fault, FindAccount,
    Found, LeaseToken, LeasedMail, MailChange, Purpose, PutCode, QueuedMail, RedeemCode, Redemption, Row,
    SettleMail, Settled, Slot, Time, TokenBucket, Version,
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
        if self.entries.len() >= self.capacity && !self.entries.contains_key(&key) {
            // At most once a second: a flood must not make every request walk the map.
            if now.since(self.swept) >= Duration::from_secs(1) {
                self.sweep(now);
            }
            if self.entries.len() >= self.capacity {
                return Err(Fault::NotDone);
            }
        }
        self.entries.insert(key, (value, end));
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
    clients: Bounded<Client, TokenBucket>,
}

impl MemoryCodes {
    /// Creates an empty store for at most `capacity` slots and `capacity` clients, some 600 bytes for
    /// one of each; a slot with many mails takes up to 2 kB.
    pub const fn new(capacity: usize) -> Self {
        Self { slots: Bounded::new(capacity), clients: Bounded::new(capacity) }
    }

    /// Answers [`Admit`].
    ///
    /// # Errors
    /// [`Fault::NotDone`] if there is no room for another client.
    pub fn admit(&mut self, order: &Admit, now: Time) -> Answer<Admit> {
        let mut bucket = self.clients.live(&order.client, now).copied().unwrap_or_default();
        let admission = bucket.admit(order.rate, now);
        self.clients.put(order.client, bucket, bucket.full_at(), now)?;
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

/// A store of accounts and their outbox.
#[derive(Clone, Debug, Serialize)]
pub struct MemoryAccounts {
    rows: Bounded<AddressKey, (Version, Row)>,
    outbox: BTreeMap<(AddressKey, Purpose), QueuedMail>,
}

impl MemoryAccounts {
    /// Creates an empty store for at most `capacity` addresses, some 900 bytes each with a
    /// mail.
    pub const fn new(capacity: usize) -> Self {
        Self { rows: Bounded::new(capacity), outbox: BTreeMap::new() }
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
        let CommitAccount { key, expected, row, mail, .. } = &order;
        if !order.fits(&self.find(&FindAccount { key: key.clone() }, now)) {
            return Ok(Commit::Conflict);
        }
        let (version, swept) = (Version(expected.0.saturating_add(1)), self.rows.swept);
        let end = row.expires.unwrap_or(Time::from_micros(u64::MAX));
        self.rows.put(key.clone(), (version, row.clone()), end, now)?;
        if self.rows.swept != swept {
            self.drop_orphans();
        }
        match mail {
            Some(MailChange::Owe(mail)) => {
                let queued = QueuedMail::new(key.clone(), mail.clone());
                self.outbox.insert((key.clone(), mail.purpose), queued);
            }
            Some(MailChange::Begin { mail, unknowns }) => {
                for purpose in Purpose::ALL {
                    if let Some(queued) = self.outbox.get_mut(&(key.clone(), purpose)) {
                        queued.begin(*mail, *unknowns);
                    }
                }
            }
            None => {}
        }
        Ok(Commit::Committed)
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

    /// Deletes expired rows with their mails. Call it now and then; a commit that finds no room for a new address does
    /// the same, at most once a second.
    pub fn purge(&mut self, now: Time) {
        self.rows.sweep(now);
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
