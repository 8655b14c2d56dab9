//! Rules of an address's mails: they are read together with its row, and a commit compares them.

use std::sync::Arc;

use auth_core::{
    Change, Commit, LeasedMail, OwedMail, Purpose, Settled, Settlement, WaitingMail, WaitingState,
};
use auth_http::port::{Accounts, Which};

use super::{
    harness::AccountsHarness,
    values::{
        LEASE, active, address, begin, commit, dead, endings, first, found, key, lease_one, mail, next, now,
        owe, owe_newer, pending, replace, retry, seconds, settle, state, vacant, with_waiting,
    },
};

async fn waiting(harness: &impl AccountsHarness, n: u8) -> Vec<WaitingMail> {
    harness.open().await.find(&key(&address(n))).await.unwrap().waiting
}

/// Returns an owed mail as it waits while nobody holds it.
fn waits(mail: &OwedMail, state: WaitingState) -> WaitingMail {
    WaitingMail { id: mail.id, purpose: mail.purpose, generation: mail.generation, state }
}

fn free(owed: &OwedMail) -> WaitingMail {
    waits(owed, WaitingState::Free { next: owed.first_due })
}

/// Returns a leased mail as it waits while a worker holds it.
fn held(leased: &LeasedMail) -> WaitingMail {
    let state = WaitingState::Held { token: leased.lease.token };
    waits(&leased.mail, state)
}

pub(super) async fn no_mail_waits_where_none_is_owed(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    assert_eq!(waiting(harness, 1).await, []);
    commit(&store, first(&address(1), pending(&address(1), 1), None)).await;
    owe(&store, 2, 5).await;
    assert_eq!(waiting(harness, 1).await, [], "another address's mail does not count");
}

pub(super) async fn a_mail_waits_before_its_time_and_after(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let later = mail(1, now(&store).await.after(seconds(1000)));
    commit(&store, first(&address(1), pending(&address(1), 1), Some(later.clone()))).await;
    assert_eq!(waiting(harness, 1).await, [free(&later)]);
    harness.advance(seconds(2000)).await;
    assert_eq!(waiting(harness, 1).await, [free(&later)]);
}

pub(super) async fn a_held_mail_waits_until_it_has_left(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    owe(&store, 1, 5).await;
    let leased = lease_one(&store).await;
    assert_eq!(waiting(harness, 1).await, [held(&leased)], "a worker has it");
    store.renew(&leased.lease, LEASE).await.unwrap();
    assert_eq!(waiting(harness, 1).await, [held(&leased)], "and keeps it");
    assert_eq!(begin(&store, &leased, 1).await, Commit::Committed);
    assert_eq!(waiting(harness, 1).await, [held(&leased)], "it is being sent");
    harness.advance(LEASE).await;
    let [WaitingMail { state: WaitingState::Free { next }, .. }] = waiting(harness, 1).await[..] else {
        panic!("its worker is gone")
    };
    assert!(next <= now(&store).await, "it may be taken over at once");
}

pub(super) async fn a_mail_that_is_tried_again_waits_and_no_other_end_does(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    for (n, ending) in (1..).zip(endings()) {
        owe(&store, n, 5).await;
        let lease = lease_one(&store).await.lease;
        assert_eq!(settle(&store, lease, ending.clone()).await, Settled::Settled);
        let waits = matches!(ending, Settlement::Retry { .. });
        assert_eq!(waiting(harness, n).await.len(), usize::from(waits), "{ending:?}");
    }
}

pub(super) async fn a_mail_that_was_given_back_waits(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    owe(&store, 1, 5).await;
    let lease = lease_one(&store).await.lease;
    assert_eq!(store.release(&lease).await.unwrap(), Settled::Settled);
    assert!(matches!(waiting(harness, 1).await[..], [WaitingMail { state: WaitingState::Free { .. }, .. }]));
}

pub(super) async fn a_newer_mail_waits_though_the_older_was_held_or_dead(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    for (n, ending) in [(1, retry(5000, 0)), (3, dead())] {
        owe(&store, n, 5).await;
        let lease = lease_one(&store).await.lease;
        assert_eq!(settle(&store, lease, ending).await, Settled::Settled);
        let newer = owe_newer(&store, n, n + 1).await;
        assert_eq!(waiting(harness, n).await, [free(&newer)]);
        lease_one(&store).await;
    }
}

