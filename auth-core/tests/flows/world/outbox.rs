//! Owns the outbox of the world: one mail per address and purpose, leased and settled.

use std::{collections::BTreeMap, time::Duration};

use auth_core::{
    AddressKey, Lease, LeaseToken, LeasedMail, OwedMail, Purpose, SettleMail, Settled, Settlement, Time,
};
use serde::Serialize;

/// How long a worker may hold a mail before another one takes it over.
pub(crate) const LEASE: Duration = Duration::from_secs(60);

#[derive(Clone, Default, Serialize)]
pub(crate) struct Outbox {
    waiting: BTreeMap<(AddressKey, Purpose), Waiting>,
    leases: u64,
}

#[derive(Clone, Serialize)]
struct Waiting {
    mail: OwedMail,
    next: Time,
    attempts: u32,
    unknowns: u8,
    lease: Option<LeaseToken>,
    dead: bool,
}

impl Outbox {
    /// Takes up a mail in the place of a waiting one of its purpose; it starts afresh.
    pub(super) fn take_up(&mut self, key: AddressKey, mail: OwedMail) {
        let place = (key, mail.purpose);
        let waiting = Waiting { next: mail.due, mail, attempts: 0, unknowns: 0, lease: None, dead: false };
        self.waiting.insert(place, waiting);
    }

    /// Whether an activation mail is on its way: not dead, with a worker or without.
    pub(super) fn waits(&self, key: &AddressKey) -> bool {
        self.waiting.get(&(key.clone(), Purpose::Activation)).is_some_and(|mail| !mail.dead)
    }

    /// Leases the mail that has been due for longest. A lease that ran out is taken over.
    pub(crate) fn lease(&mut self, now: Time) -> Option<LeasedMail> {
        let due = self.waiting.iter_mut().filter(|(_, mail)| !mail.dead && mail.next <= now);
        let ((key, _), waiting) = due.min_by_key(|(_, mail)| mail.next)?;
        self.leases += 1;
        let mut token = [0; 16];
        token[8..].copy_from_slice(&self.leases.to_be_bytes());
        let token = LeaseToken::from_bytes(token);
        waiting.lease = Some(token);
        waiting.next = now.after(LEASE);
        waiting.attempts += 1;
        Some(LeasedMail {
            lease: Lease { mail: waiting.mail.id, token },
            key: key.clone(),
            mail: waiting.mail.clone(),
            attempts: waiting.attempts,
            unknowns: waiting.unknowns,
        })
    }

    pub(super) fn settle(&mut self, order: SettleMail, now: Time) -> Settled {
        let held = |waiting: &Waiting| {
            waiting.mail.id == order.lease.mail && waiting.lease == Some(order.lease.token)
        };
        let Some((place, waiting)) = self.waiting.iter_mut().find(|(_, waiting)| held(waiting)) else {
            return Settled::Lost;
        };
        if let Settlement::Begun { unknowns } = order.settlement {
            waiting.unknowns = unknowns;
            return Settled::Settled;
        }
        waiting.lease = None;
        match order.settlement {
            Settlement::Begun { .. } => {}
            Settlement::Sent | Settlement::Superseded => {
                let place = place.clone();
                self.waiting.remove(&place);
            }
            Settlement::Retry { after, unknowns, .. } => {
                waiting.next = now.after(after);
                waiting.unknowns = unknowns;
            }
            Settlement::Dead { .. } => waiting.dead = true,
        }
        Settled::Settled
    }

    /// When the next mail can be leased.
    pub(crate) fn next(&self) -> Option<Time> {
        self.waiting.values().filter(|waiting| !waiting.dead).map(|waiting| waiting.next).min()
    }

    pub(crate) fn dead_letters(&self) -> usize {
        self.waiting.values().filter(|waiting| waiting.dead).count()
    }
}
