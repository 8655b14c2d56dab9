//! The codes of one attempt, as a code store keeps them.
//!
//! Stores only keep the value and make one change at a time; the changes are defined here. Time is the store's own
//! and comes in as a value.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{CodeMac, LeaseToken, MailId, Time};
use crate::{PutCode, RedeemCode, Redemption};

/// How many codes of one attempt are good at the same time. It counts into the [odds](super::Odds): with 4 the default
/// policy is refused.
pub(crate) const GOOD_CODES: u8 = 3;

/// The codes and tries of one slot, as a code store keeps them. `default()` is an empty slot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Oldest first.
    codes: Vec<StoredCode>,
    tries: u8,
    /// The mails that have refilled the tries, oldest first.
    mails: Vec<MailId>,
    forgotten: Time,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct StoredCode {
    mac: CodeMac,
    lease: LeaseToken,
    expires: Time,
    redeemed: bool,
}

impl Slot {
    /// Stores a code, changes its expiry, or removes it.
    pub fn put(&mut self, order: &PutCode, now: Time) {
        if now >= self.forgotten {
            *self = Self::default();
        }
        self.forgotten = self.forgotten.max(now.after(order.retention));
        self.codes.retain(|code| now < code.expires);
        let expires = now.after(order.lifetime);
        match self.codes.iter_mut().find(|code| code.mac == order.mac) {
            Some(code) if order.ends && code.lease != order.lease => {}
            Some(code) => (code.lease, code.expires) = (order.lease, expires),
            None => {
                let (mac, lease) = (order.mac, order.lease);
                self.codes.push(StoredCode { mac, lease, expires, redeemed: false });
            }
        }
        // Threat: endless guesses by having the same mail retried. A mail refills the tries once.
        if !order.lifetime.is_zero() && !self.mails.contains(&order.mail) {
            self.tries = order.tries;
            self.mails.push(order.mail);
            keep_newest(&mut self.mails, order.mails.into());
        }
        if order.lifetime.is_zero() {
            self.codes.retain(|code| now < code.expires);
        }
        keep_newest(&mut self.codes, usize::from(order.newest).saturating_add(1));
    }

    /// Looks for a code, and counts the try first.
    pub fn redeem(&mut self, order: &RedeemCode, now: Time) -> Redemption {
        let living = self.codes.iter_mut().rev().filter(|code| now < code.expires);
        let mut good: Vec<&mut StoredCode> = living.take(order.newest.into()).collect();
        if good.is_empty() {
            return Redemption::Missing;
        }
        let matches = |code: &StoredCode| order.macs.contains(&code.mac);
        if good.iter().any(|code| code.redeemed && matches(code)) {
            return Redemption::Redeemed;
        }
        // Threat: parallel guesses past the limit (CVE-2023-47111). The try is counted before anything is compared.
        let Some(left) = self.tries.checked_sub(1) else { return Redemption::Exhausted };
        self.tries = left;
        match good.iter_mut().find(|code| matches(code)) {
            Some(code) => {
                code.redeemed = true;
                Redemption::Redeemed
            }
            None => Redemption::Wrong,
        }
    }

    /// Returns when a store may forget the slot.
    pub const fn forgotten(&self) -> Time {
        self.forgotten
    }
}

