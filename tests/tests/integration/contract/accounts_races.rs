//! Rules of concurrent calls from several nodes.

use std::sync::Arc;

use auth_core::{Commit, Row, Settled, Settlement, Version};
use auth_http::port::Accounts;
use tokio::task::JoinSet;

use super::{
    harness::AccountsHarness,
    values::{
        LEASE, active, address, dead, first, found, key, lease_one, mail, next, now, owe, pending, replace,
        settle, vacant,
    },
};

/// Two handles, as two nodes have them, used alternately.
async fn nodes(harness: &impl AccountsHarness) -> impl Iterator<Item = Arc<dyn Accounts>> {
    [harness.open().await, harness.open().await].into_iter().cycle()
}

pub(super) async fn of_50_inserts_exactly_one_is_committed(harness: &impl AccountsHarness) {
    race_of_50(harness, None).await;
}

pub(super) async fn of_50_updates_exactly_one_is_committed(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    replace(&store, "ada@example.org", vacant(), None).await;
    race_of_50(harness, found(&store, "ada@example.org").await).await;
}

async fn race_of_50(harness: &impl AccountsHarness, read: Option<(u64, Row)>) {
    let store = harness.open().await;
    let due = now(&store).await;
    let mut tasks = JoinSet::new();
    for (n, node) in (1..=50).zip(nodes(harness).await) {
        let (row, mail) = (pending("ada@example.org", n), Some(mail(n, due)));
        let order = match &read {
            Some(read) => next("ada@example.org", read, row, mail),
            None => first("ada@example.org", row, mail),
        };
        tasks.spawn(async move { (n, node.commit(&order.clone().into()).await.unwrap()) });
    }
    let done = tasks.join_all().await;
    let won: Vec<u8> =
        done.iter().filter(|(_, commit)| *commit == Commit::Committed).map(|(n, _)| *n).collect();
    let [winner] = won[..] else { panic!("{won:?} were committed") };
    assert_eq!(
        found(&store, "ada@example.org").await,
        Some((read.map_or(1, |(version, _)| version + 1), pending("ada@example.org", winner)))
    );
    let mails = store.mails().await.unwrap();
    assert_eq!(mails.iter().map(|mail| *mail.id.as_bytes()).collect::<Vec<_>>(), [[winner; 16]]);
}

pub(super) async fn no_update_is_lost(harness: &impl AccountsHarness) {
    let mut tasks = JoinSet::new();
    for (n, node) in (1..=20).zip(nodes(harness).await) {
        tasks.spawn(async move {
            loop {
                let (version, order) = match found(&node, "ada@example.org").await {
                    Some(read) => {
                        (read.0, next("ada@example.org", &read, pending("ada@example.org", n), None))
                    }
                    None => (0, first("ada@example.org", pending("ada@example.org", n), None)),
                };
                if node.commit(&order.clone().into()).await.unwrap() == Commit::Committed {
                    return version + 1;
                }
            }
        });
    }
    let mut versions = tasks.join_all().await;
    versions.sort_unstable();
    assert_eq!(versions, (1..=20).collect::<Vec<u64>>());
}

pub(super) async fn twenty_workers_never_lease_the_same_mail(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    for n in 1..=30 {
        owe(&store, n, 5).await;
    }
    let mut tasks = JoinSet::new();
    for (_, node) in (0..20).zip(nodes(harness).await) {
        tasks.spawn(async move {
            let mut mine = Vec::new();
            loop {
                let leased = node.lease(3, LEASE).await.unwrap();
                assert!(leased.len() <= 3);
                if leased.is_empty() {
                    return mine;
                }
                mine.extend(leased);
            }
        });
    }
    let mut leased: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    assert!(leased.iter().all(|leased| leased.attempts == 1));
    leased.sort_by_key(|leased| leased.mail.id);
    let ids: Vec<_> = leased.iter().map(|leased| leased.mail.id.as_bytes()[0]).collect();
    assert_eq!(ids, (1..=30).collect::<Vec<u8>>());
    for leased in leased {
        assert_eq!(settle(&store, leased.lease, Settlement::Sent).await, Settled::Settled);
    }
}

pub(super) async fn a_lease_is_settled_once(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    owe(&store, 1, 5).await;
    let lease = lease_one(&store).await.lease;
    let mut tasks = JoinSet::new();
    for (_, node) in (0..20).zip(nodes(harness).await) {
        tasks.spawn(async move { settle(&node, lease, dead()).await });
    }
    let done = tasks.join_all().await;
    assert_eq!(done.iter().filter(|settled| **settled == Settled::Settled).count(), 1);
}

