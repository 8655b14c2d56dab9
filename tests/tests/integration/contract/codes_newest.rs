//! Rules of how many codes are valid at once.

use auth_core::{Code, LeaseToken, PutCode, RedeemCode, Redemption};

use super::{
    harness::CodesHarness,
    orders::{Slot, TRIES},
    values::seconds,
};

/// Asserts which codes are valid; for each, a mail with its own number refills the tries.
async fn assert_good(slot: &Slot, codes: &[&Code], good: &[usize]) {
    assert!(codes.len() <= TRIES);
    for (n, code) in codes.iter().enumerate() {
        let expected = if good.contains(&n) { Redemption::Redeemed } else { Redemption::Wrong };
        assert_eq!(slot.redeem(code).await, expected, "code {n} of {good:?}");
    }
}

pub(super) async fn the_three_newest_codes_are_good(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    let mut codes = Vec::new();
    for n in 1..=5 {
        codes.push(slot.put(n, n).await);
    }
    assert_good(&slot, &codes.iter().collect::<Vec<_>>(), &[2, 3, 4]).await;
}

pub(super) async fn codes_of_one_mail_count_too(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    let mut codes = Vec::new();
    for draw in 1..=4 {
        codes.push(slot.put(1, draw).await);
    }
    assert_good(&slot, &codes.iter().collect::<Vec<_>>(), &[1, 2, 3]).await;
}

/// A slot keeps one more code than are valid: the newest may be taken back.
pub(super) async fn the_orders_say_how_many_are_kept_and_good(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    let mut codes = Vec::new();
    for n in 1..=4 {
        let (mut order, code) = slot.put_order(n, n);
        order.newest = 1;
        slot.codes.put(&order).await.unwrap();
        codes.push(code);
    }
    let good = RedeemCode { newest: 1, ..slot.redeem_order(&codes[2]) };
    assert_eq!(slot.codes.redeem(&good).await.unwrap(), Redemption::Wrong);
    assert_good(&slot, &codes.iter().collect::<Vec<_>>(), &[2, 3]).await;
}

/// Threat: deferred mails, each of which invalidates a code that has arrived.
pub(super) async fn a_code_taken_back_brings_the_displaced_one_back(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    let mut codes = Vec::new();
    for n in 1..=4 {
        codes.push(slot.put(n, n).await);
    }
    for n in 4..=9 {
        slot.put(n, n).await;
        slot.take_back(n, n).await;
    }
    assert_good(&slot, &codes.iter().collect::<Vec<_>>(), &[0, 1, 2]).await;
}

pub(super) async fn what_is_taken_back_refills_nothing(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    slot.put(1, 1).await;
    slot.use_up().await;
    slot.take_back(2, 2).await;
    assert_eq!(slot.guess(1).await, Redemption::Exhausted);
    slot.take_back(1, 1).await;
    assert_eq!(slot.guess(1).await, Redemption::Missing);
}

/// Threat: a late worker ends a code whose mail another one is sending.
pub(super) async fn an_end_leaves_a_code_that_another_lease_has_put_since(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    let (order, code) = slot.put_order(1, 1);
    slot.codes.put(&order).await.unwrap();
    let again = PutCode { lease: LeaseToken::from_bytes([2; 16]), ..order.clone() };
    slot.codes.put(&again).await.unwrap();
    for lifetime in [seconds(0), seconds(1)] {
        slot.codes.put(&PutCode { ends: true, lifetime, ..order.clone() }).await.unwrap();
    }
    harness.advance(seconds(100)).await;
    assert_eq!(slot.redeem(&code).await, Redemption::Redeemed);
    slot.codes.put(&PutCode { ends: true, lifetime: seconds(0), ..again }).await.unwrap();
    assert_eq!(slot.redeem(&code).await, Redemption::Missing);
}

pub(super) async fn the_same_code_again_pushes_none_out(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    let (a, b, c) = (slot.put(1, 1).await, slot.put(2, 2).await, slot.put(3, 3).await);
    for _ in 0..3 {
        slot.put(3, 3).await;
        slot.put(2, 2).await;
    }
    assert_good(&slot, &[&a, &b, &c], &[0, 1, 2]).await;
}

pub(super) async fn the_same_code_again_does_not_become_newer(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    let (a, b, c) = (slot.put(1, 1).await, slot.put(2, 2).await, slot.put(3, 3).await);
    slot.put(1, 1).await;
    let d = slot.put(4, 4).await;
    assert_good(&slot, &[&a, &b, &c, &d], &[1, 2, 3]).await;
}

pub(super) async fn the_same_code_again_stays_redeemed(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    let code = slot.put(1, 1).await;
    assert_eq!(slot.redeem(&code).await, Redemption::Redeemed);
    slot.put(1, 1).await;
    assert_eq!(slot.use_up().await, TRIES - 1);
    assert_eq!(slot.redeem(&code).await, Redemption::Redeemed, "it was redeemed before");
}

pub(super) async fn a_redeemed_code_is_pushed_out_like_others(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    let code = slot.put(1, 1).await;
    assert_eq!(slot.redeem(&code).await, Redemption::Redeemed);
    for n in 2..=4 {
        slot.put(n, n).await;
    }
    assert_eq!(slot.redeem(&code).await, Redemption::Wrong);
}

pub(super) async fn expired_codes_leave_room(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    let (mut order, first) = slot.put_order(1, 1);
    order.lifetime = seconds(60);
    slot.codes.put(&order).await.unwrap();
    let (b, c) = (slot.put(2, 2).await, slot.put(3, 3).await);
    harness.advance(seconds(60)).await;
    let d = slot.put(4, 4).await;
    assert_good(&slot, &[&first, &b, &c, &d], &[1, 2, 3]).await;
}
