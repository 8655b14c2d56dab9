//! Rules of expiry: what is deleted automatically, and what never is.

use auth_core::{Row, Settled};
use auth_http::port::OutboxState;

use super::{
    harness::AccountsHarness,
    values::{
        LEASE, active, commit, dead, first, found, lease_one, now, owe, pending, seconds, settle, vacant,
    },
};

pub(super) async fn expired_rows_go_and_pending_ones_are_counted(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let start = now(&store).await;
    let expires = |after| Some(start.after(seconds(after)));
    let rows = [
        ("pending1@example.org", Row { expires: expires(100), ..pending("pending1@example.org", 1) }),
        ("pending2@example.org", Row { expires: expires(1000), ..pending("pending2@example.org", 2) }),
        ("vacant@example.org", Row { expires: expires(1000), ..vacant() }),
        ("later@example.org", Row { expires: expires(90_000), ..pending("later@example.org", 3) }),
        ("later-vacant@example.org", Row { expires: expires(90_000), ..vacant() }),
        ("active@example.org", active("active@example.org", 4)),
        ("endless@example.org", Row { expires: None, ..pending("endless@example.org", 5) }),
    ];
    for (given, row) in &rows {
        commit(&store, first(given, row.clone(), None)).await;
    }
    assert_eq!(store.purge(seconds(1000)).await.unwrap(), 0, "nothing has expired");
    harness.advance(seconds(1000)).await;
    assert_eq!(store.purge(seconds(1000)).await.unwrap(), 2, "the vacant row is no account");
    assert_eq!(store.purge(seconds(1000)).await.unwrap(), 0);
    for (given, row) in rows {
        let kept = row.expires.is_none_or(|expires| expires > start.after(seconds(1000)));
        assert_eq!(found(&store, given).await, kept.then_some((1, row)), "{given}");
    }
}

pub(super) async fn a_purged_address_starts_again(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let row = Row { expires: Some(now(&store).await), ..pending("ada@example.org", 1) };
    commit(&store, first("ada@example.org", row, None)).await;
    assert_eq!(store.purge(seconds(1000)).await.unwrap(), 1);
    commit(&store, first("ada@example.org", pending("ada@example.org", 2), None)).await;
    assert_eq!(found(&store, "ada@example.org").await, Some((1, pending("ada@example.org", 2))));
}

pub(super) async fn dead_letters_go_at_their_age(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    for n in [1, 2] {
        owe(&store, n, 100_000).await;
        let lease = lease_one(&store).await.lease;
        assert_eq!(settle(&store, lease, dead()).await, Settled::Settled);
        harness.advance(seconds(1000)).await;
    }
    // Their age counts from when they were given up, not from when they were due.
    assert_eq!(store.purge(seconds(10_000)).await.unwrap(), 0);
    assert_eq!(store.mails().await.unwrap().len(), 2);
    assert_eq!(store.purge(seconds(1500)).await.unwrap(), 0, "dead letters are no accounts");
    let [left] = &store.mails().await.unwrap()[..] else { panic!("the younger one stays") };
    assert_eq!(left.id.as_bytes(), &[2; 16]);
    harness.advance(seconds(500)).await;
    store.purge(seconds(1500)).await.unwrap();
    assert!(store.mails().await.unwrap().is_empty());
}

pub(super) async fn waiting_and_held_mails_stay_however_old(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    owe(&store, 1, 1_000_000).await;
    owe(&store, 2, 900_000).await;
    assert_eq!(store.lease(1, LEASE).await.unwrap().len(), 1);
    store.purge(seconds(0)).await.unwrap();
    let states: Vec<_> = store.mails().await.unwrap().iter().map(|mail| mail.state).collect();
    assert_eq!(states, [OutboxState::Leased, OutboxState::Waiting]);
}
