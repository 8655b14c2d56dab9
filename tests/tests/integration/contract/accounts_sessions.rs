//! Rules of sessions: what is opened, found, touched and ended.

use std::{sync::Arc, time::Duration};

use auth_core::{
    AccountId, Attempt, Generation, PutSession, Row, Session, SessionChange, SessionHash, SessionId,
    SessionStored, Status, Time, UserAgent,
};
use auth_http::port::Accounts;
use tokio::task::JoinSet;

use super::{
    harness::AccountsHarness,
    values::{active, address, attempt, commit, first, found, key, now, pending, replace, seconds, vacant},
};

const DAY: Duration = Duration::from_secs(86_400);

/// Returns the n-th session, of the account-th account, opened at a time.
pub(super) fn session(n: u8, account: u8, created: Time) -> Session {
    Session {
        id: SessionId::from_bytes([n; 16]),
        account: id(account),
        generation: Generation::from_bytes([account; 16]),
        created,
        proven: created.after(Duration::from_micros(1)),
        seen: created.after(Duration::from_micros(2)),
        expires: created.after(DAY),
        agent: UserAgent::new("Browser/1.0 (a 'quoted' \\ name; \"x\")"),
    }
}

fn id(account: u8) -> AccountId {
    AccountId::from_bytes([account; 16])
}

/// Returns the hash of the n-th token.
fn token(n: u8) -> SessionHash {
    SessionHash::from_bytes([n; 32])
}

fn opens(session: Session, replaces: Option<SessionHash>, newest: u16) -> PutSession {
    let [n, ..] = *session.id.as_bytes();
    PutSession { token: token(n), change: SessionChange::Open { session, replaces, newest } }
}

/// Stores the n-th account, if it is not there.
async fn owner(store: &Arc<dyn Accounts>, n: u8) {
    if found(store, &address(n)).await.is_none() {
        commit(store, first(&address(n), active(&address(n), n), None)).await;
    }
}

/// Opens a session under the token of its number, and its account before it.
pub(super) async fn open(store: &Arc<dyn Accounts>, session: Session) -> SessionHash {
    let [account, ..] = *session.account.as_bytes();
    owner(store, account).await;
    open_alone(store, session).await
}

/// Opens a session of an account that is there.
pub(super) async fn open_alone(store: &Arc<dyn Accounts>, session: Session) -> SessionHash {
    let order = opens(session, None, 50);
    assert_eq!(store.put_session(&order).await.unwrap(), SessionStored::Done);
    order.token
}

async fn stored(store: &Arc<dyn Accounts>, token: &SessionHash) -> Option<Session> {
    store.find_session(token).await.unwrap().session
}

pub(super) async fn nothing_is_found_of_an_unknown_token(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let found = store.find_session(&token(1)).await.unwrap();
    assert_eq!((found.session, found.account), (None, None));
    let later = now(&store).await;
    assert!(found.now <= later && found.now.after(seconds(60)) > later, "the store's own clock");
}

pub(super) async fn a_session_is_found_as_it_was_opened_with_its_account(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let opened = session(1, 1, now(&store).await);
    let token = open(&store, opened.clone()).await;
    // Another handle reads it, too.
    let found = harness.open().await.find_session(&token).await.unwrap();
    let (account, row) = found.account.unwrap();
    assert_eq!((found.session, account, row), (Some(opened), key(&address(1)), active(&address(1), 1)));
}

pub(super) async fn a_session_without_an_account_is_found_alone(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let opened = session(1, 9, now(&store).await);
    let token = open(&store, opened.clone()).await;
    replace(&store, &address(9), vacant(), None).await;
    let found = store.find_session(&token).await.unwrap();
    assert_eq!((found.session, found.account), (Some(opened), None));
}

