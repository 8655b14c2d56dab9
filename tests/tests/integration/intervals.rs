//! The intervals between mails to one address.

use auth_tests::{OTHER, PASSWORD, Server, THIRD, start};
use serde_json::Value;

const ADA: &str = "ada@example.org";

/// Returns the time of a mail in seconds, from its day of the month; no test here lasts a month.
fn at(mail: &Value) -> i64 {
    let text = mail["at"].as_str().unwrap();
    let number = |range: std::ops::Range<usize>| text[range].parse::<i64>().unwrap();
    ((days(number(0..4), number(5..7), number(8..10)) * 24 + number(11..13)) * 60 + number(14..16)) * 60
        + number(17..19)
}

/// Returns the day's number (Howard Hinnant's days_from_civil, for years after 0).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day
}

/// Returns the seconds between the mails to an address, oldest first.
fn intervals(server: &Server, address: &str) -> Vec<i64> {
    let times: Vec<i64> = server.mails_to(address).iter().rev().map(at).collect();
    times.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// Lets time pass in steps, sends a request in each of them, and lets the worker keep up.
fn ask_for(server: &Server, seconds: i64, step: i64, ask: impl Fn(i64)) {
    for n in 0..seconds / step {
        ask(n);
        server.pass(step);
        server.wait_until_nothing_is_due();
    }
}

/// Checks that each interval is the expected one, and longer by at most a step and some real seconds.
fn follow(intervals: &[i64], expected: &[i64], late: i64) {
    assert_eq!(intervals.len(), expected.len(), "{intervals:?}");
    for (interval, expected) in intervals.iter().zip(expected) {
        assert!((*expected..=*expected + late).contains(interval), "{intervals:?} for {expected:?}");
    }
}

#[test]
fn first_mail_leaves_at_once_and_the_second_when_the_interval_allows() {
    let server = start(&[]);
    server.register(ADA, PASSWORD);
    server.wait_for_mails(ADA, 1);
    server.resend(ADA);
    server.pass(50);
    server.wait_until_nothing_is_due();
    assert_eq!(server.mails_to(ADA).len(), 1, "ten seconds too early");
    server.pass(11);
    server.wait_for_mails(ADA, 2);
    follow(&intervals(&server, ADA), &[60], 10);
}

#[test]
fn interval_doubles_up_to_the_longest() {
    let server = start(&[("AUTH_RESEND_AFTER_MAX_SECONDS", "240"), ("AUTH_CODE_LENGTH", "8")]);
    server.register(ADA, PASSWORD);
    server.wait_for_mails(ADA, 1);
    ask_for(&server, 1200, 20, |_| assert_eq!(server.resend(ADA).status, 202));
    // With a request every 20 s, a mail waits while the one before it leaves.
    follow(&intervals(&server, ADA), &[60, 120, 240, 240, 240, 240], 40);
}

#[test]
fn first_interval_is_configured() {
    let server = start(&[
        ("AUTH_RESEND_AFTER_SECONDS", "300"),
        ("AUTH_RESEND_AFTER_MAX_SECONDS", "300"),
        ("AUTH_CODE_LENGTH", "8"),
    ]);
    server.register(ADA, PASSWORD);
    server.wait_for_mails(ADA, 1);
    ask_for(&server, 1300, 50, |_| assert_eq!(server.resend(ADA).status, 202));
    follow(&intervals(&server, ADA), &[300, 300, 300, 300], 100);
}

#[test]
fn asking_again_puts_nothing_off() {
    let server = start(&[]);
    server.register(ADA, PASSWORD);
    server.wait_for_mails(ADA, 1);
    ask_for(&server, 65, 5, |n| {
        let password = if n % 2 == 0 { PASSWORD } else { OTHER };
        server.resend(ADA);
        server.register(ADA, password);
    });
    follow(&intervals(&server, ADA), &[60], 15);
}

#[test]
fn one_mail_waits_however_often_it_is_asked_for() {
    let server = start(&[]);
    server.register(ADA, PASSWORD);
    server.wait_for_mails(ADA, 1);
    for _ in 0..10 {
        server.resend(ADA);
        server.register(ADA, PASSWORD);
    }
    let (_, outbox, _) = server.run(&["mail", "list", "--json"]);
    let outbox: Value = serde_json::from_str(&outbox).unwrap();
    assert_eq!(outbox.as_array().map(Vec::len), Some(1), "{outbox}");
    server.pass(61);
    server.wait_until_nothing_is_due();
    assert_eq!(server.mails_to(ADA).len(), 2, "twenty times asked, one mail");
}

#[test]
fn newer_mail_takes_the_place_of_the_waiting_one() {
    let server = start(&[]);
    for password in [PASSWORD, OTHER, THIRD] {
        server.register(ADA, password);
        server.wait_for_mails(ADA, 1);
    }
    server.pass(61);
    let code = server.wait_for_mails(ADA, 2)[0]["code"].as_str().unwrap().to_owned();
    server.wait_until_nothing_is_due();
    assert_eq!(server.mails_to(ADA).len(), 2, "the one of the second attempt was never sent");
    assert_eq!(server.activate(ADA, THIRD, &code).status, 200, "it is the latest attempt's");
}

#[test]
fn request_within_the_interval_counts_at_once() {
    let server = start(&[]);
    server.register(ADA, PASSWORD);
    let code = server.code(ADA);
    server.register(ADA, OTHER);
    assert_eq!(server.activate(ADA, PASSWORD, &code).status, 401, "before its mail has left");
}

#[test]
fn day_without_a_mail_brings_the_first_interval_back() {
    let server = start(&[]);
    server.register(ADA, PASSWORD);
    server.wait_for_mails(ADA, 1);
    ask_for(&server, 600, 20, |_| assert_eq!(server.resend(ADA).status, 202));
    let before = intervals(&server, ADA);
    assert!(before.last().is_some_and(|interval| *interval >= 240), "{before:?}");
    server.shift_clock(2 * 86_400);
    server.register(ADA, PASSWORD);
    server.wait_for_mails(ADA, before.len() + 2);
    server.resend(ADA);
    server.pass(61);
    server.wait_for_mails(ADA, before.len() + 3);
    follow(&intervals(&server, ADA)[before.len() + 1..], &[60], 10);
}

#[test]
fn resend_for_an_unknown_address_advances_nothing() {
    let server = start(&[]);
    for _ in 0..20 {
        server.resend(ADA);
    }
    server.register(ADA, PASSWORD);
    server.wait_for_mails(ADA, 1);
    server.resend(ADA);
    server.pass(61);
    server.wait_for_mails(ADA, 2);
    follow(&intervals(&server, ADA), &[60], 10);
}

#[test]
fn owner_of_an_active_account_gets_one_notice_a_day() {
    let server = start(&[]);
    server.activated(ADA, PASSWORD);
    let ask = |n: i64| match n % 3 {
        0 => assert_eq!(server.register(ADA, PASSWORD).status, 202),
        1 => assert_eq!(server.register(ADA, OTHER).status, 202),
        _ => assert_eq!(server.resend(ADA).status, 202),
    };
    ask_for(&server, 2 * 86_400, 7200, ask);
    let mails = server.mails_to(ADA);
    let notices: Vec<_> = mails.iter().filter(|mail| mail["code"].is_null()).collect();
    assert_eq!((mails.len(), notices.len()), (3, 2), "{notices:?}");
    assert!(at(notices[0]) - at(notices[1]) >= 86_400);
    assert!(notices[0]["text"].as_str().unwrap().contains("already"), "{notices:?}");
}

#[test]
fn resend_alone_brings_a_notice_too() {
    let server = start(&[]);
    server.activated(ADA, PASSWORD);
    server.resend(ADA);
    assert!(server.wait_for_mails(ADA, 2)[0]["code"].is_null());
}

#[test]
fn bombing_an_address_for_a_day_causes_18_mails_and_its_owner_is_served_within_two_hours() {
    let server = start(&[]);
    let passwords = [PASSWORD, OTHER, THIRD];
    ask_for(&server, 86_400, 600, |n| {
        server.register(ADA, passwords[n as usize % 3]);
        server.resend(ADA);
        server.register(ADA, passwords[(n + 1) as usize % 3]);
    });
    let caused = server.mails_to(ADA).len();
    assert!((16..=18).contains(&caused), "{caused}: {:?}", intervals(&server, ADA));
    let own = "the owner's very own passphrase";
    assert_eq!(server.register(ADA, own).status, 202);
    server.pass(7200);
    let mails = server.wait_for_mails(ADA, caused + 1);
    assert_eq!(server.activate(ADA, own, mails[0]["code"].as_str().unwrap()).status, 200);
}
