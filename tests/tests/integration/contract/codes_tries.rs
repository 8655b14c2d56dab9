//! Rules of tries: what costs one, and what refills them.

use auth_core::Redemption;

use super::{
    harness::CodesHarness,
    orders::{Slot, TRIES},
};

pub(super) async fn each_wrong_code_costs_a_try(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    let code = slot.put(1, 1).await;
    for n in 0..TRIES - 1 {
        assert_eq!(slot.guess(n).await, Redemption::Wrong);
    }
    assert_eq!(slot.redeem(&code).await, Redemption::Redeemed, "one try was left");
    assert_eq!(slot.guess(0).await, Redemption::Exhausted, "the right code used the last try");
}

pub(super) async fn the_same_wrong_code_costs_a_try_each_time(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    slot.put(1, 1).await;
    for _ in 0..TRIES {
        assert_eq!(slot.guess(7).await, Redemption::Wrong);
    }
    assert_eq!(slot.guess(7).await, Redemption::Exhausted);
}

pub(super) async fn repeating_a_redeemed_code_costs_no_try(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    let code = slot.put(1, 1).await;
    for _ in 0..TRIES * 3 {
        assert_eq!(slot.redeem(&code).await, Redemption::Redeemed);
    }
    assert_eq!(slot.use_up().await, TRIES - 1, "only the first time cost a try");
}

pub(super) async fn each_code_costs_a_try_the_first_time(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    let (one, other) = (slot.put(1, 1).await, slot.put(1, 2).await);
    for code in [&one, &other, &one, &other] {
        assert_eq!(slot.redeem(code).await, Redemption::Redeemed);
    }
    assert_eq!(slot.use_up().await, TRIES - 2);
}

pub(super) async fn the_order_says_how_many_tries(harness: &impl CodesHarness) {
    let codes = harness.open().await;
    for (n, tries) in [(1, 1), (2, 3), (3, 255)] {
        let slot = Slot::new(&codes, n);
        let (mut order, _) = slot.put_order(1, 1);
        order.tries = tries;
        codes.put(&order).await.unwrap();
        assert_eq!(slot.use_up().await, usize::from(tries));
    }
}

pub(super) async fn a_new_mail_refills_the_tries(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    slot.put(1, 1).await;
    assert_eq!(slot.use_up().await, TRIES);
    slot.put(2, 2).await;
    assert_eq!(slot.use_up().await, TRIES);
}

pub(super) async fn refills_do_not_add_up(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    for n in 1..=4 {
        slot.put(n, n).await;
        assert_eq!(slot.guess(1).await, Redemption::Wrong);
    }
    assert_eq!(slot.use_up().await, TRIES - 1);
}

pub(super) async fn a_refill_brings_earlier_codes_back(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    let code = slot.put(1, 1).await;
    slot.use_up().await;
    assert_eq!(slot.redeem(&code).await, Redemption::Exhausted);
    slot.put(2, 2).await;
    assert_eq!(slot.redeem(&code).await, Redemption::Redeemed);
}

/// Threat: a mail server that defers gives an attacker fresh tries with every retry of one mail.
pub(super) async fn further_codes_of_a_mail_refill_nothing(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    slot.put(1, 1).await;
    assert_eq!(slot.guess(1).await, Redemption::Wrong);
    slot.put(1, 2).await;
    assert_eq!(slot.use_up().await, TRIES - 1);
    let code = slot.put(1, 3).await;
    assert_eq!(slot.redeem(&code).await, Redemption::Exhausted);
}

pub(super) async fn the_same_code_again_refills_nothing(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    slot.put(1, 1).await;
    slot.use_up().await;
    let code = slot.put(1, 1).await;
    assert_eq!(slot.redeem(&code).await, Redemption::Exhausted);
}

/// Threat: two mails whose conversations overlap. Each stores its code before it is sent and again
/// once it was accepted: first, second, first again, second again. Each of them refills once.
pub(super) async fn mails_under_way_together_refill_once_each(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    slot.put(1, 1).await;
    slot.put(2, 2).await;
    assert_eq!(slot.use_up().await, TRIES);
    for (mail, draw) in [(1, 1), (2, 2), (1, 1), (2, 2)] {
        let code = slot.put(mail, draw).await;
        assert_eq!(slot.redeem(&code).await, Redemption::Exhausted, "mail {mail} refilled a second time");
    }
}

/// As above, where the first mail's conversation broke off and its retry has another code.
pub(super) async fn a_retry_after_a_newer_mail_refills_nothing(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    slot.put(1, 1).await;
    slot.put(2, 2).await;
    assert_eq!(slot.use_up().await, TRIES);
    let code = slot.put(1, 3).await;
    assert_eq!(slot.redeem(&code).await, Redemption::Exhausted, "mail 1 refilled a second time");
}
