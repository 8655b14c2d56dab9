//! The contract of a store, tested on a file of its own.

use auth_core::{
    AccountId, Address, Attempt, Change, FindSession, Generation, Hashing, LastMail, Locale, OwedMail,
    PasswordRecord, Purpose, PutSession, Salt, Secret, Session, SessionChange, SessionHash, SessionId,
    SessionStored, UserAgent,
};
use tempfile::TempDir;

use super::*;

const FAR: Duration = Duration::from_secs(86_400);

async fn open() -> (TempDir, Users) {
    let folder = TempDir::new().unwrap();
    let users = Users::open(folder.path().join("club.db").to_str().unwrap()).await.unwrap();
    (folder, users)
}

fn key() -> AddressKey {
    Address::parse("Ada@example.org").unwrap().key().clone()
}

fn attempt(generation: u8) -> Attempt {
    Attempt {
        generation: Generation::from_bytes([generation; 16]),
        address: Address::parse("Ada@example.org").unwrap(),
        locale: Locale::parse("en").unwrap(),
        password: PasswordRecord {
            params: Hashing::DEFAULT,
            salt: Salt::from_bytes([1; 16]),
            hash: Secret::new([2; 32]),
        },
    }
}

fn active(generation: u8, since: Time) -> Status {
    let (attempt, id) = (attempt(generation), AccountId::from_bytes([3; 16]));
    Status::Active { attempt, id, since, blocked: false, moving: None }
}

fn row(status: Status, expires: Option<Time>) -> Row {
    let last_mail = Some(LastMail { due: now(), interval: Duration::from_secs(60), left: false });
    Row { status, last_mail, last_notice: None, expires }
}

fn mail(id: u8, generation: u8) -> OwedMail {
    let (id, generation) = (MailId::from_bytes([id; 16]), Generation::from_bytes([generation; 16]));
    OwedMail {
        id,
        purpose: Purpose::Activation,
        generation,
        locale: Locale::parse("en").unwrap(),
        first_due: now(),
        to: None,
    }
}

/// Replaces a row, given by version and generation.
async fn put(
    users: &Users,
    expected: u64,
    generation: Option<u8>,
    row: Row,
    mail: Option<OwedMail>,
) -> Commit {
    let generation = generation.map(|byte| Generation::from_bytes([byte; 16]));
    let Found { now, waiting, .. } = users.find(&key()).await.unwrap();
    let (until, mails) = (now.after(FAR), mail.map(MailChange::Owe).into_iter().collect());
    let change = Change { key: key(), expected: Version(expected), generation, waiting, until, row, mails };
    users.commit(&change.into(), None).await.unwrap()
}

#[tokio::test]
async fn a_row_comes_back_as_it_was() {
    let (_folder, users) = open().await;
    let since = Time::from_micros(1 << 50);
    for (version, status) in [(0, Status::Vacant), (1, Status::Pending(attempt(3))), (2, active(3, since))] {
        let (row, before) = (row(status, Some(now().after(FAR))), if version < 2 { None } else { Some(3) });
        assert_eq!(put(&users, version, before, row.clone(), None).await, Commit::Committed);
        assert_eq!(users.find(&key()).await.unwrap().row, Some((Version(version + 1), row)));
    }
}

#[tokio::test]
async fn a_commit_of_two_rows_or_that_ends_sessions_is_not_done() {
    let (_folder, users) = open().await;
    let (until, row) = (now().after(FAR), row(Status::Vacant, None));
    let (expected, waiting, mails) = (Version(0), Vec::new(), Vec::new());
    let change = Change { key: key(), expected, generation: None, waiting, until, row, mails };
    let two = CommitAccount { changes: vec![change.clone(), change.clone()], end: None };
    let ends = CommitAccount { end: Some(AccountId::from_bytes([3; 16])), ..change.into() };
    for order in [two, ends] {
        assert_eq!(users.commit(&order, None).await, Err(Fault::NotDone));
    }
    assert_eq!(users.find(&key()).await.unwrap().row, None);
}

