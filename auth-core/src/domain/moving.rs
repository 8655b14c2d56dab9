//! The steps of a change of address: over the account's own row, and over the row of the new address.
//!
//! Threat: a mailbox is flooded by accounts that all move to it. Mails with codes keep the new address's interval,
//! whoever asks for them: its row says when one may leave.

use serde::{Deserialize, Serialize};

use super::{
    Address, Attempt, Generation, MailId, OwedMail, Purpose, Row, Status, Time,
    account::{Asked, DAY},
};

/// A change of address that waits for the code from the new address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moving {
    /// The new address.
    pub address: Address,
    /// The identity of the change, which binds its codes.
    pub generation: Generation,
    /// When it ends.
    pub until: Time,
}

impl Row {
    /// Returns the change of address that waits and has not ended.
    pub(crate) fn moving(&self, now: Time) -> Option<&Moving> {
        let Status::Active { moving: Some(moving), .. } = &self.status else { return None };
        (now < moving.until).then_some(moving)
    }

    /// Returns the account with its address spelled otherwise, and without a change that waits.
    pub(crate) fn respelled(mut self, address: Address) -> Self {
        if let Status::Active { attempt, moving, .. } = &mut self.status {
            (attempt.address, *moving) = (address, None);
        }
        self
    }

    /// Asks for a move to an address, whose row is `new`. Returns the mail with the code, which is owed under the
    /// account's own key, and the notice to the owner of an address that has an account.
    ///
    /// If the same move waits already it goes on, with another mail unless one waits: `asked.tried`. Every state of the
    /// new address costs the same two rows.
    pub(crate) fn asks_to_move(
        &mut self,
        new: &mut Self,
        address: &Address,
        generation: Generation,
        notice: MailId,
        asked: &Asked,
    ) -> (Option<OwedMail>, Option<OwedMail>) {
        let Asked { now, id, tried, lifetimes } = *asked;
        let same = self.moving(now).filter(|moving| moving.address.key() == address.key());
        let (generation, waits, until) =
            same.map_or((generation, false, now), |same| (same.generation, tried.is_some(), same.until));
        let Status::Active { attempt, moving, .. } = &mut self.status else { return (None, None) };
        let (mut mail, mut told, mut latest) = (None, None, now);
        if matches!(new.status, Status::Active { .. }) {
            told = new.notice(notice, now);
        } else {
            if !waits && let Some(last) = lifetimes.interval.reserve(new.last_mail, now) {
                mail = Some(OwedMail { generation, ..attempt.mail(Purpose::AddressChange, id, last.due) });
                (new.last_mail, latest) = (Some(last), last.due);
            }
            new.expires = new.expires.max(Some(latest.after(DAY)));
        }
        let until = until.max(latest.after(lifetimes.pending()));
        *moving = Some(Moving { address: address.clone(), generation, until });
        (mail, told)
    }

    /// Moves the account here, under another generation; what was pending here is over. `None` if another account is
    /// active here.
    pub(crate) fn moved_here(self, from: &Self, address: Address, generation: Generation) -> Option<Self> {
        let Status::Active { attempt, id, since, blocked, .. } = &from.status else { return None };
        if matches!(self.status, Status::Active { .. }) {
            return None;
        }
        let attempt = Attempt { address, generation, ..attempt.clone() };
        let (id, since, blocked) = (*id, *since, *blocked);
        let status = Status::Active { attempt, id, since, blocked, moving: None };
        Some(Self { status, expires: None, ..self })
    }
}
