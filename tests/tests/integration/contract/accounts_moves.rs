//! Rules of commits over more than one row: accounts that move from one address to another, and what leaves with them.

use std::{sync::Arc, time::Duration};

use auth_core::{
    AccountId, Address, Change, Commit, CommitAccount, Generation, MailChange, Moving, OwedMail, Purpose,
    Row, SessionHash, Status, Time,
};
use auth_http::port::Accounts;
use tokio::task::JoinSet;

use super::{
    accounts_sessions::{open, open_alone, session},
    harness::AccountsHarness,
    values::{LEASE, active, address, commit, first, found, mail, next, now, pending, replace, vacant},
};

const FROM: &str = "ada@example.org";
const TO: &str = "ada@new.example";

/// Returns an active row with everything that one can have.
fn whole(given: &str, n: u8) -> Row {
    let mut row = active(given, n);
    if let Status::Active { blocked, moving, .. } = &mut row.status {
        *blocked = true;
        *moving = Some(Moving {
            address: Address::parse("Ada@B\u{fc}cher.example").unwrap(),
            generation: Generation::from_bytes([0xfe; 16]),
            until: Time::from_micros(1_700_000_300_000_003),
        });
    }
    row
}

/// Returns the order that moves an account as it stands from one address to another.
async fn moves(store: &Arc<dyn Accounts>, from: &str, to: &str, n: u8) -> CommitAccount {
    let (left, arrives) = (found(store, from).await.unwrap(), found(store, to).await);
    let arrives = match arrives {
        Some(read) => next(to, &read, active(to, n), None),
        None => first(to, active(to, n), None),
    };
    CommitAccount { changes: vec![next(from, &left, vacant(), None), arrives], end: None }
}

pub(super) async fn an_account_is_found_by_its_id_wherever_it_moves(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    commit(&store, first(FROM, active(FROM, 1), None)).await;
    let token = open_alone(&store, session(1, 1, now(&store).await)).await;
    replace(&store, FROM, whole(FROM, 1), None).await;
    let (key, row) = store.find_session(&token).await.unwrap().account.unwrap();
    assert_eq!((key.as_str(), row), (FROM, whole(FROM, 1)));
    let order = moves(&store, FROM, TO, 1).await;
    assert_eq!(store.commit(&order).await.unwrap(), Commit::Committed);
    let (key, row) = store.find_session(&token).await.unwrap().account.unwrap();
    assert_eq!((key.as_str(), row), (TO, active(TO, 1)));
    assert_eq!(found(&store, FROM).await.unwrap(), (3, vacant()));
    // And back, where a row is there already.
    let order = moves(&store, TO, FROM, 1).await;
    assert_eq!(store.commit(&order).await.unwrap(), Commit::Committed);
    let (key, _) = store.find_session(&token).await.unwrap().account.unwrap();
    assert_eq!(key.as_str(), FROM);
}

pub(super) async fn two_rows_change_together_or_not_at_all(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    commit(&store, first(FROM, active(FROM, 1), None)).await;
    let right = moves(&store, FROM, TO, 1).await;
    for stale in 0..2 {
        let mut order = right.clone();
        order.changes[stale].expected.0 += 7;
        assert_eq!(store.commit(&order).await.unwrap(), Commit::Conflict);
        let mut order = right.clone();
        order.changes[stale].until = Time::from_micros(1);
        assert_eq!(store.commit(&order).await.unwrap(), Commit::Conflict);
    }
    assert_eq!(found(&store, FROM).await.unwrap(), (1, active(FROM, 1)));
    assert_eq!(found(&store, TO).await, None);
}

pub(super) async fn two_accounts_that_move_to_one_address_do_not_both_arrive(harness: &impl AccountsHarness) {
    let (store, other) = (harness.open().await, harness.open().await);
    for n in 1..=8 {
        commit(&store, first(&address(n), active(&address(n), n), None)).await;
    }
    let mut orders = Vec::new();
    for n in 1..=8 {
        orders.push((n, moves(&store, &address(n), TO, n).await));
    }
    let mut tasks = JoinSet::new();
    for (n, order) in orders {
        let node = Arc::clone(if n % 2 == 0 { &store } else { &other });
        tasks.spawn(async move { (n, node.commit(&order).await.unwrap()) });
    }
    let done = tasks.join_all().await;
    let arrived: Vec<u8> =
        done.iter().filter(|(_, commit)| *commit == Commit::Committed).map(|(n, _)| *n).collect();
    let [winner] = arrived[..] else { panic!("{done:?}") };
    for n in 1..=8 {
        let row = found(&store, &address(n)).await.unwrap().1;
        assert_eq!(row, if n == winner { vacant() } else { active(&address(n), n) });
    }
    assert_eq!(found(&store, TO).await.unwrap().1, active(TO, winner));
}

