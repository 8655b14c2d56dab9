//! Values for the rules of accounts.

use std::{sync::Arc, time::Duration};

use auth_core::{
    AccountId, Address, AddressKey, Attempt, Change, Commit, Detail, Generation, LastMail, Lease, LeasedMail,
    Locale, MailChange, MailId, OwedMail, PasswordRecord, Purpose, Row, SettleMail, Settled, Settlement,
    Status, Time, Version,
};
use auth_http::port::Accounts;

/// The duration of leases in the rules.
pub(super) const LEASE: Duration = Duration::from_secs(60);

/// A time that no test reaches.
pub(super) const FAR: Time = Time::from_micros(9_000_000_000_000_000);

pub(super) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn key(address: &str) -> AddressKey {
    Address::parse(address).unwrap().key().clone()
}

/// Returns the address of the n-th account.
pub(super) fn address(n: u8) -> String {
    format!("User{n}@Example.org")
}

pub(super) fn record(params: &str) -> PasswordRecord {
    let phc = format!("$scrypt${params}$BwcHBwcHBwcHBwcHBwcHBw$CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk");
    PasswordRecord::from_phc(&phc).unwrap()
}

pub(super) fn attempt(given: &str, n: u8) -> Attempt {
    Attempt {
        generation: Generation::from_bytes([n; 16]),
        address: Address::parse(given).unwrap(),
        locale: Locale::parse("fr-CA").unwrap(),
        password: record("ln=17,r=8,p=1"),
    }
}

pub(super) const fn vacant() -> Row {
    Row { status: Status::Vacant, last_mail: None, last_notice: None, expires: None }
}

/// Returns a pending row that does not expire during a test.
pub(super) fn pending(given: &str, n: u8) -> Row {
    let last_mail =
        Some(LastMail { due: Time::from_micros(1_700_000_000_000_001), interval: seconds(60), left: true });
    let expires = Some(Time::from_micros(9_000_000_000_000_000));
    Row { status: Status::Pending(attempt(given, n)), last_mail, last_notice: None, expires }
}

pub(super) fn active(given: &str, n: u8) -> Row {
    let since = Time::from_micros(1_700_000_123_456_789);
    let last_notice = Some(Time::from_micros(1_700_000_200_000_002));
    let (attempt, id) = (attempt(given, n), AccountId::from_bytes([n; 16]));
    let status = Status::Active { attempt, id, since, blocked: false, moving: None };
    Row { status, last_notice, expires: None, ..pending(given, n) }
}

/// Returns the order that makes an address's first row, where no mail waits.
pub(super) fn first(given: &str, row: Row, mail: Option<OwedMail>) -> Change {
    let (waiting, until, mails) = (Vec::new(), FAR, mail.into_iter().map(MailChange::Owe).collect());
    Change { key: key(given), expected: Version(0), generation: None, waiting, until, row, mails }
}

/// Returns the order that replaces a row that was read.
pub(super) fn next(given: &str, read: &(u64, Row), row: Row, mail: Option<OwedMail>) -> Change {
    let generation = match &read.1.status {
        Status::Vacant => None,
        Status::Pending(attempt) | Status::Active { attempt, .. } => Some(attempt.generation),
    };
    Change { expected: Version(read.0), generation, ..first(given, row, mail) }
}

/// Returns the activation mail with this number.
pub(super) fn mail(n: u8, due: Time) -> OwedMail {
    OwedMail {
        id: MailId::from_bytes([n; 16]),
        purpose: Purpose::Activation,
        generation: Generation::from_bytes([n; 16]),
        locale: Locale::parse("fr-CA").unwrap(),
        first_due: due,
        to: None,
    }
}

pub(super) async fn now(store: &Arc<dyn Accounts>) -> Time {
    store.find(&key("clock@example.org")).await.unwrap().now
}

pub(super) async fn found(store: &Arc<dyn Accounts>, given: &str) -> Option<(u64, Row)> {
    let found = store.find(&key(given)).await.unwrap();
    found.row.map(|(Version(version), row)| (version, row))
}