/// Two accounts never have one id. What a store refuses fails alone, whatever came at the same time.
pub(super) async fn a_commit_that_is_refused_takes_no_other_along(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    replace(&store, &address(1), active(&address(1), 1), None).await;
    let mut tasks = JoinSet::new();
    for (n, node) in (2..=60).zip(nodes(harness).await) {
        let id_of = if n % 10 == 0 { 1 } else { n };
        let order = first(&address(n), active(&address(n), id_of), None);
        tasks.spawn(async move { (n, node.commit(&order.into()).await.ok()) });
    }
    for (n, commit) in tasks.join_all().await {
        let committed = commit == Some(Commit::Committed);
        assert_eq!(committed, n % 10 != 0, "{n}: {commit:?}");
        assert_eq!(found(&store, &address(n)).await.is_some(), committed, "{n}");
    }
}

/// A store may carry out together what comes together; each order stands for itself all the same.
pub(super) async fn of_many_commits_at_once_each_has_its_own_reply(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let due = now(&store).await;
    // Every third one is new, every third one changes a row, every third one has read a row that is gone since.
    for n in (1..=60).filter(|n| n % 3 != 0) {
        replace(&store, &address(n), vacant(), None).await;
    }
    let mut tasks = JoinSet::new();
    for (n, node) in (1..=60).zip(nodes(harness).await) {
        let (row, owed) = (pending(&address(n), n), Some(mail(n, due)));
        let order = match n % 3 {
            0 => first(&address(n), row, owed),
            1 => next(&address(n), &(1, vacant()), row, owed),
            _ => next(&address(n), &(7, vacant()), row, owed),
        };
        tasks.spawn(async move { (n, node.commit(&order.clone().into()).await.unwrap()) });
    }
    for (n, commit) in tasks.join_all().await {
        let (expected, row, version) = match n % 3 {
            0 => (Commit::Committed, pending(&address(n), n), 1),
            1 => (Commit::Committed, pending(&address(n), n), 2),
            _ => (Commit::Conflict, vacant(), 1),
        };
        assert_eq!(commit, expected, "{n}");
        assert_eq!(found(&store, &address(n)).await, Some((version, row)), "{n}");
    }
    let mut mails: Vec<u8> = store.mails().await.unwrap().iter().map(|mail| mail.id.as_bytes()[0]).collect();
    mails.sort_unstable();
    assert_eq!(mails, (1..=60).filter(|n| n % 3 != 2).collect::<Vec<u8>>());
}

pub(super) async fn of_many_reads_at_once_each_has_its_own_answer(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let due = now(&store).await;
    // Every third one is not there, every third one waits for a mail, every third one has none; one is read by many.
    for n in (1..=60).filter(|n| n % 3 != 0) {
        let owed = (n % 3 == 1).then(|| mail(n, due));
        replace(&store, &address(n), pending(&address(n), n), owed).await;
    }
    let mut tasks = JoinSet::new();
    for (n, node) in (1..=60).chain([58; 40]).zip(nodes(harness).await) {
        tasks.spawn(async move { (n, node.find(&key(&address(n))).await.unwrap()) });
    }
    for (n, found) in tasks.join_all().await {
        let expected = (n % 3 != 0).then(|| (Version(1), pending(&address(n), n)));
        assert_eq!(found.row, expected, "{n}");
        let waiting: Vec<u8> = found.waiting.iter().map(|mail| mail.id.as_bytes()[0]).collect();
        assert_eq!(waiting, if n % 3 == 1 { vec![n] } else { vec![] }, "{n}");
        assert!(found.now >= due, "{n}");
    }
}

pub(super) async fn of_many_mails_that_end_at_once_each_has_its_own_reply(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    for n in 1..=40 {
        owe(&store, n, 5).await;
    }
    let leased = store.lease(40, LEASE).await.unwrap();
    assert_eq!(leased.len(), 40);
    let lost = |n: u8| n.is_multiple_of(4);
    for leased in leased.iter().filter(|leased| lost(leased.lease.mail.as_bytes()[0])) {
        assert_eq!(store.release(&leased.lease).await.unwrap(), Settled::Settled);
    }
    let mut tasks = JoinSet::new();
    for (leased, node) in leased.into_iter().zip(nodes(harness).await) {
        tasks.spawn(async move { (leased.lease, settle(&node, leased.lease, Settlement::Sent).await) });
    }
    for (lease, settled) in tasks.join_all().await {
        let n = lease.mail.as_bytes()[0];
        assert_eq!(settled, if lost(n) { Settled::Lost } else { Settled::Settled }, "{n}");
    }
    let mut left: Vec<u8> = store.mails().await.unwrap().iter().map(|mail| mail.id.as_bytes()[0]).collect();
    left.sort_unstable();
    assert_eq!(left, (1..=40).filter(|n| lost(*n)).collect::<Vec<u8>>());
}
