//! Rules of time: codes live for their lifetime, slots remember their tries for longer.

use auth_core::{Code, Redemption};

use super::{
    harness::CodesHarness,
    orders::{Slot, TRIES},
    values::seconds,
};

const DAY: u64 = 86_400;

/// Stores a code with this lifetime.
async fn put_for(slot: &Slot, mail: u8, draw: u8, lifetime: u64) -> Code {
    let (mut order, code) = slot.put_order(mail, draw);
    order.lifetime = seconds(lifetime);
    order.retention = seconds(DAY + lifetime);
    slot.codes.put(&order).await.unwrap();
    code
}

pub(super) async fn a_code_lives_its_lifetime_and_no_longer(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    let code = put_for(&slot, 1, 1, 600).await;
    harness.advance(seconds(500)).await;
    assert_eq!(slot.redeem(&code).await, Redemption::Redeemed);
    harness.advance(seconds(100)).await;
    assert_eq!(slot.redeem(&code).await, Redemption::Missing, "a redeemed code expires as well");
}

pub(super) async fn an_expired_code_is_missing_and_costs_no_try(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    let code = put_for(&slot, 1, 1, 600).await;
    assert_eq!(slot.guess(1).await, Redemption::Wrong);
    harness.advance(seconds(600)).await;
    for n in 0..TRIES * 2 {
        assert_eq!(slot.redeem(&code).await, Redemption::Missing);
        assert_eq!(slot.guess(n).await, Redemption::Missing);
    }
    put_for(&slot, 1, 2, 600).await;
    assert_eq!(slot.use_up().await, TRIES - 1, "only the first guess counts");
}

pub(super) async fn missing_comes_before_exhausted(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    let code = put_for(&slot, 1, 1, 600).await;
    slot.use_up().await;
    harness.advance(seconds(600)).await;
    assert_eq!(slot.redeem(&code).await, Redemption::Missing);
}

pub(super) async fn each_code_has_its_own_lifetime(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    let (short, long) = (put_for(&slot, 1, 1, 600).await, put_for(&slot, 2, 2, 6000).await);
    harness.advance(seconds(600)).await;
    assert_eq!(slot.redeem(&short).await, Redemption::Wrong, "it has expired");
    assert_eq!(slot.redeem(&long).await, Redemption::Redeemed);
    harness.advance(seconds(5400)).await;
    assert_eq!(slot.redeem(&long).await, Redemption::Missing);
}

pub(super) async fn the_same_code_again_moves_its_expiry(harness: &impl CodesHarness) {
    let codes = harness.open().await;
    let sooner = Slot::new(&codes, 1);
    put_for(&sooner, 1, 1, 6000).await;
    let later = Slot::new(&codes, 2);
    put_for(&later, 1, 1, 600).await;
    harness.advance(seconds(300)).await;
    let (sooner_code, later_code) = (put_for(&sooner, 1, 1, 600).await, put_for(&later, 1, 1, 6000).await);
    harness.advance(seconds(600)).await;
    assert_eq!(sooner.redeem(&sooner_code).await, Redemption::Missing, "its new lifetime is shorter");
    assert_eq!(later.redeem(&later_code).await, Redemption::Redeemed, "its new lifetime is longer");
}

pub(super) async fn moving_one_expiry_moves_no_other(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    let one = put_for(&slot, 1, 1, 600).await;
    put_for(&slot, 2, 2, 600).await;
    let other = put_for(&slot, 2, 2, 6000).await;
    harness.advance(seconds(600)).await;
    assert_eq!(slot.redeem(&one).await, Redemption::Wrong);
    assert_eq!(slot.redeem(&other).await, Redemption::Redeemed);
}

/// Threat: an attacker waits for codes to expire, and lets a deferred mail's retries refill the tries.
pub(super) async fn a_slot_remembers_its_tries_longer_than_its_codes(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    put_for(&slot, 1, 1, 600).await;
    slot.use_up().await;
    for draw in 2..=5 {
        harness.advance(seconds(DAY - 100)).await;
        let code = put_for(&slot, 1, draw, 600).await;
        assert_eq!(slot.redeem(&code).await, Redemption::Exhausted, "retry {draw}");
    }
}

pub(super) async fn after_its_retention_a_slot_is_new(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    put_for(&slot, 1, 1, 600).await;
    slot.use_up().await;
    harness.advance(seconds(DAY + 600)).await;
    assert_eq!(slot.guess(1).await, Redemption::Missing);
    put_for(&slot, 1, 2, 600).await;
    assert_eq!(slot.use_up().await, TRIES);
}

pub(super) async fn guesses_prolong_nothing(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    let code = put_for(&slot, 1, 1, 600).await;
    for n in 0..TRIES + 2 {
        harness.advance(seconds(100)).await;
        slot.guess(n).await;
    }
    assert_eq!(slot.redeem(&code).await, Redemption::Missing);
    put_for(&slot, 1, 2, 600).await;
    assert_eq!(slot.guess(1).await, Redemption::Exhausted);
}
