//! The scripts of Import, and a life of an account that was imported.

use auth_core::{
    AccountId, Answer, Attempt, Commit, CommitAccount, Event, Fault, Found, Generation, Hashing, Import,
    Imported, ImportedFunction, PasswordRecord, Row, Salt, Secret, Status,
};

use crate::{
    derived,
    fixture::{
        DAY, HASH, SEED, VACANT, address, at, attempt, expired, found, locale, nothing_found, pending,
        replaces, rules,
    },
    script::{Script, Step, drawn, finds, step},
    sessions::row,
    world::{World, parse, toy_hash, well},
};

fn record(function: ImportedFunction, numbers: [u32; 3]) -> PasswordRecord {
    let imported = Imported::new(function, numbers, &[5; 16]).expect("the salt has 16 bytes");
    let params = Hashing::Imported(imported);
    PasswordRecord { params, salt: Salt::from_bytes([0; 16]), hash: Secret::new(HASH) }
}

fn bcrypt() -> PasswordRecord {
    record(ImportedFunction::Bcrypt, [10, 0, 0])
}

fn import(verified: bool) -> Import {
    let since = verified.then(|| at(-500_000));
    Import { address: address(), locale: locale("fr"), password: bcrypt(), verified, since }
}

fn drawn_generation() -> Generation {
    derived::uuid(derived::take(&mut derived::stream(SEED, "import")))
}

/// What an import makes of a row.
fn imported(flow: &Import, before: Row) -> Row {
    let generation = drawn_generation();
    let attempt =
        Attempt { generation, address: address(), locale: locale("fr"), password: flow.password.clone() };
    let id = AccountId::from_bytes(*generation.as_bytes());
    if flow.verified {
        let since = flow.since.unwrap_or(at(0)).min(at(0));
        let status = Status::Active { attempt, id, since, blocked: false, moving: None };
        return Row { status, expires: None, ..before };
    }
    Row { status: Status::Pending(attempt), expires: Some(at(0).after(30 * DAY)), ..before }
}

fn imports(flow: &Import, read: &Found, before: Row, answer: Answer<CommitAccount>) -> [Step; 2] {
    [finds(read.clone()), step(replaces(read, imported(flow, before), None), answer)]
}

fn ends(flow: Import, steps: impl IntoIterator<Item = Step>, event: Event) -> Script<Import> {
    let steps = [drawn()].into_iter().chain(steps).collect();
    Script { name: String::new(), rules: rules(), flow, steps, ended: Ok(event) }
}

pub(super) fn taken_in() -> Vec<Script<Import>> {
    let future = Import { since: Some(at(1000)), ..import(true) };
    let unknown = Import { since: None, ..import(true) };
    let free = [import(true), import(false), future, unknown].map(|flow| {
        let steps = imports(&flow, &nothing_found(), VACANT, Ok(Commit::Committed));
        ends(flow, steps, Event::Imported)
    });
    // What is here and is not proven makes room for what is.
    let others = [VACANT, expired(), pending(attempt(3), at(-30), 60)].map(|stored| {
        let counts = if stored == expired() { VACANT } else { stored.clone() };
        let steps = imports(&import(true), &found(4, &stored), counts, Ok(Commit::Committed));
        ends(import(true), steps, Event::Imported)
    });
    free.into_iter().chain(others).collect()
}

/// Every kind of foreign hash, as bytes in every host.
pub(super) fn of_every_function() -> Vec<Script<Import>> {
    let functions = [
        (ImportedFunction::Pbkdf2Sha256, [260_000, 0, 0]),
        (ImportedFunction::Pbkdf2Sha512, [25_000, 0, 0]),
        (ImportedFunction::Scrypt, [15, 8, 1]),
        (ImportedFunction::Argon2i, [19_456, 2, 1]),
        (ImportedFunction::Argon2id, [19_456, 2, 1]),
    ];
    let scripts = functions.map(|(function, numbers)| {
        let flow = Import { password: record(function, numbers), ..import(true) };
        let steps = imports(&flow, &nothing_found(), VACANT, Ok(Commit::Committed));
        ends(flow, steps, Event::Imported)
    });
    scripts.into()
}

