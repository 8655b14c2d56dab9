//! Owns the code store of the world, as the docs of `PutCode` and `RedeemCode` say.

use std::collections::{BTreeMap, BTreeSet};

use auth_core::{CodeMac, CodeSlot, CodeStored, MailId, PutCode, RedeemCode, Redemption, Time};
use serde::Serialize;

#[derive(Clone, Default, Serialize)]
pub(super) struct Codes(BTreeMap<CodeSlot, Slot>);

#[derive(Clone, Serialize)]
struct Slot {
    /// Oldest first.
    codes: Vec<Stored>,
    tries: u8,
    /// The mails that have refilled the tries: each of them does so once.
    mails: BTreeSet<MailId>,
    forgotten: Time,
}

#[derive(Clone, Serialize)]
struct Stored {
    mac: CodeMac,
    expires: Time,
    redeemed: bool,
}

impl Codes {
    pub(super) fn put(&mut self, order: &PutCode, now: Time) -> CodeStored {
        self.0.retain(|_, slot| now < slot.forgotten);
        let slot = self.0.entry(order.slot).or_insert_with(|| Slot {
            codes: Vec::new(),
            tries: 0,
            mails: BTreeSet::new(),
            forgotten: now,
        });
        if slot.mails.insert(order.mail) {
            slot.tries = order.tries;
        }
        slot.forgotten = slot.forgotten.max(now.after(order.retention));
        slot.codes.retain(|code| now < code.expires);
        let expires = now.after(order.lifetime);
        match slot.codes.iter_mut().find(|code| code.mac == order.mac) {
            Some(code) => code.expires = expires,
            None => slot.codes.push(Stored { mac: order.mac, expires, redeemed: false }),
        }
        let surplus = slot.codes.len().saturating_sub(usize::from(order.newest));
        slot.codes.drain(..surplus);
        // A lifetime of nothing takes a code back.
        slot.codes.retain(|code| now < code.expires);
        CodeStored
    }

    pub(super) fn redeem(&mut self, order: &RedeemCode, now: Time) -> Redemption {
        let Some(slot) = self.0.get_mut(&order.slot) else { return Redemption::Missing };
        let mut living = slot.codes.iter_mut().filter(|code| now < code.expires).peekable();
        if living.peek().is_none() {
            return Redemption::Missing;
        }
        let matched = living.find(|code| order.macs.contains(&code.mac));
        if matched.as_ref().is_some_and(|code| code.redeemed) {
            return Redemption::Redeemed;
        }
        // The try is counted before anything else is told.
        let Some(left) = slot.tries.checked_sub(1) else { return Redemption::Exhausted };
        slot.tries = left;
        match matched {
            Some(code) => {
                code.redeemed = true;
                Redemption::Redeemed
            }
            None => Redemption::Wrong,
        }
    }
}
