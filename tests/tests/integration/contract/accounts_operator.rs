//! Rules of operators' commands: what they see of the outbox and do to it.

use std::{sync::Arc, time::Duration};

use auth_core::{MailId, Row, Settled, Settlement};
use auth_http::port::{Accounts, OutboxDepth, OutboxState, Which};

use super::{
    harness::AccountsHarness,
    values::{
        LEASE, address, assert_lost, commit, dead, first, key, lease_none, lease_one, mail, now, owe,
        pending, retry, seconds, settle, state,
    },
};

fn ids(numbers: &[u8]) -> Which {
    Which::Ids(numbers.iter().map(|n| MailId::from_bytes([*n; 16])).collect())
}

async fn states(store: &Arc<dyn Accounts>) -> Vec<(MailId, OutboxState)> {
    store.mails().await.unwrap().iter().map(|mail| (mail.id, mail.state)).collect()
}

/// Stores a dead letter (1), a deferred (2), a held (3) and a waiting mail (4), oldest first.
async fn one_of_each(store: &Arc<dyn Accounts>) -> auth_core::LeasedMail {
    for n in 1..=3 {
        owe(store, n, 100 - u64::from(n)).await;
    }
    let mut leased = store.lease(10, LEASE).await.unwrap();
    assert_eq!(settle(store, leased[0].lease, dead()).await, Settled::Settled);
    assert_eq!(settle(store, leased[1].lease, retry(5000, 1)).await, Settled::Settled);
    let later = mail(4, now(store).await.after(seconds(5000)));
    commit(store, first(&address(4), pending(&address(4), 4), Some(later))).await;
    leased.remove(2)
}

pub(super) async fn the_outbox_is_listed_oldest_first_with_its_states(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    one_of_each(&store).await;
    let mails = store.mails().await.unwrap();
    for (n, mail) in (1..).zip(&mails) {
        assert_eq!((mail.id, &mail.key), (MailId::from_bytes([n; 16]), &key(&address(n))));
        assert_eq!(mail.to.as_ref().map(auth_core::Address::given), Some(address(n).as_str()));
    }
    let [first, second, third, fourth] = &mails[..] else { panic!("{mails:?}") };
    let states = [first, second, third, fourth].map(|mail| (mail.state, mail.attempts));
    assert_eq!(
        states,
        [
            (OutboxState::Dead, 1),
            (OutboxState::Waiting, 1),
            (OutboxState::Leased, 1),
            (OutboxState::Waiting, 0)
        ]
    );
    assert_eq!(third.last_error, None);
    let wait = fourth.next_at.since(now(&store).await);
    assert!((seconds(4000)..=seconds(5000)).contains(&wait), "{wait:?}");
}

pub(super) async fn a_mail_whose_lease_ran_out_waits(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    owe(&store, 1, 5).await;
    lease_one(&store).await;
    harness.advance(LEASE).await;
    assert_eq!(states(&store).await[0].1, OutboxState::Waiting);
}

pub(super) async fn a_mail_without_an_account_is_listed_by_its_key(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let row = Row { expires: Some(now(&store).await), ..pending("Gone@Example.org", 1) };
    let later = mail(1, now(&store).await.after(seconds(5000)));
    commit(&store, first("gone@example.org", row, Some(later))).await;
    assert_eq!(store.purge(seconds(1000)).await.unwrap(), 1);
    let [listed] = &store.mails().await.unwrap()[..] else { panic!("the mail is still there") };
    assert_eq!((&listed.to, &listed.key), (&None, &key("gone@example.org")));
}

pub(super) async fn retrying_makes_dead_and_waiting_mails_due_at_once(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    one_of_each(&store).await;
    let before = now(&store).await;
    assert_eq!(store.retry(&ids(&[1, 2, 4])).await.unwrap(), 3);
    let leased = store.lease(10, LEASE).await.unwrap();
    let mut numbers: Vec<u8> = leased.iter().map(|leased| leased.mail.id.as_bytes()[0]).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 4]);
    for leased in leased {
        assert_eq!((leased.attempts, leased.unknowns), (1, 0), "attempts are fresh");
        // A dead letter has reached the give-up time already: its next deferral would end it.
        assert!(leased.mail.first_due >= before, "its time to give up starts afresh");
    }
}