/// Threat: a login that is decided before a deletion, a block or a new password, and opened after it.
pub(super) async fn a_session_is_opened_for_an_account_of_its_generation_alone(
    harness: &impl AccountsHarness,
) {
    let store = harness.open().await;
    let at = now(&store).await;
    let order = opens(session(1, 1, at), None, 50);
    let renewed = || Attempt { generation: Generation::from_bytes([9; 16]), ..attempt(&address(1), 1) };
    let others: [&dyn Fn(Row) -> Row; 4] = [
        &|_| vacant(),
        &|_| pending(&address(1), 1),
        &|row| changed(row, |attempt, _| *attempt = renewed()),
        &|row| changed(row, |_, blocked| *blocked = true),
    ];
    assert_eq!(store.put_session(&order).await.unwrap(), SessionStored::Gone, "there is no account");
    for (n, other) in others.iter().enumerate() {
        replace(&store, &address(1), other(active(&address(1), 1)), None).await;
        assert_eq!(store.put_session(&order).await.unwrap(), SessionStored::Gone, "{n}");
        assert_eq!(stored(&store, &order.token).await, None, "{n}");
    }
    replace(&store, &address(1), active(&address(1), 1), None).await;
    assert_eq!(store.put_session(&order).await.unwrap(), SessionStored::Done);
}

fn changed(mut row: Row, change: impl FnOnce(&mut Attempt, &mut bool)) -> Row {
    if let Status::Active { attempt, blocked, .. } = &mut row.status {
        change(attempt, blocked);
    }
    row
}

pub(super) async fn tokens_are_told_apart_byte_by_byte(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    // Bytes that collations fold, and blanks at the end.
    for n in [b'a', b'A', b' ', 0, 0xff, 0x80] {
        open(&store, session(n, 1, now(&store).await)).await;
    }
    for n in [b'a', b'A', b' ', 0, 0xff, 0x80] {
        assert_eq!(stored(&store, &token(n)).await.unwrap().id, SessionId::from_bytes([n; 16]));
    }
    for n in [b'b', 0xe4, 1] {
        assert_eq!(stored(&store, &token(n)).await, None);
    }
}

pub(super) async fn opening_again_changes_nothing(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let at = now(&store).await;
    let replaced = open(&store, session(1, 1, at)).await;
    let order = opens(session(2, 1, at), Some(replaced), 50);
    for _ in 0..3 {
        assert_eq!(store.put_session(&order).await.unwrap(), SessionStored::Done);
        assert_eq!(stored(&store, &order.token).await, Some(session(2, 1, at)));
    }
}

pub(super) async fn opening_deletes_what_it_replaces(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let at = now(&store).await;
    let (old, other) = (open(&store, session(1, 1, at)).await, open(&store, session(2, 1, at)).await);
    let order = opens(session(3, 1, at), Some(old), 50);
    assert_eq!(store.put_session(&order).await.unwrap(), SessionStored::Done);
    assert_eq!(stored(&store, &old).await, None);
    assert!(stored(&store, &other).await.is_some());
}

pub(super) async fn what_is_gone_is_not_replaced(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    owner(&store, 1).await;
    let order = opens(session(3, 1, now(&store).await), Some(token(1)), 50);
    assert_eq!(store.put_session(&order).await.unwrap(), SessionStored::Gone);
    assert_eq!(stored(&store, &order.token).await, None);
}

pub(super) async fn of_an_account_the_newest_stay(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let at = now(&store).await;
    let opened = |n: u8, account| session(n, account, at.after(seconds(u64::from(n))));
    owner(&store, 1).await;
    open(&store, opened(100, 2)).await;
    for n in 1..=7 {
        let order = opens(opened(n, 1), None, 3);
        assert_eq!(store.put_session(&order).await.unwrap(), SessionStored::Done);
    }
    let mut left = Vec::new();
    for n in 1..=7 {
        left.push(stored(&store, &token(n)).await.is_some());
    }
    assert_eq!(left, [false, false, false, false, true, true, true]);
    assert!(stored(&store, &token(100)).await.is_some(), "another account's stays");
}

pub(super) async fn a_use_is_recorded_if_it_is_later(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let at = now(&store).await;
    let hash = open(&store, session(1, 1, at)).await;
    let touch = |seen: Time| {
        let change = SessionChange::Touch { seen, expires: seen.after(DAY * 2) };
        PutSession { token: hash, change }
    };
    let later = at.after(seconds(60));
    assert_eq!(store.put_session(&touch(later)).await.unwrap(), SessionStored::Done);
    let touched = Session { seen: later, expires: later.after(DAY * 2), ..session(1, 1, at) };
    assert_eq!(stored(&store, &hash).await, Some(touched.clone()));
    for earlier in [later, at] {
        assert_eq!(store.put_session(&touch(earlier)).await.unwrap(), SessionStored::Gone);
        assert_eq!(stored(&store, &hash).await, Some(touched.clone()));
    }
}

