//! The outbox of the world: one mail per address and purpose, leased and settled.

use std::{collections::BTreeMap, time::Duration};

use auth_core::{
    AddressKey, LeaseToken, LeasedMail, MailId, OwedMail, Purpose, QueuedMail, SettleMail, Settled, Time,
    WaitingMail,
};
use serde::Serialize;

/// How long a worker may hold a mail before another one takes it over.
pub(crate) const LEASE: Duration = Duration::from_secs(60);

#[derive(Clone, Default, Serialize)]
pub(crate) struct Outbox {
    mails: BTreeMap<(AddressKey, Purpose), QueuedMail>,
    leases: u64,
}

impl Outbox {
    /// Enqueues a mail in the place of one of its purpose.
    pub(super) fn enqueue(&mut self, key: AddressKey, mail: OwedMail) {
        self.mails.insert((key.clone(), mail.purpose), QueuedMail::new(key, mail));
    }

    /// The mails of an address that are not dead, by purpose.
    pub(super) fn waiting(&self, key: &AddressKey, now: Time) -> Vec<WaitingMail> {
        let mails = self.mails.iter().filter(|((other, _), _)| other == key);
        mails.filter_map(|(_, mail)| mail.waiting(now)).collect()
    }

    /// Notes that a mail's sending begins.
    pub(super) fn begin(&mut self, id: MailId, unknowns: u8) {
        self.mails.values_mut().for_each(|mail| mail.begin(id, unknowns));
    }

    /// Leases the mail that has been due for longest. A lease that ran out is taken over.
    pub(crate) fn lease(&mut self, now: Time) -> Option<LeasedMail> {
        let due = self.mails.values_mut().filter(|mail| mail.next().is_some_and(|next| next <= now));
        let mail = due.min_by_key(|mail| mail.next())?;
        self.leases += 1;
        let mut token = [0; 16];
        token[8..].copy_from_slice(&self.leases.to_be_bytes());
        mail.lease(LeaseToken::from_bytes(token), LEASE, now)
    }

    pub(super) fn settle(&mut self, order: &SettleMail, now: Time) -> Settled {
        let held = self.mails.values_mut().find(|mail| mail.mail().id == order.lease.mail);
        let settled = held.map_or(Settled::Lost, |mail| mail.settle(order, now));
        self.mails.retain(|_, mail| !mail.is_over());
        settled
    }

    /// When the next mail can be leased.
    pub(crate) fn next(&self) -> Option<Time> {
        self.mails.values().filter_map(QueuedMail::next).min()
    }

    /// The mails that are not dead.
    pub(crate) fn ids(&self) -> Vec<MailId> {
        self.mails.values().filter(|mail| !mail.is_dead()).map(|mail| mail.mail().id).collect()
    }

    pub(crate) fn dead_letters(&self) -> usize {
        self.mails.values().filter(|mail| mail.is_dead()).count()
    }
}