fn keep_newest<T>(items: &mut Vec<T>, count: usize) {
    let surplus = items.len().saturating_sub(count);
    items.drain(..surplus);
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use core::time::Duration;

    use super::*;
    use crate::CodeSlot;

    const TTL: u64 = 600;

    fn at(seconds: u64) -> Time {
        Time::from_micros(0).after(Duration::from_secs(seconds))
    }

    /// Puts the code of a mail under a lease.
    fn order(mail: u8, lease: u8, lifetime: u64) -> PutCode {
        PutCode {
            slot: CodeSlot::from_bytes([0; 32]),
            mail: MailId::from_bytes([mail; 16]),
            mails: 32,
            lease: LeaseToken::from_bytes([lease; 16]),
            ends: false,
            mac: CodeMac::from_bytes([mail; 32]),
            lifetime: Duration::from_secs(lifetime),
            tries: 5,
            newest: 3,
            retention: Duration::from_secs(86_400),
        }
    }

    fn ends(mail: u8, lease: u8, lifetime: u64) -> PutCode {
        PutCode { ends: true, ..order(mail, lease, lifetime) }
    }

    fn with(mails: &[u8]) -> Slot {
        let mut slot = Slot::default();
        mails.iter().for_each(|mail| slot.put(&order(*mail, 1, TTL), at(0)));
        slot
    }

    fn redeem(slot: &mut Slot, mail: u8, now: u64) -> Redemption {
        let macs = vec![CodeMac::from_bytes([0xee; 32]), CodeMac::from_bytes([mail; 32])];
        slot.redeem(&RedeemCode { slot: CodeSlot::from_bytes([0; 32]), newest: 3, macs }, at(now))
    }

    /// Returns which of these mails' codes are valid.
    fn good(slot: &Slot, mails: &[u8], now: u64) -> Vec<bool> {
        mails.iter().map(|mail| redeem(&mut slot.clone(), *mail, now) == Redemption::Redeemed).collect()
    }

    #[test]
    fn the_newest_three_are_good() {
        assert_eq!(good(&with(&[1, 2, 3, 4, 5]), &[1, 2, 3, 4, 5], 1), [false, false, true, true, true]);
        assert_eq!(redeem(&mut Slot::default(), 1, 0), Redemption::Missing);
    }

    #[test]
    fn what_is_taken_back_brings_the_displaced_one_back() {
        let mut slot = with(&[1, 2, 3, 4]);
        assert_eq!(good(&slot, &[1, 2, 3, 4], 1), [false, true, true, true]);
        slot.put(&ends(4, 1, 0), at(1));
        assert_eq!(good(&slot, &[1, 2, 3, 4], 1), [true, true, true, false]);
        slot.put(&ends(9, 1, 0), at(1));
        assert_eq!(good(&slot, &[1, 2, 3], 1), [true; 3], "removing an absent code displaces nothing");
    }

    #[test]
    fn an_end_leaves_a_code_alone_that_another_lease_has_put_since() {
        let mut slot = with(&[1]);
        slot.put(&order(1, 2, TTL), at(10));
        slot.put(&ends(1, 1, 0), at(10));
        slot.put(&ends(1, 1, 1), at(10));
        assert_eq!(good(&slot, &[1], 609), [true]);
        slot.put(&ends(1, 2, 0), at(10));
        assert_eq!(redeem(&mut slot, 1, 11), Redemption::Missing);
    }

    #[test]
    fn a_code_lives_until_its_end_and_not_at_it() {
        let mut slot = with(&[1]);
        assert_eq!((good(&slot, &[1], 599), good(&slot, &[1], 600)), (vec![true], vec![false]));
        slot.put(&ends(1, 1, 700), at(10));
        assert_eq!((good(&slot, &[1], 709), good(&slot, &[1], 710)), (vec![true], vec![false]));
    }

    #[test]
    fn a_mail_refills_the_tries_once() {
        let mut slot = with(&[1]);
        (0..5).for_each(|_| assert_eq!(redeem(&mut slot, 0, 1), Redemption::Wrong));
        slot.put(&order(1, 2, TTL), at(2));
        assert_eq!(redeem(&mut slot, 1, 3), Redemption::Exhausted);
        slot.put(&order(2, 3, TTL), at(4));
        slot.put(&order(1, 4, TTL), at(4));
        (0..4).for_each(|_| assert_eq!(redeem(&mut slot, 0, 5), Redemption::Wrong));
        assert_eq!(redeem(&mut slot, 1, 5), Redemption::Redeemed);
        assert_eq!(redeem(&mut slot, 1, 5), Redemption::Redeemed, "a repeated redemption counts no try");
        assert_eq!(redeem(&mut slot, 2, 5), Redemption::Exhausted);
    }

    #[test]
    fn a_slot_remembers_so_many_mails_and_is_forgotten_in_the_end() {
        let mut slot = Slot::default();
        (0..=32).for_each(|mail| slot.put(&order(mail, 1, TTL), at(0)));
        (0..5).for_each(|_| assert_eq!(redeem(&mut slot, 99, 1), Redemption::Wrong));
        slot.put(&order(1, 1, TTL), at(1));
        assert_eq!(redeem(&mut slot, 1, 1), Redemption::Exhausted, "the second oldest is remembered");
        assert_eq!(slot.forgotten(), at(86_401));
        slot.put(&order(1, 1, TTL), at(86_401));
        assert_eq!(redeem(&mut slot, 1, 86_402), Redemption::Redeemed, "a forgotten slot starts empty");
    }
}
