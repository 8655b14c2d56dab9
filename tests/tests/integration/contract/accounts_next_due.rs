//! Rules of the worker's timer: how long until a mail can be leased.

use std::{sync::Arc, time::Duration};

use auth_core::Settled;
use auth_http::port::Accounts;

use super::{
    harness::AccountsHarness,
    values::{
        LEASE, address, commit, dead, first, lease_one, mail, now, owe, pending, retry, seconds, settle,
    },
};

/// Asserts that the next mail is due in about this time; the clock runs during the test.
async fn assert_due_in(store: &Arc<dyn Accounts>, seconds_left: u64) {
    let due = store.next_due().await.unwrap().expect("a mail waits");
    let range = seconds(seconds_left.saturating_sub(30))..=seconds(seconds_left);
    assert!(range.contains(&due), "{due:?} instead of {seconds_left} s");
}

pub(super) async fn nothing_is_due_of_an_empty_outbox(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    assert_eq!(store.next_due().await.unwrap(), None);
    commit(&store, first(&address(1), pending(&address(1), 1), None)).await;
    assert_eq!(store.next_due().await.unwrap(), None);
}

pub(super) async fn a_late_mail_is_due_now(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    owe(&store, 1, 500).await;
    assert_eq!(store.next_due().await.unwrap(), Some(Duration::ZERO));
}

pub(super) async fn the_first_of_several_counts(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    for (n, later) in [(1, 3000), (2, 1000), (3, 2000)] {
        let due = now(&store).await.after(seconds(later));
        commit(&store, first(&address(n), pending(&address(n), n), Some(mail(n, due)))).await;
    }
    assert_due_in(&store, 1000).await;
    harness.advance(seconds(400)).await;
    assert_due_in(&store, 600).await;
}

pub(super) async fn a_held_mail_is_due_when_its_lease_runs_out(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    owe(&store, 1, 5).await;
    let lease = lease_one(&store).await.lease;
    assert_due_in(&store, LEASE.as_secs()).await;
    assert_eq!(store.renew(&lease, seconds(5000)).await.unwrap(), Settled::Settled);
    assert_due_in(&store, 5000).await;
    assert_eq!(store.release(&lease).await.unwrap(), Settled::Settled);
    assert_due_in(&store, 0).await;
}

pub(super) async fn a_deferred_mail_is_due_after_its_delay(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    owe(&store, 1, 5).await;
    let lease = lease_one(&store).await.lease;
    assert_eq!(settle(&store, lease, retry(4000, 0)).await, Settled::Settled);
    assert_due_in(&store, 4000).await;
}

pub(super) async fn a_dead_letter_is_never_due(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    owe(&store, 1, 5).await;
    let lease = lease_one(&store).await.lease;
    assert_eq!(settle(&store, lease, dead()).await, Settled::Settled);
    assert_eq!(store.next_due().await.unwrap(), None);
}
