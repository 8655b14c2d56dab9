//! Rules of compare-and-set: a commit succeeds only if the row is as it was read.

use auth_core::{Change, Commit, Generation, MailChange, Row, Version};

use super::{
    harness::AccountsHarness,
    values::{
        active, commit, first, found, lease_one, mail, next, now, owe, pending, replace, seconds, state,
        vacant, with_waiting,
    },
};

const ADA: &str = "ada@example.org";

pub(super) async fn each_commit_raises_the_version_by_one(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    for version in 1..=5 {
        replace(&store, ADA, pending(ADA, 1), None).await;
        assert_eq!(found(&store, ADA).await.unwrap().0, version);
    }
}

pub(super) async fn a_commit_replaces_the_whole_row(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let rows = [active("Ada@example.org", 1), vacant(), pending("ADA@example.org", 2), vacant()];
    for (version, row) in (1..).zip(rows) {
        replace(&store, ADA, row.clone(), None).await;
        assert_eq!(found(&store, ADA).await, Some((version, row)));
    }
}

pub(super) async fn version_zero_only_inserts(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    for (version, row) in (1..).zip([vacant(), pending(ADA, 1), active(ADA, 2)]) {
        replace(&store, ADA, row.clone(), None).await;
        let insert = with_waiting(&store, first(ADA, pending(ADA, 9), None)).await;
        assert_eq!(store.commit(&insert.clone().into()).await.unwrap(), Commit::Conflict);
        assert_eq!(found(&store, ADA).await, Some((version, row)));
    }
}

/// Asserts that an order is a conflict and changes nothing.
async fn assert_conflict(harness: &impl AccountsHarness, order: Change) {
    let store = harness.open().await;
    let before = (found(&store, order.key.as_str()).await, state(&store).await);
    let order = Change { mails: vec![MailChange::Owe(mail(99, now(&store).await))], ..order };
    let order = with_waiting(&store, order).await;
    assert_eq!(store.commit(&order.clone().into()).await.unwrap(), Commit::Conflict, "{order:?}");
    assert_eq!((found(&store, order.key.as_str()).await, state(&store).await), before);
}

pub(super) async fn a_conflict_changes_neither_row_nor_outbox(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let owed = owe(&store, 1, 5).await;
    let (version, row) = found(&store, "user1@example.org").await.unwrap();
    replace(&store, "user1@example.org", row.clone(), None).await;
    for other in [0, version, version + 2, u64::from(u32::MAX), u64::MAX] {
        assert_conflict(harness, next("user1@example.org", &(other, row.clone()), vacant(), None)).await;
    }
    assert_eq!(lease_one(&store).await.mail, owed);
}

pub(super) async fn a_row_that_is_not_there_has_no_version_to_expect(harness: &impl AccountsHarness) {
    for expected in [1, 2, u64::MAX] {
        for read in [vacant(), pending(ADA, 1)] {
            assert_conflict(harness, next(ADA, &(expected, read), pending(ADA, 2), None)).await;
        }
    }
}

pub(super) async fn the_generation_that_was_read_must_be_the_stored_one(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    for (version, row) in (1..).zip([vacant(), pending(ADA, 1), active(ADA, 1), vacant()]) {
        replace(&store, ADA, row.clone(), None).await;
        let right = next(ADA, &(version, row), pending(ADA, 3), None);
        for other in [
            None,
            Some([0; 16]),
            Some([2; 16]),
            Some(*b"\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01 "),
        ] {
            let generation = other.map(Generation::from_bytes);
            if generation != right.generation {
                assert_conflict(harness, Change { generation, ..right.clone() }).await;
            }
        }
    }
}

/// Versions begin again after a row was deleted; a row read before must not count.
pub(super) async fn what_was_read_of_a_deleted_row_counts_no_more(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let row = Row { expires: Some(now(&store).await), ..pending(ADA, 1) };
    commit(&store, first(ADA, row, None)).await;
    let read = found(&store, ADA).await.unwrap();
    assert_eq!(store.purge(seconds(1000)).await.unwrap(), 1);
    assert_conflict(harness, next(ADA, &read, active(ADA, 1), None)).await;
    commit(&store, first(ADA, pending(ADA, 2), None)).await;
    assert_eq!(found(&store, ADA).await.unwrap().0, read.0, "the version is the same again");
    assert_conflict(harness, next(ADA, &read, active(ADA, 1), None)).await;
}

pub(super) async fn versions_are_large(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    for _ in 0..300 {
        replace(&store, ADA, vacant(), None).await;
    }
    assert_eq!(found(&store, ADA).await, Some((300, vacant())));
    let stale = Change { expected: Version(300 - 256), ..next(ADA, &(300, vacant()), vacant(), None) };
    assert_conflict(harness, stale).await;
}
