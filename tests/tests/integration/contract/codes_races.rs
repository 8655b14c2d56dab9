//! Rules of concurrent codes: the try is counted before anything is compared.

use std::sync::Arc;

use auth_core::{RedeemCode, Redemption};
use tokio::task::JoinSet;

use super::{
    harness::CodesHarness,
    orders::{Slot, TRIES},
};

/// Sends all of these at once, over two handles; returns the replies in the sequence of the orders.
async fn at_once(harness: &impl CodesHarness, orders: Vec<RedeemCode>) -> Vec<Redemption> {
    let nodes = [harness.open().await, harness.open().await];
    let mut tasks = JoinSet::new();
    for ((n, order), node) in orders.into_iter().enumerate().zip(nodes.iter().cycle()) {
        let node = Arc::clone(node);
        tasks.spawn(async move { (n, node.redeem(&order).await.unwrap()) });
    }
    let mut replies = tasks.join_all().await;
    replies.sort_unstable_by_key(|(n, _)| *n);
    replies.into_iter().map(|(_, reply)| reply).collect()
}

fn count(replies: &[Redemption], reply: &Redemption) -> usize {
    replies.iter().filter(|other| *other == reply).count()
}

/// Threat: CVE-2023-47111, CVE-2024-4629.
pub(super) async fn of_100_wrong_codes_at_once_only_the_tries_are_compared(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    slot.put(1, 1).await;
    let replies = at_once(harness, (0..100).map(|n| slot.guess_order(n)).collect()).await;
    assert_eq!(count(&replies, &Redemption::Wrong), TRIES);
    assert_eq!(count(&replies, &Redemption::Exhausted), 100 - TRIES);
}

pub(super) async fn the_right_code_many_times_at_once_costs_one_try(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    let code = slot.put(1, 1).await;
    let replies = at_once(harness, vec![slot.redeem_order(&code); 50]).await;
    assert_eq!(count(&replies, &Redemption::Redeemed), 50);
    assert_eq!(slot.use_up().await, TRIES - 1);
}

pub(super) async fn right_and_wrong_codes_at_once_share_the_tries(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    let code = slot.put(1, 1).await;
    let orders = (0..60).map(|n| match n % 2 {
        0 => slot.guess_order(n),
        _ => slot.redeem_order(&code),
    });
    let replies = at_once(harness, orders.collect()).await;
    let opened = replies.contains(&Redemption::Redeemed);
    assert_eq!(count(&replies, &Redemption::Wrong), TRIES - usize::from(opened));
    assert_eq!(slot.use_up().await, 0);
    let again = if opened { Redemption::Redeemed } else { Redemption::Exhausted };
    assert_eq!(slot.redeem(&code).await, again);
}

pub(super) async fn one_mail_stored_many_times_at_once_refills_once(harness: &impl CodesHarness) {
    let slot = Slot::new(&harness.open().await, 1);
    slot.put(1, 1).await;
    slot.use_up().await;
    let nodes = [harness.open().await, harness.open().await];
    // Made before: the race is in the store, not in making the orders.
    let (put, guess) = (slot.put_order(2, 2).0, slot.guess_order(1));
    let mut tasks = JoinSet::new();
    for (_, node) in (0..40).zip(nodes.iter().cycle()) {
        let (node, put, guess) = (Arc::clone(node), put.clone(), guess.clone());
        tasks.spawn(async move {
            node.put(&put).await.unwrap();
            node.redeem(&guess).await.unwrap()
        });
    }
    let replies = tasks.join_all().await;
    assert_eq!(count(&replies, &Redemption::Wrong), TRIES);
    assert_eq!(count(&replies, &Redemption::Exhausted), 40 - TRIES);
}