/// Returns the same order with the mails that wait now.
pub(super) async fn with_waiting(store: &Arc<dyn Accounts>, order: Change) -> Change {
    let waiting = store.find(&order.key).await.unwrap().waiting;
    Change { waiting, ..order }
}

pub(super) async fn commit(store: &Arc<dyn Accounts>, order: Change) {
    let order = with_waiting(store, order).await;
    assert_eq!(store.commit(&order.into()).await.unwrap(), Commit::Committed);
}

/// Records that the sending of a leased mail begins.
pub(super) async fn begin(store: &Arc<dyn Accounts>, leased: &LeasedMail, unknowns: u8) -> Commit {
    let given = leased.key.as_str();
    let read = found(store, given).await.unwrap();
    let mails = vec![MailChange::Begin { mail: leased.mail.id, unknowns }];
    let order = Change { mails, ..next(given, &read, read.1.clone(), None) };
    store.commit(&with_waiting(store, order).await.into()).await.unwrap()
}

/// Commits a row in place of the current one.
pub(super) async fn replace(store: &Arc<dyn Accounts>, given: &str, row: Row, mail: Option<OwedMail>) {
    let order = match found(store, given).await {
        Some(read) => next(given, &read, row, mail),
        None => first(given, row, mail),
    };
    commit(store, order).await;
}

/// Commits the n-th account as pending; its mail is due since `ago`.
pub(super) async fn owe(store: &Arc<dyn Accounts>, n: u8, ago: u64) -> OwedMail {
    let due = Time::from_micros(now(store).await.as_micros() - ago * 1_000_000);
    let owed = mail(n, due);
    commit(store, first(&address(n), pending(&address(n), n), Some(owed.clone()))).await;
    owed
}

/// Replaces the n-th account's mail by one with another number, due now.
pub(super) async fn owe_newer(store: &Arc<dyn Accounts>, n: u8, newer: u8) -> OwedMail {
    let (_, row) = found(store, &address(n)).await.unwrap();
    let owed = mail(newer, now(store).await);
    replace(store, &address(n), row, Some(owed.clone())).await;
    owed
}

/// Leases the one mail that is due.
pub(super) async fn lease_one(store: &Arc<dyn Accounts>) -> LeasedMail {
    let mut leased = store.lease(10, LEASE).await.unwrap();
    assert_eq!(leased.len(), 1, "{leased:?}");
    leased.remove(0)
}

pub(super) async fn lease_none(store: &Arc<dyn Accounts>) {
    assert_eq!(store.lease(10, LEASE).await.unwrap(), []);
}

pub(super) async fn settle(store: &Arc<dyn Accounts>, lease: Lease, settlement: Settlement) -> Settled {
    store.settle(&SettleMail { lease, settlement }).await.unwrap()
}

pub(super) fn retry(after: u64, unknowns: u8) -> Settlement {
    Settlement::Retry { after: seconds(after), unknowns, detail: Detail::new("451 try later") }
}

pub(super) fn dead() -> Settlement {
    Settlement::Dead { detail: Detail::new("550 no such user") }
}

/// All ways to end a lease.
pub(super) fn endings() -> [Settlement; 4] {
    [Settlement::Sent, Settlement::Superseded, retry(30, 1), dead()]
}

/// Asserts that a lease is no longer valid and that using it changes nothing.
pub(super) async fn assert_lost(store: &Arc<dyn Accounts>, lease: Lease) {
    let before = state(store).await;
    for settlement in endings() {
        assert_eq!(settle(store, lease, settlement.clone()).await, Settled::Lost, "{settlement:?}");
    }
    assert_eq!(store.renew(&lease, seconds(100_000)).await.unwrap(), Settled::Lost);
    assert_eq!(store.release(&lease).await.unwrap(), Settled::Lost);
    assert_eq!(state(store).await, before);
}

/// Returns an operator's view of the outbox, to compare.
pub(super) async fn state(store: &Arc<dyn Accounts>) -> Vec<String> {
    store.mails().await.unwrap().iter().map(|mail| format!("{mail:?}")).collect()
}