pub(super) fn kept() -> [Script<Import>; 3] {
    let pending = pending(attempt(3), at(-30), 60);
    [
        ends(import(true), [finds(found(4, &row()))], Event::AlreadyActive),
        ends(import(false), [finds(found(4, &row()))], Event::AlreadyActive),
        ends(import(false), [finds(found(4, &pending))], Event::NotActivated),
    ]
}

/// Nothing is asked for where the hash could never verify.
pub(super) fn too_costly() -> Script<Import> {
    let password = record(ImportedFunction::Bcrypt, [17, 0, 0]);
    Script { steps: Vec::new(), ..ends(Import { password, ..import(true) }, [], Event::ImportRefused) }
}

pub(super) fn overtaken() -> [Script<Import>; 2] {
    let lost = || imports(&import(true), &nothing_found(), VACANT, Ok(Commit::Conflict)).into_iter();
    let again = imports(&import(true), &found(1, &VACANT), VACANT, Ok(Commit::Committed));
    [
        ends(import(true), lost().chain(again), Event::Imported),
        ends(import(true), lost().chain([finds(found(1, &row()))]), Event::AlreadyActive),
    ]
}

/// The commit's reply was lost: the row shows whether it happened.
pub(super) fn lost() -> [Script<Import>; 2] {
    let flow = import(true);
    let lost = || imports(&flow, &nothing_found(), VACANT, Err(Fault::Unknown)).into_iter();
    let again = imports(&flow, &nothing_found(), VACANT, Ok(Commit::Committed));
    let happened = finds(found(1, &imported(&flow, VACANT)));
    [
        ends(flow.clone(), lost().chain([happened]), Event::Imported),
        ends(flow.clone(), lost().chain(again), Event::Imported),
    ]
}

pub(super) fn contended() -> Script<Import> {
    let round = || imports(&import(true), &nothing_found(), VACANT, Ok(Commit::Conflict));
    let steps = (0..64).flat_map(|_| round()).chain([finds(nothing_found())]);
    ends(import(true), steps, Event::Contended)
}

const ADDRESS: &str = "ada@example.org";
const OWNERS: &str = "password of the owner";

#[test]
fn an_imported_account_logs_in_with_its_password_and_gets_a_hash_of_today() {
    let mut world = World::new(rules());
    let mut password = bcrypt();
    let hash = toy_hash(&crate::world::password(OWNERS), password.salt, password.params);
    password.hash = Secret::new(hash);
    let flow = Import { address: parse(ADDRESS), password, ..import(true) };
    assert_eq!(world.drive(flow, None, well).outcome(), Event::Imported);
    assert!(world.mailbox.is_empty(), "nobody is told");
    assert!(world.enter(ADDRESS, "another password").is_none());
    let is_imported = |world: &World| matches!(world.attempt(ADDRESS).password.params, Hashing::Imported(_));
    assert!(is_imported(&world), "a wrong password replaces nothing");
    assert!(world.enter(ADDRESS, OWNERS).is_some());
    assert_eq!(world.attempt(ADDRESS).password.params, world.rules.policy().hash);
    assert!(world.enter(ADDRESS, OWNERS).is_some());
}

#[test]
fn an_imported_account_that_is_not_proven_authenticates_nothing_until_it_is_activated() {
    let mut world = World::new(rules());
    let mut password = bcrypt();
    let hash = toy_hash(&crate::world::password(OWNERS), password.salt, password.params);
    password.hash = Secret::new(hash);
    let flow = Import { address: parse(ADDRESS), password, ..import(false) };
    assert_eq!(world.drive(flow, None, well).outcome(), Event::Imported);
    assert!(world.enter(ADDRESS, OWNERS).is_none());
    world.resend(ADDRESS);
    world.deliver();
    let code = world.last_code();
    world.activate(ADDRESS, OWNERS, &code).outcome();
    assert!(world.enter(ADDRESS, OWNERS).is_some());
}
