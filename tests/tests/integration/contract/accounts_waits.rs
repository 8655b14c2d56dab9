//! Owns the rules of what is said of a row's activation mail: whether it waits.

use auth_core::{OwedMail, Purpose, Settled, Settlement};

use super::{
    harness::AccountsHarness,
    values::{
        LEASE, active, address, commit, dead, endings, first, key, lease_one, mail, now, owe, owe_newer,
        pending, replace, retry, seconds, settle,
    },
};

async fn waits(harness: &impl AccountsHarness, n: u8) -> bool {
    harness.open().await.find(&key(&address(n))).await.unwrap().mail_waits
}

pub(super) async fn no_mail_waits_where_none_is_owed(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    assert!(!waits(harness, 1).await);
    commit(&store, first(&address(1), pending(&address(1), 1), None)).await;
    owe(&store, 2, 5).await;
    assert!(!waits(harness, 1).await, "another address' mail is none of this one");
}

pub(super) async fn a_mail_waits_before_its_time_and_after(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let later = mail(1, now(&store).await.after(seconds(1000)));
    commit(&store, first(&address(1), pending(&address(1), 1), Some(later))).await;
    assert!(waits(harness, 1).await);
    harness.advance(seconds(2000)).await;
    assert!(waits(harness, 1).await);
}

pub(super) async fn a_held_mail_waits_until_it_has_left(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    owe(&store, 1, 5).await;
    let lease = lease_one(&store).await.lease;
    assert!(waits(harness, 1).await, "a worker has it");
    assert_eq!(settle(&store, lease, Settlement::Begun { unknowns: 1 }).await, Settled::Settled);
    assert!(waits(harness, 1).await, "it is being sent");
    harness.advance(LEASE).await;
    assert!(waits(harness, 1).await, "its worker is gone");
}

pub(super) async fn a_mail_that_is_tried_again_waits_and_no_other_end_does(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    for (n, ending) in (1..).zip(endings()) {
        owe(&store, n, 5).await;
        let lease = lease_one(&store).await.lease;
        assert_eq!(settle(&store, lease, ending.clone()).await, Settled::Settled);
        assert_eq!(waits(harness, n).await, matches!(ending, Settlement::Retry { .. }), "{ending:?}");
    }
}

pub(super) async fn a_mail_that_was_given_back_waits(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    owe(&store, 1, 5).await;
    let lease = lease_one(&store).await.lease;
    assert_eq!(store.release(&lease).await.unwrap(), Settled::Settled);
    assert!(waits(harness, 1).await);
}

pub(super) async fn a_newer_mail_waits_though_the_older_was_held_or_dead(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    for (n, ending) in [(1, retry(5000, 0)), (3, dead())] {
        owe(&store, n, 5).await;
        let lease = lease_one(&store).await.lease;
        assert_eq!(settle(&store, lease, ending).await, Settled::Settled);
        owe_newer(&store, n, n + 1).await;
        assert!(waits(harness, n).await);
        lease_one(&store).await;
    }
}

pub(super) async fn a_notice_is_no_activation_mail(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let notice = OwedMail { purpose: Purpose::Notice, ..mail(1, now(&store).await) };
    replace(&store, &address(1), active(&address(1), 1), Some(notice)).await;
    assert!(!waits(harness, 1).await);
}
