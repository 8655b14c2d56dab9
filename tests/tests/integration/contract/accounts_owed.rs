//! Rules of owed mails: enqueued with their row, one for each address and purpose.

use auth_core::{Commit, MailId, OwedMail, Purpose, Settled};

use super::{
    harness::AccountsHarness,
    values::{
        LEASE, active, address, assert_lost, commit, dead, endings, first, found, key, lease_none, lease_one,
        mail, now, owe, owe_newer, pending, replace, retry, seconds, settle, vacant,
    },
};
use auth_http::port::OutboxState;

pub(super) async fn a_commit_without_a_mail_owes_none(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    for (given, row) in [
        ("a@example.org", vacant()),
        ("b@example.org", pending("b@example.org", 1)),
        ("c@example.org", active("c@example.org", 2)),
    ] {
        commit(&store, first(given, row, None)).await;
    }
    assert!(store.mails().await.unwrap().is_empty());
    lease_none(&store).await;
}

pub(super) async fn a_mail_is_leased_as_it_was_owed(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    for (n, purpose) in (1..).zip(Purpose::ALL) {
        let owed = OwedMail { purpose, ..mail(n, now(&store).await) };
        commit(&store, first(&address(n), pending(&address(n), n), Some(owed.clone()))).await;
        let leased = lease_one(&store).await;
        assert_eq!((leased.mail, leased.key), (owed.clone(), key(&address(n))));
        assert_eq!((leased.attempts, leased.unknowns, leased.lease.mail), (1, 0, owed.id));
    }
}

pub(super) async fn mail_ids_are_bytes(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let mut trailing = [b'a'; 16];
    trailing[15] = b' ';
    let ids = [[0; 16], [0xff; 16], [b' '; 16], [b'a'; 16], [b'A'; 16], trailing].map(MailId::from_bytes);
    for (n, id) in (1..).zip(ids) {
        let owed = OwedMail { id, ..mail(n, now(&store).await) };
        commit(&store, first(&address(n), pending(&address(n), n), Some(owed.clone()))).await;
        assert_eq!(lease_one(&store).await.mail, owed);
    }
    let listed: Vec<MailId> = store.mails().await.unwrap().iter().map(|mail| mail.id).collect();
    assert_eq!(listed, ids);
}

pub(super) async fn a_commit_without_a_mail_leaves_the_waiting_one(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let owed = owe(&store, 1, 5).await;
    replace(&store, &address(1), pending(&address(1), 2), None).await;
    assert_eq!(lease_one(&store).await.mail, owed);
}

pub(super) async fn a_newer_mail_takes_the_place_of_a_waiting_one(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    owe(&store, 1, 5).await;
    let newer = owe_newer(&store, 1, 2).await;
    assert_eq!(store.mails().await.unwrap().len(), 1);
    assert_eq!(lease_one(&store).await.mail, newer);
    lease_none(&store).await;
}

pub(super) async fn a_newer_mail_starts_afresh(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    owe(&store, 1, 5).await;
    for _ in 0..2 {
        let lease = lease_one(&store).await.lease;
        assert_eq!(settle(&store, lease, retry(5000, 2)).await, Settled::Settled);
        harness.advance(seconds(5001)).await;
    }
    let lease = lease_one(&store).await.lease;
    assert_eq!(settle(&store, lease, retry(5000, 2)).await, Settled::Settled);
    let newer = owe_newer(&store, 1, 2).await;
    let [listed] = &store.mails().await.unwrap()[..] else { panic!("one mail waits") };
    assert_eq!((listed.id, listed.attempts, listed.state), (newer.id, 0, OutboxState::Waiting));
    assert_eq!(listed.last_error, None, "it has had no error");
    assert_eq!(listed.next_at, newer.first_due, "due when the commit says, not when a backoff would");
    let leased = lease_one(&store).await;
    assert_eq!((leased.mail, leased.attempts, leased.unknowns), (newer, 1, 0));
}

