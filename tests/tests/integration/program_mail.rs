//! The commands `mail list`, `mail retry` and `mail drop`.

use std::{collections::BTreeSet, time::Duration};

use auth_core::{Detail, SettleMail, Settled, Settlement};
use auth_http::{
    adapter::{accounts_sqlite::AccountsSqlite, clock::Clock},
    port::{AccountsDatabase, Outbox},
};
use auth_tests::{PASSWORD, Program, Server, start};
use serde_json::{Value, json};

/// The address as the visitor spelled it.
const ADA: &str = "Ada@Example.org";
/// The address as mails have it.
const TO: &str = "Ada@example.org";
/// A clock that is an hour behind: mails that are due later stay in the outbox, without waiting on the real clock.
const LATER: (&str, &str) = ("AUTH_TEST_CLOCK_SHIFT_SECONDS", "-3600");
/// A setting under which the worker dies before it sends anything.
const STOPS: (&str, &str) = ("AUTH_TEST_STOP", "before:1:SendMail");

/// Returns the outbox as a program reads it.
fn listed(server: &Server, more: &[(&str, &str)]) -> Vec<Value> {
    let (status, out, err) = server.run_with(more, &["mail", "list", "--json"]);
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    serde_json::from_str(&out).unwrap()
}

/// Registers and lets the worker die while it holds the mail.
fn held() -> Server {
    let mut server = start(&[STOPS]);
    // The worker is as fast as the answer, so the test does not wait for the answer.
    let body = json!({ "email": ADA, "password": PASSWORD }).to_string();
    let mut wire = server.wire();
    wire.send(server.head("/v1/register", &format!("Content-Length: {}", body.len())) + body.as_str());
    assert_eq!(server.wait().code(), None, "it was stopped");
    server
}

/// Registers and leaves the mail as a dead letter.
fn dead() -> Server {
    let server = held();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let clock = Clock::default();
        clock.shift(60);
        let url = format!("sqlite://{}", server.folder().join("auth.db").display());
        let store = AccountsSqlite::open(&url, clock).await.unwrap();
        let lease = store.lease(1, Duration::from_secs(1)).await.unwrap().remove(0).lease;
        let settlement = Settlement::Dead { detail: Detail::new("550 5.1.1 no such user") };
        assert_eq!(store.settle(&SettleMail { lease, settlement }).await.unwrap(), Settled::Settled);
        store.close().await;
    });
    server
}

#[test]
fn empty_outbox_is_an_empty_list() {
    let server = start(&[]);
    assert_eq!(listed(&server, &[]), [] as [Value; 0]);
    assert_eq!(server.run(&["mail", "list"]), (0, "the outbox is empty\n".to_owned(), String::new()));
}

#[test]
fn list_for_programs_has_exactly_the_promised_fields() {
    let [mail] = &listed(&dead(), &[])[..] else { panic!("one mail") };
    let fields: BTreeSet<&str> = mail.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, BTreeSet::from(["id", "to", "kind", "state", "attempts", "next_at", "last_error"]));
    assert_eq!(
        (&mail["to"], &mail["kind"], &mail["state"]),
        (&ADA.into(), &"activation".into(), &"dead".into())
    );
    assert_eq!(mail["last_error"], "550 5.1.1 no such user");
    assert_eq!(mail["attempts"], 2);
    let id = mail["id"].as_str().unwrap();
    assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
    let at = mail["next_at"].as_str().unwrap();
    assert!(at.len() >= 20 && at.contains('T') && at.ends_with('Z'), "RFC 3339 in UTC: {at}");
}

#[test]
fn list_for_people_is_a_line_for_each_mail() {
    let server = dead();
    let (status, out, _) = server.run(&["mail", "list"]);
    assert_eq!((status, out.lines().count()), (0, 1), "{out}");
    let id = listed(&server, &[])[0]["id"].as_str().unwrap().to_owned();
    for told in [&id, "dead", "activation", ADA, "550 5.1.1 no such user"] {
        assert!(out.contains(told), "{told} in {out}");
    }
}

