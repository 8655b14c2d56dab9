//! Rules of rows: a committed row is read back unchanged, under its own key only.

use std::{collections::BTreeSet, time::Duration};

use auth_core::{Attempt, Generation, LastMail, Locale, Row, Status, Time};

use super::{
    harness::AccountsHarness,
    values::{
        active, attempt, commit, first, found, key, lease_one, mail, now, owe, pending, record, seconds,
        vacant,
    },
};

/// Addresses whose spelling is not their key, or that could break a store.
const SPELLINGS: [&str; 7] = [
    "O'Neil@Example.ORG",
    "Ada@Bücher.example",
    "ada@点看.example",
    "ada@𠮷野家.example",
    "!#$%&'*+-/=?^_`{|}~@example.org",
    "a'or'1'='1'--@example.org",
    "0@0.a",
];

/// Addresses that a collation, a pattern or padding could confuse.
const ALIKE: [&str; 16] = [
    "ab@example.org",
    "a.b@example.org",
    "a-b@example.org",
    "a_b@example.org",
    "a%b@example.org",
    "a'b@example.org",
    "a`b@example.org",
    "a%@example.org",
    "a_@example.org",
    "a@example.org",
    "a~@example.org",
    "a@xn--exmple-cua.org",
    "a@example.org0x",
    "strasse@example.org",
    "a@xn--strae-oqa.example",
    "a@strasse.example",
];

pub(super) async fn nothing_is_found_of_an_unknown_address(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    assert_eq!(found(&store, "nobody@example.org").await, None);
    store.ping().await.unwrap();
}

pub(super) async fn the_store_tells_its_own_clock(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let before = now(&store).await;
    assert!(before > Time::from_micros(1_577_836_800_000_000), "after the year 2019, in microseconds");
    harness.advance(seconds(1000)).await;
    let passed = now(&store).await.since(before);
    assert!(passed >= seconds(1000) && passed < seconds(2000), "{passed:?}");
}

pub(super) async fn every_status_comes_back_as_it_was_committed(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let vacant_rows = [
        vacant(),
        Row { expires: Some(Time::from_micros(1)), ..vacant() },
        Row { last_notice: Some(Time::from_micros(253_402_300_799_999_999)), ..vacant() },
        Row { last_mail: last_mail(1_700_000_000_000_001, Duration::from_micros(1)), ..vacant() },
    ];
    for (n, row) in vacant_rows.into_iter().enumerate() {
        let given = format!("vacant{n}@example.org");
        commit(&store, first(&given, row.clone(), None)).await;
        assert_eq!(found(&store, &given).await, Some((1, row)));
    }
    for (given, row) in [
        ("pending@example.org", pending("pending@example.org", 1)),
        ("active@example.org", active("active@example.org", 2)),
        ("bare@example.org", Row { last_mail: None, expires: None, ..pending("bare@example.org", 3) }),
    ] {
        commit(&store, first(given, row.clone(), None)).await;
        assert_eq!(found(&store, given).await, Some((1, row)));
    }
}

pub(super) async fn every_spelling_of_an_address_comes_back(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let longest = format!("{}@{}.{}.example", "L".repeat(64), "d".repeat(63), "E".repeat(63));
    for given in SPELLINGS.into_iter().chain([longest.as_str()]) {
        let row = pending(given, 1);
        commit(&store, first(given, row.clone(), None)).await;
        let (_, stored) = found(&store, given).await.unwrap();
        assert_eq!(stored, row);
        let Status::Pending(Attempt { address, .. }) = stored.status else { panic!("{stored:?}") };
        assert_eq!(address.given(), given, "the spelling is kept for display");
        assert_eq!(address.key(), &key(given));
    }
}

pub(super) async fn every_value_of_an_attempt_comes_back(harness: &impl AccountsHarness) {
    let mut hostile = [b' '; 16];
    hostile[0] = 0;
    for (n, generation) in [[0; 16], [0xff; 16], [b' '; 16], [b'\''; 16], hostile].into_iter().enumerate() {
        let given = format!("generation{n}@example.org");
        let attempt = Attempt { generation: Generation::from_bytes(generation), ..attempt(&given, 1) };
        comes_back(harness, &given, attempt).await;
    }
    for (n, tag) in ["en", "fr-CA", "zh-Hant-TW", &"x".repeat(35)].into_iter().enumerate() {
        let given = format!("locale{n}@example.org");
        let attempt = Attempt { locale: Locale::parse(tag).unwrap(), ..attempt(&given, 1) };
        comes_back(harness, &given, attempt).await;
    }
    for (n, params) in ["ln=4,r=8,p=1", "ln=17,r=8,p=1", "ln=255,r=255,p=255"].into_iter().enumerate() {
        let given = format!("hash{n}@example.org");
        comes_back(harness, &given, Attempt { password: record(params), ..attempt(&given, 1) }).await;
    }
}

async fn comes_back(harness: &impl AccountsHarness, given: &str, attempt: Attempt) {
    let row = Row { status: Status::Pending(attempt), ..pending(given, 1) };
    commit(&harness.open().await, first(given, row.clone(), None)).await;
    assert_eq!(found(&harness.open().await, given).await, Some((1, row)));
}

pub(super) async fn keys_are_told_apart_byte_by_byte(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    assert_eq!(BTreeSet::from(ALIKE.map(key)).len(), ALIKE.len(), "the keys themselves differ");
    for (n, given) in (1..).zip(ALIKE) {
        assert_eq!(found(&store, given).await, None, "{given} is another's row");
        commit(&store, first(given, pending(given, n), Some(mail(n, now(&store).await)))).await;
    }
    for (n, given) in (1..).zip(ALIKE) {
        assert_eq!(found(&store, given).await, Some((1, pending(given, n))), "{given}");
    }
    let leased = store.lease(100, seconds(60)).await.unwrap();
    let keys: BTreeSet<_> = leased.into_iter().map(|leased| leased.key).collect();
    assert_eq!(keys, BTreeSet::from(ALIKE.map(key)));
}

pub(super) async fn every_spelling_of_one_address_has_one_row(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    commit(&store, first("Ada@Bücher.Example", vacant(), None)).await;
    for other in ["ada@bücher.example", "ADA@BÜCHER.EXAMPLE", "ada@xn--bcher-kva.example"] {
        assert_eq!(found(&store, other).await, Some((1, vacant())), "{other}");
    }
}

pub(super) async fn an_expired_row_is_still_found(harness: &impl AccountsHarness) {
    let store = harness.open().await;
    let row = Row { expires: Some(now(&store).await.after(seconds(100))), ..pending("ada@example.org", 1) };
    commit(&store, first("ada@example.org", row.clone(), None)).await;
    harness.advance(seconds(1000)).await;
    assert_eq!(found(&store, "ada@example.org").await, Some((1, row)), "the core decides whether it counts");
}

pub(super) async fn another_handle_sees_what_was_committed(harness: &impl AccountsHarness) {
    let (one, other) = (harness.open().await, harness.open().await);
    assert_eq!(found(&other, "user1@example.org").await, None);
    let owed = owe(&one, 1, 5).await;
    assert_eq!(found(&other, "user1@example.org").await, found(&one, "user1@example.org").await);
    assert_eq!(lease_one(&other).await.mail, owed);
}

fn last_mail(due: u64, interval: Duration) -> Option<LastMail> {
    Some(LastMail { due: Time::from_micros(due), interval, left: due.is_multiple_of(2) })
}