/// Returns a notice with this number; a notice and an activation mail wait beside each other.
fn notice(n: u8, due: Time) -> OwedMail {
    OwedMail { purpose: Purpose::Notice, ..mail(n, due) }
}

pub(super) async fn a_commit_owes_two_mails_at_once(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let due = now(&store).await;
    let owed = [mail(1, due), notice(2, due)];
    let mails = owed.iter().cloned().map(MailChange::Owe).collect();
    commit(&store, Change { mails, ..first(FROM, pending(FROM, 1), None) }).await;
    let mut leased: Vec<OwedMail> =
        store.lease(10, LEASE).await.unwrap().into_iter().map(|leased| leased.mail).collect();
    leased.sort_by_key(|mail| mail.id);
    assert_eq!(leased, owed);
}

pub(super) async fn a_mail_that_names_its_recipient_keeps_it(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let to = Address::parse("Old@B\u{fc}cher.example").unwrap();
    let owed = OwedMail { to: Some(to.clone()), ..mail(1, now(&store).await) };
    commit(&store, first(FROM, active(FROM, 1), Some(owed.clone()))).await;
    let listed = store.mails().await.unwrap();
    assert_eq!(listed[0].to.as_ref(), Some(&to), "it is listed with its own recipient");
    let leased = store.lease(10, LEASE).await.unwrap();
    assert_eq!(leased[0].mail, owed);
    let plain = mail(2, now(&store).await);
    let read = found(&store, FROM).await.unwrap();
    commit(&store, next(FROM, &read, read.1.clone(), Some(plain.clone()))).await;
    let leased = store.lease(10, LEASE).await.unwrap();
    assert_eq!(leased[0].mail, plain, "the one in its place has none");
}

pub(super) async fn a_mail_to_a_new_address_is_listed_with_it(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let owed = OwedMail { purpose: Purpose::AddressChange, ..mail(1, now(&store).await) };
    commit(&store, first(FROM, whole(FROM, 1), Some(owed))).await;
    let listed = store.mails().await.unwrap();
    assert_eq!(listed[0].to, Some(Address::parse("Ada@B\u{fc}cher.example").unwrap()));
}

/// Returns what is stored of each of these tokens: whether a session is there.
async fn open_sessions(store: &Arc<dyn Accounts>, tokens: &[SessionHash]) -> Vec<bool> {
    let mut open = Vec::new();
    for token in tokens {
        open.push(store.find_session(token).await.unwrap().session.is_some());
    }
    open
}

pub(super) async fn a_commit_that_ends_sessions_ends_those_of_its_account(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    commit(&store, first(FROM, active(FROM, 1), None)).await;
    let at = now(&store).await;
    let tokens = [
        open_alone(&store, session(1, 1, at)).await,
        open_alone(&store, session(2, 1, at.after(Duration::from_secs(1)))).await,
        open(&store, session(3, 2, at)).await,
    ];
    let read = found(&store, FROM).await.unwrap();
    let changes = vec![next(FROM, &read, active(FROM, 1), None)];
    let order = CommitAccount { changes, end: Some(AccountId::from_bytes([1; 16])) };
    assert_eq!(store.commit(&order).await.unwrap(), Commit::Committed);
    assert_eq!(open_sessions(&store, &tokens).await, [false, false, true]);
}

pub(super) async fn a_conflict_ends_no_session(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    commit(&store, first(FROM, active(FROM, 1), None)).await;
    let token = open_alone(&store, session(1, 1, now(&store).await)).await;
    let changes = vec![first(FROM, active(FROM, 1), None)];
    let order = CommitAccount { changes, end: Some(AccountId::from_bytes([1; 16])) };
    assert_eq!(store.commit(&order).await.unwrap(), Commit::Conflict);
    assert_eq!(open_sessions(&store, &[token]).await, [true]);
}