pub(super) async fn a_newer_mail_may_have_to_wait_for_its_time(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    owe(&store, 1, 5).await;
    lease_one(&store).await;
    let newer = mail(2, now(&store).await.after(seconds(1000)));
    replace(&store, &address(1), pending(&address(1), 1), Some(newer.clone())).await;
    lease_none(&store).await;
    assert_eq!(store.mails().await.unwrap()[0].state, OutboxState::Waiting, "nobody holds it");
    harness.advance(seconds(1000)).await;
    assert_eq!(lease_one(&store).await.mail, newer);
}

pub(super) async fn a_newer_mail_ends_the_lease_of_the_older(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    owe(&store, 1, 5).await;
    let old = lease_one(&store).await.lease;
    let newer = owe_newer(&store, 1, 2).await;
    assert_lost(&store, old).await;
    let leased = lease_one(&store).await;
    assert_eq!((leased.mail.clone(), leased.attempts), (newer, 1));
    assert_lost(&store, old).await;
    assert_eq!(settle(&store, leased.lease, retry(1, 0)).await, Settled::Settled);
}

pub(super) async fn a_newer_mail_takes_the_place_of_a_dead_letter(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    owe(&store, 1, 5).await;
    let lease = lease_one(&store).await.lease;
    assert_eq!(settle(&store, lease, dead()).await, Settled::Settled);
    let newer = owe_newer(&store, 1, 2).await;
    let depth = store.depth().await.unwrap();
    assert_eq!((depth.waiting, depth.dead), (1, 0));
    let leased = lease_one(&store).await;
    assert_eq!((leased.mail, leased.attempts), (newer, 1));
}

pub(super) async fn mails_of_both_purposes_wait_independently(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let activation = owe(&store, 1, 5).await;
    let notice = OwedMail { purpose: Purpose::Notice, ..mail(2, now(&store).await) };
    replace(&store, &address(1), active(&address(1), 1), Some(notice.clone())).await;
    let leased = store.lease(10, LEASE).await.unwrap();
    let mails: Vec<OwedMail> = leased.iter().map(|leased| leased.mail.clone()).collect();
    assert_eq!(mails, [activation, notice.clone()]);
    let newer = OwedMail { purpose: Purpose::Notice, ..mail(3, now(&store).await) };
    replace(&store, &address(1), active(&address(1), 1), Some(newer.clone())).await;
    assert_lost(&store, leased[1].lease).await;
    assert_eq!(settle(&store, leased[0].lease, retry(1000, 0)).await, Settled::Settled);
    assert_eq!(lease_one(&store).await.mail, newer);
}

pub(super) async fn mails_of_other_addresses_stay(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let (first, _) = (owe(&store, 1, 9).await, owe(&store, 2, 8).await);
    let other = lease_one_of(harness, 1).await;
    owe_newer(&store, 2, 3).await;
    assert_eq!(other.mail, first);
    for (n, settlement) in (4..).zip(endings()) {
        // Each ends a lease of the first address only.
        let newer = owe_newer(&store, 1, n).await;
        let lease = store.lease(10, LEASE).await.unwrap().into_iter().find(|l| l.mail == newer).unwrap();
        assert_eq!(settle(&store, lease.lease, settlement).await, Settled::Settled);
        let listed = store.mails().await.unwrap();
        assert!(
            listed.iter().any(|mail| mail.key == key(&address(2)) && mail.id == MailId::from_bytes([3; 16]))
        );
    }
}

async fn lease_one_of(harness: &impl AccountsHarness, most: u32) -> auth_core::LeasedMail {
    harness.open().await.lease(most, LEASE).await.unwrap().remove(0)
}

pub(super) async fn a_row_and_its_mail_are_committed_together_or_not_at_all(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let owed = owe(&store, 1, 5).await;
    // The core never uses an id that another address has; the outbox may refuse it.
    let doubled = first(&address(2), pending(&address(2), 2), Some(owed.clone()));
    let committed = matches!(store.commit(&doubled.into()).await, Ok(Commit::Committed));
    assert_eq!(found(&store, &address(2)).await.is_some(), committed, "the row is there without its mail");
    let mails = store.mails().await.unwrap();
    assert_eq!(mails.iter().any(|mail| mail.key == key(&address(2))), committed);
    assert!(mails.iter().any(|mail| mail.key == key(&address(1)) && mail.id == owed.id));
    // The store works as before.
    replace(&store, &address(1), vacant(), None).await;
}
