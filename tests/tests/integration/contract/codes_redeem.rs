//! Rules of redeeming: which reply is right, and that slots are independent of each other.

use auth_core::{CodeSlot, Redemption};

use super::{
    harness::CodesHarness,
    orders::{Slot, TRIES},
};

pub(super) async fn a_stored_code_is_redeemed(harness: &impl CodesHarness) {
    let codes = harness.open().await;
    codes.ping().await.unwrap();
    let slot = Slot::new(&codes, 1);
    let code = slot.put(1, 1).await;
    assert_eq!(slot.redeem(&code).await, Redemption::Redeemed);
}

pub(super) async fn where_nothing_was_stored_a_code_is_missing(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    let (_, code) = slot.put_order(1, 1);
    for _ in 0..3 {
        assert_eq!(slot.redeem(&code).await, Redemption::Missing);
    }
}

pub(super) async fn a_miss_writes_nothing(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    for n in 0..20 {
        assert_eq!(slot.guess(n).await, Redemption::Missing);
    }
    slot.put(1, 1).await;
    assert_eq!(slot.use_up().await, TRIES, "guesses before the code was there have cost nothing");
}

pub(super) async fn another_code_is_wrong(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    let code = slot.put(1, 1).await;
    assert_eq!(slot.guess(1).await, Redemption::Wrong);
    assert_eq!(slot.redeem(&code).await, Redemption::Redeemed, "a wrong code leaves the right one good");
}

pub(super) async fn without_tries_nothing_is_compared(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    let code = slot.put(1, 1).await;
    assert_eq!(slot.use_up().await, TRIES);
    assert_eq!(slot.redeem(&code).await, Redemption::Exhausted);
    assert_eq!(slot.guess(1).await, Redemption::Exhausted);
}

pub(super) async fn a_redeemed_code_is_redeemed_again_though_tries_are_used_up(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    let code = slot.put(1, 1).await;
    assert_eq!(slot.redeem(&code).await, Redemption::Redeemed);
    assert_eq!(slot.use_up().await, TRIES - 1);
    assert_eq!(slot.redeem(&code).await, Redemption::Redeemed);
    assert_eq!(slot.guess(1).await, Redemption::Exhausted, "others are not");
}

pub(super) async fn one_of_several_macs_is_enough(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    // Stored before the keys were rotated, typed after.
    let (order, code) = slot.signed_put_order(1, 1, &[1]);
    slot.codes.put(&order).await.unwrap();
    let order = slot.verified_redeem_order(&code, &[3, 2, 1]);
    assert_eq!(order.macs.len(), 3);
    assert_eq!(slot.codes.redeem(&order).await.unwrap(), Redemption::Redeemed);
    let without = slot.verified_redeem_order(&code, &[3, 2]);
    assert_eq!(slot.codes.redeem(&without).await.unwrap(), Redemption::Wrong, "the old key is gone");
}

pub(super) async fn several_macs_are_one_try(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    let (order, code) = slot.signed_put_order(1, 1, &[9]);
    slot.codes.put(&order).await.unwrap();
    let wrong = slot.verified_redeem_order(&code, &[1, 2, 3, 4, 5, 6, 7, 8]);
    for _ in 0..TRIES {
        assert_eq!(slot.codes.redeem(&wrong).await.unwrap(), Redemption::Wrong);
    }
    assert_eq!(slot.codes.redeem(&wrong).await.unwrap(), Redemption::Exhausted);
}

pub(super) async fn no_mac_matches_nothing(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    let code = slot.put(1, 1).await;
    let mut order = slot.redeem_order(&code);
    order.macs.clear();
    assert_eq!(slot.codes.redeem(&order).await.unwrap(), Redemption::Wrong);
}

pub(super) async fn another_attempts_code_does_not_match(harness: &impl CodesHarness) {
    let codes = harness.open().await;
    let slot = Slot::new(&codes, 1);
    let code = slot.put(1, 1).await;
    for other in [Slot::new(&codes, 2), Slot::of(&codes, "eve@example.org", 1)] {
        assert_eq!(other.redeem(&code).await, Redemption::Missing);
        other.put(2, 2).await;
        assert_eq!(other.redeem(&code).await, Redemption::Wrong);
    }
    assert_eq!(slot.redeem(&code).await, Redemption::Redeemed);
}

pub(super) async fn slots_count_their_own_tries(harness: &impl CodesHarness) {
    let codes = harness.open().await;
    let (one, other) = (Slot::new(&codes, 1), Slot::of(&codes, "eve@example.org", 1));
    let code = one.put(1, 1).await;
    other.put(1, 1).await;
    assert_eq!(other.use_up().await, TRIES);
    assert_eq!(one.redeem(&code).await, Redemption::Redeemed);
    other.put(2, 2).await;
    assert_eq!(one.use_up().await, TRIES - 1, "another slot's refill does not count here");
}

/// A store that converts a slot to text, pads it or folds its case would confuse these.
pub(super) async fn slots_are_told_apart_byte_by_byte(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    let (put, code) = slot.put_order(1, 1);
    let redeem = slot.redeem_order(&code);
    let mut names: Vec<[u8; 32]> =
        [0, b' ', b'\n', b'\r', b'*', b'{', b'}', b':', b'a', b'A', 0x80, 0xff].map(|byte| [byte; 32]).into();
    for ends in [0, b' ', b'\n', 0xff] {
        let mut name = [b'a'; 32];
        name[31] = ends;
        names.push(name);
    }
    for (n, name) in names.iter().map(|name| CodeSlot::from_bytes(*name)).enumerate() {
        let redeem = auth_core::RedeemCode { slot: name, ..redeem.clone() };
        assert_eq!(slot.codes.redeem(&redeem).await.unwrap(), Redemption::Missing, "{n} is another's slot");
        slot.codes.put(&auth_core::PutCode { slot: name, ..put.clone() }).await.unwrap();
        assert_eq!(slot.codes.redeem(&redeem).await.unwrap(), Redemption::Redeemed);
    }
}

pub(super) async fn another_handle_redeems_what_was_stored(harness: &impl CodesHarness) {
    let (one, other) = (Slot::new(&harness.open().await, 1), Slot::new(&harness.open().await, 1));
    let code = one.put(1, 1).await;
    assert_eq!(other.guess(1).await, Redemption::Wrong);
    assert_eq!(one.use_up().await, TRIES - 1, "tries are counted together");
    assert_eq!(other.redeem(&code).await, Redemption::Exhausted);
}