/// SQLite rolls back such a transaction itself, and sqlx counts it as open.
#[tokio::test]
async fn a_connection_on_a_full_disk_is_not_used_again() {
    let (_folder, users) = open().await;
    let mut connection = users.0.acquire().await.unwrap();
    sqlx::query("PRAGMA max_page_count = 1").execute(&mut *connection).await.unwrap();
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.unwrap();
    sqlx::query("CREATE TABLE filler (x)").execute(&mut *transaction).await.unwrap_err();
    drop(transaction);
    drop(connection);
    let mut all = Vec::new();
    for _ in 0..10 {
        let mut connection = users.0.acquire().await.unwrap();
        connection.begin_with("BEGIN IMMEDIATE").await.unwrap().rollback().await.unwrap();
        all.push(connection);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_for_their_owner_alone() {
    use std::{fs, os::unix::fs::PermissionsExt};
    let (folder, _users) = open().await;
    for file in fs::read_dir(folder.path()).unwrap() {
        assert_eq!(file.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn version_and_generation_must_be_those_that_were_read() {
    let (_folder, users) = open().await;
    let pending = |generation| row(Status::Pending(attempt(generation)), Some(now().after(FAR)));
    assert_eq!(
        put(&users, 1, None, pending(3), Some(mail(1, 3))).await,
        Commit::Conflict,
        "there is no such row"
    );
    assert_eq!(put(&users, 0, None, pending(3), None).await, Commit::Committed);
    assert_eq!(
        put(&users, 0, None, pending(4), Some(mail(1, 4))).await,
        Commit::Conflict,
        "there is a row already"
    );
    assert_eq!(
        put(&users, 1, Some(9), pending(4), Some(mail(1, 4))).await,
        Commit::Conflict,
        "of another attempt"
    );
    assert_eq!(
        put(&users, 2, Some(3), pending(4), Some(mail(1, 4))).await,
        Commit::Conflict,
        "the row has a later version"
    );
    assert!(users.due().await.unwrap().is_empty(), "no mail without its row");
    assert_eq!(put(&users, 1, Some(3), pending(4), Some(mail(1, 4))).await, Commit::Committed);
    assert_eq!(users.find(&key()).await.unwrap().waiting.len(), 1);
}

#[tokio::test]
async fn a_mail_rests_while_it_is_under_way_and_a_newer_one_takes_its_place() {
    let (_folder, users) = open().await;
    let pending = row(Status::Pending(attempt(3)), Some(now().after(FAR)));
    put(&users, 0, None, pending.clone(), Some(mail(1, 3))).await;
    let [held] = <[_; 1]>::try_from(users.due().await.unwrap()).unwrap();
    assert_eq!((held.attempts, held.mail.id), (1, MailId::from_bytes([1; 16])));
    assert!(users.due().await.unwrap().is_empty(), "a leased mail is not leased again");
    put(&users, 1, Some(3), pending, Some(mail(2, 3))).await;
    let sent = SettleMail { lease: held.lease, settlement: Settlement::Sent };
    assert_eq!(users.settle(&sent).await.unwrap(), Settled::Lost);
    let [newer] = <[_; 1]>::try_from(users.due().await.unwrap()).unwrap();
    assert_eq!((newer.attempts, newer.mail.id), (1, MailId::from_bytes([2; 16])));
    let retry =
        Settlement::Retry { after: Duration::ZERO, unknowns: 1, detail: auth_core::Detail::new("later") };
    assert_eq!(
        users.settle(&SettleMail { lease: newer.lease, settlement: retry }).await.unwrap(),
        Settled::Settled
    );
    let [again] = <[_; 1]>::try_from(users.due().await.unwrap()).unwrap();
    assert_eq!(
        (again.attempts, again.unknowns, again.mail.first_due),
        (2, 1, newer.mail.first_due),
        "as the commit left it"
    );
}

#[tokio::test]
async fn what_has_expired_goes_and_members_stay() {
    let (_folder, users) = open().await;
    put(&users, 0, None, row(Status::Pending(attempt(3)), Some(now())), None).await;
    users.purge().await.unwrap();
    assert_eq!(users.find(&key()).await.unwrap().row, None);
    put(&users, 0, None, row(active(3, now()), None), None).await;
    users.purge().await.unwrap();
    assert_eq!(users.members().await.unwrap(), 1);
}

#[tokio::test]
async fn damage_is_reported_and_blocks_nobody() {
    let (_folder, users) = open().await;
    let pending = row(Status::Pending(attempt(3)), Some(now().after(FAR)));
    put(&users, 0, None, pending, Some(mail(1, 3))).await;
    sqlx::raw_sql("UPDATE outbox SET mail = x'00'; UPDATE users SET account = x'00'")
        .execute(&users.0)
        .await
        .unwrap();
    assert!(users.due().await.unwrap().is_empty());
    let dead: Option<String> =
        sqlx::query_scalar("SELECT dead FROM outbox").fetch_one(&users.0).await.unwrap();
    assert_eq!(dead.as_deref(), Some("its row is damaged"));
    assert_eq!(users.find(&key()).await, Err(Fault::NotDone));
    let other = Address::parse("bob@example.org").unwrap();
    assert_eq!(users.find(other.key()).await.unwrap().row, None, "other users are not blocked");
}

#[tokio::test]
async fn a_name_comes_with_a_new_attempt_and_nobody_renames_a_member() {
    let (_folder, users) = open().await;
    let commit = async |row: Row, name: &'static str| {
        let Found { now, row: stored, waiting } = users.find(&key()).await.unwrap();
        let (expected, generation) =
            stored.map_or((Version(0), None), |(version, row)| (version, generation(&row)));
        let until = now.after(FAR);
        let change = Change { key: key(), expected, generation, waiting, until, row, mails: Vec::new() };
        assert_eq!(users.commit(&change.into(), Some(name)).await, Ok(Commit::Committed));
    };
    let pending = |generation| row(Status::Pending(attempt(generation)), Some(now().after(FAR)));
    let active = row(active(4, now()), None);
    commit(row(Status::Vacant, Some(now().after(FAR))), "asked about").await;
    commit(pending(3), "first").await;
    commit(pending(3), "the same attempt again").await;
    commit(pending(4), "second").await;
    commit(active.clone(), "activated").await;
    assert_eq!(users.name(&key()).await.as_deref(), Some("second"));
    commit(active, "a stranger").await;
    assert_eq!(users.name(&key()).await.as_deref(), Some("second"));
}

fn generation(row: &Row) -> Option<Generation> {
    match &row.status {
        Status::Vacant => None,
        Status::Pending(attempt) | Status::Active { attempt, .. } => Some(attempt.generation),
    }
}

// ---- sessions ----

fn hash(n: u8) -> SessionHash {
    SessionHash::from_bytes([n; 32])
}

fn session(n: u8, generation: u8) -> Session {
    let (id, account) = (SessionId::from_bytes([n; 16]), AccountId::from_bytes([3; 16]));
    let created = Time::from_micros(1 << 50).after(Duration::from_secs(n.into()));
    let (expires, agent) = (Time::from_micros(1 << 52), UserAgent::new("test"));
    let generation = Generation::from_bytes([generation; 16]);
    Session { id, account, generation, created, proven: created, seen: created, expires, agent }
}

async fn change(users: &Users, token: u8, change: SessionChange) -> SessionStored {
    users.put_session(&PutSession { token: hash(token), change }).await.unwrap()
}

async fn opens(users: &Users, n: u8, generation: u8, replaces: Option<u8>, newest: u16) -> SessionStored {
    let (session, replaces) = (session(n, generation), replaces.map(hash));
    change(users, n, SessionChange::Open { session, replaces, newest }).await
}

async fn is_there(users: &Users, token: u8) -> bool {
    let found = users.find_session(&FindSession { token: hash(token) }).await.unwrap();
    assert_eq!(found.session.is_some(), found.account.is_some(), "a session has a user");
    found.session.is_some()
}

async fn with_a_member() -> (TempDir, Users) {
    let (folder, users) = open().await;
    let row = row(active(3, Time::from_micros(1 << 50)), None);
    assert_eq!(put(&users, 0, None, row, None).await, Commit::Committed);
    (folder, users)
}

#[tokio::test]
async fn a_session_is_opened_for_a_member_of_its_generation_alone() {
    let (_folder, users) = with_a_member().await;
    assert_eq!(opens(&users, 1, 9, None, 50).await, SessionStored::Gone, "a new password came first");
    assert_eq!(opens(&users, 1, 3, None, 50).await, SessionStored::Done);
    assert_eq!(opens(&users, 1, 3, Some(7), 50).await, SessionStored::Done, "the answer may have been lost");
    let found = users.find_session(&FindSession { token: hash(1) }).await.unwrap();
    assert_eq!(found.session, Some(session(1, 3)));
    assert_eq!(found.account.map(|(key, _)| key), Some(key()));
    assert!(!is_there(&users, 2).await);
}

#[tokio::test]
async fn a_session_that_was_ended_is_not_brought_back() {
    let (_folder, users) = with_a_member().await;
    opens(&users, 1, 3, None, 50).await;
    let seen = session(1, 3).seen.after(Duration::from_secs(60));
    let touch = || SessionChange::Touch { seen, expires: now().after(FAR) };
    assert_eq!(change(&users, 1, touch()).await, SessionStored::Done);
    assert_eq!(change(&users, 1, touch()).await, SessionStored::Gone, "it was used later already");
    assert_eq!(change(&users, 1, SessionChange::End).await, SessionStored::Done);
    assert_eq!(change(&users, 1, touch()).await, SessionStored::Gone);
    assert_eq!(opens(&users, 2, 3, Some(1), 50).await, SessionStored::Gone, "nothing is there to replace");
    assert!(!is_there(&users, 1).await && !is_there(&users, 2).await);
}

#[tokio::test]
async fn the_newest_sessions_stay_and_a_replaced_one_goes() {
    let (_folder, users) = with_a_member().await;
    for n in 1..=3 {
        assert_eq!(opens(&users, n, 3, None, 2).await, SessionStored::Done);
    }
    assert!(!is_there(&users, 1).await && is_there(&users, 2).await && is_there(&users, 3).await);
    assert_eq!(opens(&users, 4, 3, Some(3), 2).await, SessionStored::Done);
    assert!(is_there(&users, 2).await && !is_there(&users, 3).await && is_there(&users, 4).await);
}
