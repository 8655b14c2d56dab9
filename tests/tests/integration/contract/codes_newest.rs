//! Owns the rules of how many codes are good at once.

use auth_core::{Code, Redemption};

use super::{
    harness::CodesHarness,
    orders::{Slot, TRIES},
    values::seconds,
};

/// Asserts which codes are good; tries are refilled for each by a mail of its own number.
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

pub(super) async fn the_order_says_how_many_are_kept(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    let mut codes = Vec::new();
    for n in 1..=4 {
        let (mut order, code) = slot.put_order(n, n);
        order.newest = 1;
        slot.codes.put(&order).await.unwrap();
        codes.push(code);
    }
    assert_good(&slot, &codes.iter().collect::<Vec<_>>(), &[3]).await;
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

pub(super) async fn the_same_code_again_gets_no_newer(harness: &impl CodesHarness) {
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
