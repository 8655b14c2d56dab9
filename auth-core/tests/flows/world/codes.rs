//! The code store of the world: a slot for each attempt.

use std::collections::{BTreeMap, BTreeSet};

use auth_core::{CodeSlot, CodeStored, MailId, PutCode, RedeemCode, Redemption, Slot, Time};
use serde::Serialize;

#[derive(Clone, Default, Serialize)]
pub(super) struct Codes {
    slots: BTreeMap<CodeSlot, Slot>,
    /// The mails whose codes were put: each has refilled its slot's tries once.
    #[serde(skip)]
    pub(super) refilled: BTreeSet<MailId>,
}

impl Codes {
    pub(super) fn put(&mut self, order: &PutCode, now: Time) -> CodeStored {
        self.slots.retain(|_, slot| now < slot.forgotten());
        self.slots.entry(order.slot).or_default().put(order, now);
        self.refilled.insert(order.mail);
        CodeStored
    }

    pub(super) fn redeem(&mut self, order: &RedeemCode, now: Time) -> Redemption {
        self.slots.get_mut(&order.slot).map_or(Redemption::Missing, |slot| slot.redeem(order, now))
    }
}
