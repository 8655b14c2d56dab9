//! One mail of an outbox, for stores that keep Rust values: when it may be leased, its lease, its end.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    AddressKey, Lease, LeaseToken, LeasedMail, MailId, OwedMail, Settlement, Time, WaitingMail, WaitingState,
};
use crate::{SettleMail, Settled};

/// A mail from its commit until it has left. A store keeps at most one for each address and purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedMail {
    pub(crate) key: AddressKey,
    pub(crate) mail: OwedMail,
    pub(crate) next: Time,
    pub(crate) attempts: u32,
    pub(crate) unknowns: u8,
    pub(crate) lease: Option<LeaseToken>,
    pub(crate) state: MailState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum MailState {
    Waits,
    Dead,
    Over,
}

impl QueuedMail {
    /// Enqueues a mail.
    pub const fn new(key: AddressKey, mail: OwedMail) -> Self {
        Self {
            key,
            next: mail.first_due,
            mail,
            attempts: 0,
            unknowns: 0,
            lease: None,
            state: MailState::Waits,
        }
    }

    /// Returns the address that the mail belongs to.
    pub const fn key(&self) -> &AddressKey {
        &self.key
    }

    /// Returns the mail as it was enqueued.
    pub const fn mail(&self) -> &OwedMail {
        &self.mail
    }

    /// Returns when it may be leased, or `None` if it is dead or over.
    pub fn next(&self) -> Option<Time> {
        (self.state == MailState::Waits).then_some(self.next)
    }

    /// Returns its state for [`Found`](crate::Found), or `None` if it is dead or over.
    pub fn waiting(&self, now: Time) -> Option<WaitingMail> {
        let state = match self.lease {
            Some(token) if now < self.next => WaitingState::Held { token },
            Some(_) | None => WaitingState::Free { next: self.next },
        };
        (self.state == MailState::Waits).then_some(WaitingMail {
            id: self.mail.id,
            purpose: self.mail.purpose,
            generation: self.mail.generation,
            state,
        })
    }

    /// Leases it until `now` plus `lasting`, if it is due. `token` must be new for each lease.
    pub fn lease(&mut self, token: LeaseToken, lasting: Duration, now: Time) -> Option<LeasedMail> {
        self.next().filter(|next| *next <= now)?;
        (self.lease, self.next) = (Some(token), now.after(lasting));
        self.attempts = self.attempts.saturating_add(1);
        Some(LeasedMail {
            lease: Lease { mail: self.mail.id, token },
            key: self.key.clone(),
            mail: self.mail.clone(),
            attempts: self.attempts,
            unknowns: self.unknowns,
        })
    }

    /// Records that its sending begins, if it is this mail.
    pub fn begin(&mut self, mail: MailId, unknowns: u8) {
        if self.mail.id == mail {
            self.unknowns = unknowns;
        }
    }

    /// Ends a lease of this mail that is still held.
    pub fn settle(&mut self, order: &SettleMail, now: Time) -> Settled {
        if (self.mail.id, self.lease) != (order.lease.mail, Some(order.lease.token)) {
            return Settled::Lost;
        }
        self.lease = None;
        match &order.settlement {
            Settlement::Sent | Settlement::Superseded => self.state = MailState::Over,
            Settlement::Dead { .. } => self.state = MailState::Dead,
            Settlement::Retry { after, unknowns, .. } => {
                (self.next, self.unknowns) = (now.after(*after), *unknowns);
            }
        }
        Settled::Settled
    }

    /// Returns whether it has been given up: it is kept for the operator.
    pub fn is_dead(&self) -> bool {
        self.state == MailState::Dead
    }

    /// Returns whether it can be removed.
    pub fn is_over(&self) -> bool {
        self.state == MailState::Over
    }
}
