//! Rules of the end of leases: sent, superseded, tried again, given up.

use auth_core::{Commit, OwedMail, Purpose, Settled, Settlement, Time};
use auth_http::port::OutboxState;

use super::{
    harness::AccountsHarness,
    values::{
        LEASE, active, address, assert_lost, begin, dead, endings, found, key, lease_none, lease_one, mail,
        now, owe, replace, retry, seconds, settle,
    },
};

pub(super) async fn a_sent_mail_is_forgotten(harness: &impl AccountsHarness) {
    forgotten(harness, Settlement::Sent).await;
}

pub(super) async fn a_superseded_mail_is_forgotten(harness: &impl AccountsHarness) {
    forgotten(harness, Settlement::Superseded).await;
}

async fn forgotten(harness: &impl AccountsHarness, settlement: Settlement) {
    let store = harness.open().await;
    owe(&store, 1, 5).await;
    let row = found(&store, &address(1)).await;
    let lease = lease_one(&store).await.lease;
    assert_eq!(settle(&store, lease, settlement).await, Settled::Settled);
    assert!(store.mails().await.unwrap().is_empty());
    harness.advance(seconds(100_000)).await;
    lease_none(&store).await;
    assert_eq!(found(&store, &address(1)).await, row, "settling a mail leaves the row alone");
}

pub(super) async fn a_deferred_mail_waits_as_long_as_told(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let owed = owe(&store, 1, 5).await;
    let lease = lease_one(&store).await.lease;
    assert_eq!(settle(&store, lease, retry(1000, 0)).await, Settled::Settled);
    lease_none(&store).await;
    harness.advance(seconds(900)).await;
    lease_none(&store).await;
    harness.advance(seconds(100)).await;
    assert_eq!(lease_one(&store).await.mail, owed, "due stays what the commit said");
}

pub(super) async fn attempts_unknowns_and_the_last_error_are_kept(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    owe(&store, 1, 5).await;
    for (attempt, unknowns) in [(1, 0), (2, 1), (3, 2), (4, 255)] {
        let leased = lease_one(&store).await;
        assert_eq!(leased.attempts, attempt);
        assert_eq!(settle(&store, leased.lease, retry(10, unknowns)).await, Settled::Settled);
        let [listed] = &store.mails().await.unwrap()[..] else { panic!("one mail waits") };
        assert_eq!((listed.state, listed.attempts), (OutboxState::Waiting, attempt));
        assert_eq!(listed.last_error.as_deref(), Some("451 try later"));
        harness.advance(seconds(10)).await;
        let leased = lease_one(&store).await;
        assert_eq!((leased.attempts, leased.unknowns), (attempt + 1, unknowns));
        assert_eq!(store.release(&leased.lease).await.unwrap(), Settled::Settled);
    }
}

pub(super) async fn a_mail_may_be_tried_again_at_once(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    owe(&store, 1, 5).await;
    let lease = lease_one(&store).await.lease;
    assert_eq!(settle(&store, lease, retry(0, 0)).await, Settled::Settled);
    assert_eq!(lease_one(&store).await.attempts, 2);
}

pub(super) async fn a_dead_letter_is_kept_and_never_leased(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let owed = owe(&store, 1, 5).await;
    let lease = lease_one(&store).await.lease;
    let before = now(&store).await;
    assert_eq!(settle(&store, lease, dead()).await, Settled::Settled);
    let died = now(&store).await;
    harness.advance(seconds(10_000)).await;
    lease_none(&store).await;
    let [listed] = &store.mails().await.unwrap()[..] else { panic!("one mail is dead") };
    assert_eq!((listed.id, &listed.key, listed.state), (owed.id, &key(&address(1)), OutboxState::Dead));
    assert_eq!(listed.last_error.as_deref(), Some("550 no such user"));
    assert!((before..=died).contains(&listed.next_at), "it says when it died: {:?}", listed.next_at);
}

pub(super) async fn every_settlement_ends_the_lease(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    for (n, settlement) in (1..).zip(endings()) {
        owe(&store, n, 5).await;
        let lease = lease_one(&store).await.lease;
        assert_eq!(settle(&store, lease, settlement).await, Settled::Settled);
        assert_lost(&store, lease).await;
    }
}

pub(super) async fn a_settlement_ends_its_own_mail_alone(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    for n in 1..=5 {
        owe(&store, n, 100 - u64::from(n)).await;
    }
    let leased = store.lease(10, LEASE).await.unwrap();
    for (leased, settlement) in leased.iter().zip(endings()) {
        assert_eq!(settle(&store, leased.lease, settlement).await, Settled::Settled);
    }
    let states: Vec<_> = store.mails().await.unwrap().iter().map(|mail| (mail.id, mail.state)).collect();
    let expected = [OutboxState::Waiting, OutboxState::Dead, OutboxState::Leased];
    assert_eq!(states, leased[2..].iter().map(|l| l.mail.id).zip(expected).collect::<Vec<_>>());
}

pub(super) async fn beginning_a_sending_is_recorded_and_keeps_its_lease(harness: &impl AccountsHarness) {
    let (store, other) = (harness.open().await, harness.open().await);
    owe(&store, 1, 5).await;
    let leased = lease_one(&store).await;
    harness.advance(LEASE - seconds(20)).await;
    assert_eq!(begin(&store, &leased, 1).await, Commit::Committed);
    lease_none(&other).await;
    let [listed] = &store.mails().await.unwrap()[..] else { panic!("one mail is held") };
    assert_eq!((listed.state, listed.attempts, &listed.last_error), (OutboxState::Leased, 1, &None));
    assert_eq!(store.renew(&leased.lease, LEASE).await.unwrap(), Settled::Settled);
    assert_eq!(settle(&store, leased.lease, Settlement::Sent).await, Settled::Settled);
}

pub(super) async fn beginning_prolongs_no_lease(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    owe(&store, 1, 5).await;
    let leased = lease_one(&store).await;
    harness.advance(LEASE - seconds(20)).await;
    assert_eq!(begin(&store, &leased, 1).await, Commit::Committed);
    harness.advance(seconds(20)).await;
    lease_one(&store).await;
}

/// Threat: a worker that repeatedly dies while it sends, and mails forever.
pub(super) async fn a_worker_that_takes_over_a_begun_mail_is_told(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    owe(&store, 1, 5).await;
    for before in 0..3 {
        let leased = lease_one(&store).await;
        assert_eq!((leased.unknowns, leased.attempts), (before, u32::from(before) + 1));
        assert_eq!(begin(&store, &leased, before + 1).await, Commit::Committed);
        harness.advance(LEASE).await;
    }
}

/// The mails of other addresses, and the other mail of this one, stay unchanged.
pub(super) async fn beginning_one_mail_begins_no_other(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    for n in [1, 2] {
        owe(&store, n, 5).await;
    }
    let notice = OwedMail { purpose: Purpose::Notice, ..mail(3, now(&store).await) };
    replace(&store, &address(1), active(&address(1), 1), Some(notice)).await;
    let leased = store.lease(10, LEASE).await.unwrap();
    let begun = leased.iter().find(|leased| leased.mail.id == mail(1, now_zero()).id).unwrap();
    assert_eq!(begin(&store, begun, 1).await, Commit::Committed);
    harness.advance(LEASE).await;
    for again in store.lease(10, LEASE).await.unwrap() {
        assert_eq!(again.unknowns, u8::from(again.mail.id == begun.mail.id), "{again:?}");
    }
}

const fn now_zero() -> Time {
    Time::from_micros(0)
}