pub(super) async fn mails_are_told_apart_by_purpose(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let notice = OwedMail { purpose: Purpose::Notice, ..mail(1, now(&store).await) };
    replace(&store, &address(1), active(&address(1), 1), Some(notice.clone())).await;
    assert_eq!(waiting(harness, 1).await, [free(&notice)]);
    let activation = mail(2, now(&store).await);
    replace(&store, &address(1), pending(&address(1), 2), Some(activation.clone())).await;
    assert_eq!(
        waiting(harness, 1).await,
        [free(&activation), free(&notice)],
        "in the order of their numbers"
    );
}

pub(super) async fn a_mail_without_its_row_waits_all_the_same(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let owed = mail(1, now(&store).await.after(seconds(1000)));
    let row = auth_core::Row { expires: Some(now(&store).await), ..pending(&address(1), 1) };
    commit(&store, first(&address(1), row, Some(owed.clone()))).await;
    store.purge(seconds(1000)).await.unwrap();
    assert_eq!(found(&store, &address(1)).await, None);
    assert_eq!(waiting(harness, 1).await, [free(&owed)]);
}

/// Asserts that an earlier order is a conflict now, and changes nothing.
async fn is_stale(store: &Arc<dyn Accounts>, order: &Change, what: &str) {
    let before = (found(store, order.key.as_str()).await, state(store).await);
    assert_eq!(store.commit(&order.clone().into()).await.unwrap(), Commit::Conflict, "{what}");
    assert_eq!((found(store, order.key.as_str()).await, state(store).await), before, "{what}");
}

/// Threat: a mail leaves between a decision about it and its commit: two mails instead of one.
pub(super) async fn a_commit_counts_only_on_the_mails_that_were_read(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    owe(&store, 1, 5).await;
    let decided = async || {
        let read = found(&store, &address(1)).await.unwrap();
        with_waiting(&store, next(&address(1), &read, vacant(), Some(mail(99, now(&store).await)))).await
    };
    let order = decided().await;
    let leased = lease_one(&store).await;
    is_stale(&store, &order, "a worker has it").await;

    let order = decided().await;
    settle(&store, leased.lease, retry(1000, 0)).await;
    is_stale(&store, &order, "it waits for later").await;

    let order = decided().await;
    store.retry(&Which::All).await.unwrap();
    is_stale(&store, &order, "an operator has made it due").await;

    let leased = lease_one(&store).await;
    let order = decided().await;
    assert_eq!(begin(&store, &leased, 1).await, Commit::Committed);
    is_stale(&store, &order, "it may have left").await;

    let order = decided().await;
    settle(&store, leased.lease, Settlement::Sent).await;
    is_stale(&store, &order, "it has left").await;

    let order = decided().await;
    owe_newer(&store, 1, 2).await;
    is_stale(&store, &order, "another one waits").await;

    let leased = lease_one(&store).await;
    let order = decided().await;
    settle(&store, leased.lease, dead()).await;
    is_stale(&store, &order, "it was given up").await;

    // A row as it was read is committed; a lease that was only renewed is the same one.
    owe_newer(&store, 1, 3).await;
    let leased = lease_one(&store).await;
    let order = decided().await;
    store.renew(&leased.lease, LEASE).await.unwrap();
    assert_eq!(store.commit(&order.clone().into()).await.unwrap(), Commit::Committed);
}

pub(super) async fn a_mail_begins_under_its_own_lease_alone(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    owe(&store, 1, 5).await;
    let leased = lease_one(&store).await;
    let read = found(&store, &address(1)).await.unwrap();
    let begins = auth_core::MailChange::Begin { mail: leased.mail.id, unknowns: 1 };
    let order = Change { mails: vec![begins], ..next(&address(1), &read, read.1.clone(), None) };
    let order = with_waiting(&store, order).await;
    harness.advance(LEASE).await;
    is_stale(&store, &order, "its lease has run out").await;
    lease_one(&store).await;
    is_stale(&store, &order, "another worker has it").await;
}

/// Threat: a request is suspended between reading and committing, and commits an expired row.
pub(super) async fn a_decision_that_is_too_old_is_a_conflict(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let until = now(&store).await.after(seconds(1000));
    let order = Change { until, ..first(&address(1), pending(&address(1), 1), None) };
    harness.advance(seconds(1001)).await;
    is_stale(&store, &order, "decided long ago").await;
    let until = now(&store).await.after(seconds(1000));
    let order = Change { until, ..order };
    harness.advance(seconds(900)).await;
    assert_eq!(store.commit(&order.clone().into()).await.unwrap(), Commit::Committed);
}