#[test]
fn mail_is_leased_while_a_worker_has_it_and_waits_after() {
    let server = held();
    let [mail] = &listed(&server, &[LATER])[..] else { panic!("one mail") };
    assert_eq!(
        (&mail["state"], &mail["attempts"], &mail["last_error"]),
        (&"leased".into(), &1.into(), &Value::Null)
    );
    let after = ("AUTH_TEST_CLOCK_SHIFT_SECONDS", "3600");
    assert_eq!(listed(&server, &[after])[0]["state"], "waiting", "its lease ran out");
}

#[test]
fn mail_within_the_interval_waits_and_dropping_it_works() {
    let server = start(&[]);
    server.register(ADA, PASSWORD);
    server.wait_for_mails(TO, 1);
    server.resend(ADA);
    let [mail] = &listed(&server, &[])[..] else { panic!("one mail") };
    assert_eq!((&mail["state"], &mail["attempts"]), (&"waiting".into(), &0.into()));
    let id = mail["id"].as_str().unwrap();
    let ran = server.run(&["mail", "drop", id]);
    assert_eq!((ran.0, ran.1.as_str()), (0, "1 mails dropped\n"), "{}", ran.2);
    assert_eq!(listed(&server, &[]), [] as [Value; 0]);
}

#[test]
fn retried_dead_letter_is_sent() {
    for all in [true, false] {
        let server = dead();
        let id = listed(&server, &[])[0]["id"].as_str().unwrap().to_owned();
        let ran = server.run(&["mail", "retry", if all { "--all" } else { &id }]);
        assert_eq!((ran.0, ran.1.as_str()), (0, "1 mails due at once\n"), "{}", ran.2);
        let [mail] = &listed(&server, &[])[..] else { panic!("one mail") };
        assert_eq!((&mail["state"], &mail["attempts"]), (&"waiting".into(), &0.into()));
        let server = server.restart(&[("AUTH_TEST_STOP", "before:1000000")]);
        let code = server.code(TO);
        assert_eq!(server.activate(ADA, PASSWORD, &code).status, 200);
        assert_eq!(listed(&server, &[]), [] as [Value; 0]);
    }
}

#[test]
fn running_server_sends_what_was_retried_beside_it() {
    let server = start(&[]);
    server.register(ADA, PASSWORD);
    server.wait_for_mails(TO, 1);
    server.resend(ADA);
    assert_eq!(server.run(&["mail", "retry", "--all"]).0, 0);
    server.wait_for_mails(TO, 2);
}

#[test]
fn an_id_that_is_named_twice_is_one_mail() {
    let server = held();
    let id = listed(&server, &[])[0]["id"].as_str().unwrap().to_owned();
    let (status, out, err) = server.run_with(&[], &["mail", "drop", &id, &id]);
    assert_eq!((status, out.as_str()), (0, "1 mails dropped\n"), "{err}");
}

#[test]
fn dropping_all_leaves_nothing() {
    let server = dead();
    let ran = server.run(&["mail", "drop", "--all"]);
    assert_eq!((ran.0, ran.1.as_str()), (0, "1 mails dropped\n"));
    assert_eq!(server.run(&["mail", "drop", "--all"]).1, "0 mails dropped\n");
}

#[test]
fn ids_that_are_not_there_are_a_failure_that_says_so() {
    let server = dead();
    let known = listed(&server, &[])[0]["id"].as_str().unwrap().to_owned();
    let unknown = "0a".repeat(16);
    for command in ["retry", "drop"] {
        let (status, out, err) = server.run(&["mail", command, &known, &unknown]);
        assert_eq!(status, 1, "{out}{err}");
        assert!(out.starts_with("1 mails ") && err.contains("`mail list`"), "{out}{err}");
    }
    assert_eq!(listed(&server, &[]), [] as [Value; 0], "the known one was dropped");
}

#[test]
fn commands_take_flags_like_serve() {
    let server = dead();
    let elsewhere = Program::hooks(&[]);
    let url = format!("sqlite://{}", server.folder().join("auth.db").display());
    let ran = elsewhere.run(&["mail", "list", "--json", "--database-url", &url]);
    let mails: Vec<Value> = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(mails.len(), 1, "{ran:?}");
}