pub(super) async fn what_was_ended_is_neither_touched_nor_ended_again(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let at = now(&store).await;
    let hash = open(&store, session(1, 1, at)).await;
    let end = PutSession { token: hash, change: SessionChange::End };
    assert_eq!(store.put_session(&end).await.unwrap(), SessionStored::Done);
    assert_eq!(store.put_session(&end).await.unwrap(), SessionStored::Gone);
    let change = SessionChange::Touch { seen: at.after(DAY), expires: at.after(DAY * 2) };
    let touched = store.put_session(&PutSession { token: hash, change }).await.unwrap();
    assert_eq!(touched, SessionStored::Gone);
    assert_eq!(stored(&store, &hash).await, None);
}

pub(super) async fn sessions_are_listed_newest_first_and_of_one_account(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let at = now(&store).await;
    let opened = |n: u8, account| session(n, account, at.after(seconds(u64::from(n))));
    for (n, account) in [(2, 1), (3, 1), (1, 1), (4, 2)] {
        open(&store, opened(n, account)).await;
    }
    let (clock, listed) = store.sessions(id(1)).await.unwrap();
    assert_eq!(listed, [opened(3, 1), opened(2, 1), opened(1, 1)]);
    assert!(clock >= at && clock < at.after(seconds(60)));
    let (clock, none) = store.sessions(id(9)).await.unwrap();
    assert!(none.is_empty() && clock >= at, "the clock is told in any case");
}

pub(super) async fn a_session_is_ended_by_its_name_and_its_account(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let hash = open(&store, session(1, 1, now(&store).await)).await;
    assert!(!store.end_session(id(2), SessionId::from_bytes([1; 16])).await.unwrap());
    assert!(!store.end_session(id(1), SessionId::from_bytes([2; 16])).await.unwrap());
    assert!(stored(&store, &hash).await.is_some());
    assert!(store.end_session(id(1), SessionId::from_bytes([1; 16])).await.unwrap());
    assert_eq!(stored(&store, &hash).await, None);
}

pub(super) async fn expired_sessions_are_purged(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let at = now(&store).await;
    let old = Session { expires: at, ..session(1, 1, at) };
    let (old, live) = (open(&store, old).await, open(&store, session(2, 1, at)).await);
    store.purge(DAY).await.unwrap();
    assert_eq!(stored(&store, &old).await, None);
    assert!(stored(&store, &live).await.is_some());
}

pub(super) async fn of_many_sessions_at_once_each_has_its_own_answer(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let at = now(&store).await;
    for n in 1..=60 {
        open(&store, session(n, n, at)).await;
    }
    let mut tasks = JoinSet::new();
    for n in 1..=120 {
        let store = Arc::clone(&store);
        tasks.spawn(async move { (n, stored(&store, &token(n)).await) });
    }
    for (n, found) in tasks.join_all().await {
        assert_eq!(found, (n <= 60).then(|| session(n, n, at)), "{n}");
    }
}

pub(super) async fn of_50_replacements_exactly_one_is_opened(harness: &impl AccountsHarness) {
    let nodes = [harness.open().await, harness.open().await];
    let at = now(&nodes[0]).await;
    let old = open(&nodes[0], session(200, 1, at)).await;
    let mut tasks = JoinSet::new();
    for (n, node) in (1..=50).zip(nodes.iter().cycle()) {
        let (node, order) = (Arc::clone(node), opens(session(n, 1, at), Some(old), 50));
        tasks.spawn(async move { node.put_session(&order).await.unwrap() });
    }
    let opened = tasks.join_all().await.into_iter().filter(|stored| *stored == SessionStored::Done).count();
    assert_eq!(opened, 1);
    assert_eq!(nodes[0].sessions(id(1)).await.unwrap().1.len(), 1);
}