pub(super) async fn retrying_names_mails_or_takes_all(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    for n in 1..=3 {
        owe(&store, n, 100 - u64::from(n)).await;
    }
    for leased in store.lease(10, LEASE).await.unwrap() {
        assert_eq!(settle(&store, leased.lease, dead()).await, Settled::Settled);
    }
    assert_eq!(store.retry(&ids(&[9])).await.unwrap(), 0, "no such mail");
    assert_eq!(store.retry(&ids(&[])).await.unwrap(), 0, "none named");
    lease_none(&store).await;
    assert_eq!(store.retry(&ids(&[2, 9])).await.unwrap(), 1);
    assert_eq!(lease_one(&store).await.mail.id, MailId::from_bytes([2; 16]));
    let held = store.mails().await.unwrap().into_iter().find(|mail| mail.state == OutboxState::Leased);
    assert!(held.is_some());
    assert_eq!(store.drop_mails(&ids(&[2])).await.unwrap(), 1);
    assert_eq!(store.retry(&Which::All).await.unwrap(), 2);
    assert_eq!(store.lease(10, LEASE).await.unwrap().len(), 2);
}

/// Dead and waiting mails only. A held mail is being sent; due again it would be sent twice.
pub(super) async fn retrying_leaves_a_held_mail_to_its_worker(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    owe(&store, 1, 5).await;
    let lease = lease_one(&store).await.lease;
    for which in [Which::All, ids(&[1])] {
        store.retry(&which).await.unwrap();
        lease_none(&store).await;
    }
    assert_eq!(settle(&store, lease, Settlement::Sent).await, Settled::Settled);
}

pub(super) async fn dropping_removes_those_named_or_all(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let held = one_of_each(&store).await;
    let before = state(&store).await;
    assert_eq!(store.drop_mails(&ids(&[])).await.unwrap(), 0);
    assert_eq!(store.drop_mails(&ids(&[9])).await.unwrap(), 0);
    assert_eq!(state(&store).await, before);
    assert_eq!(store.drop_mails(&ids(&[1, 3, 9])).await.unwrap(), 2);
    assert_lost(&store, held.lease).await;
    let left: Vec<u8> = states(&store).await.iter().map(|(id, _)| id.as_bytes()[0]).collect();
    assert_eq!(left, [2, 4]);
    assert_eq!(store.drop_mails(&Which::All).await.unwrap(), 2);
    assert_eq!(store.drop_mails(&Which::All).await.unwrap(), 0);
    harness.advance(seconds(10_000)).await;
    lease_none(&store).await;
}

pub(super) async fn the_depth_counts_waiting_and_dead(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    assert_eq!(store.depth().await.unwrap(), OutboxDepth::default());
    one_of_each(&store).await;
    let depth = store.depth().await.unwrap();
    assert_eq!((depth.waiting, depth.dead), (3, 1), "a held mail has not left");
}

pub(super) async fn the_depth_tells_how_late_the_oldest_is(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let later = mail(1, now(&store).await.after(seconds(1000)));
    commit(&store, first(&address(1), pending(&address(1), 1), Some(later))).await;
    assert_eq!(store.depth().await.unwrap().oldest, Duration::ZERO, "none is late");
    harness.advance(seconds(1500)).await;
    owe(&store, 2, 100).await;
    let oldest = store.depth().await.unwrap().oldest;
    assert!((seconds(500)..seconds(600)).contains(&oldest), "{oldest:?}");
    let lease = store.lease(1, LEASE).await.unwrap().remove(0).lease;
    assert_eq!(settle(&store, lease, dead()).await, Settled::Settled);
    let oldest = store.depth().await.unwrap().oldest;
    assert!((seconds(100)..seconds(200)).contains(&oldest), "dead letters are not late: {oldest:?}");
}
