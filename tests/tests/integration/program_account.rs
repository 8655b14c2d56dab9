//! The commands `account show|list|block|unblock|logout|reset|delete`, beside a running server.

use std::collections::BTreeSet;

use auth_tests::{PASSWORD, Program, Server, start};
use serde_json::Value;

const ADA: &str = "Ada@example.org";
const BOB: &str = "bob@example.org";

/// Runs a command that succeeds; returns what it prints, and its log.
fn ran(server: &Server, arguments: &[&str]) -> (String, String) {
    let (status, out, err) = server.run(&[&["account"], arguments].concat());
    assert_eq!(status, 0, "{arguments:?}: {out}{err}");
    (out, err)
}

/// Runs a command that is refused; returns why.
fn refused(server: &Server, arguments: &[&str]) -> String {
    let (status, out, err) = server.run(&[&["account"], arguments].concat());
    assert_eq!((status, out.as_str()), (1, ""), "{arguments:?}: {err}");
    err
}

fn shown(server: &Server, who: &str) -> Value {
    serde_json::from_str(&ran(server, &["show", who, "--json"]).0).unwrap()
}

fn id(server: &Server, who: &str) -> String {
    shown(server, who)["id"].as_str().unwrap().to_owned()
}

/// A server with two accounts, each with a session.
fn two() -> (Server, String, String) {
    let server = start(&[]);
    let ada = server.activated(ADA, PASSWORD);
    assert_eq!(ada.len(), 6);
    let (ada, bob) = (server.token(ADA, PASSWORD), server.entered(BOB, PASSWORD));
    (server, ada, bob)
}

#[test]
fn an_account_is_shown_with_all_that_is_known_by_its_address_and_its_id() {
    let (server, token, _) = two();
    let account = shown(&server, "ADA@example.ORG");
    let fields: BTreeSet<&str> = account.as_object().unwrap().keys().map(String::as_str).collect();
    let promised = [
        "id",
        "email",
        "key",
        "state",
        "since",
        "moving_to",
        "language",
        "password",
        "expires_at",
        "mails",
        "sessions",
    ];
    assert_eq!(fields, promised.into());
    assert_eq!((&account["email"], &account["state"]), (&ADA.into(), &"active".into()));
    assert_eq!(account["key"], "ada@example.org");
    assert_eq!(account["id"], server.session(&token).json()["account"]["id"]);
    assert_eq!(account["sessions"][0]["id"], server.session(&token).json()["session"]["id"]);
    let by_id = shown(&server, account["id"].as_str().unwrap());
    assert_eq!(by_id, account);
    let (lines, _) = ran(&server, &["show", ADA]);
    for told in [ADA, "active", account["id"].as_str().unwrap(), "scrypt N=2^", "session"] {
        assert!(lines.contains(told), "{told} in {lines}");
    }
    assert!(!lines.contains('$') && !account.to_string().contains('$'), "no hash is shown: {lines}");
}

#[test]
fn a_registration_that_waits_is_shown_and_can_only_be_deleted() {
    let server = start(&[]);
    server.register(ADA, PASSWORD);
    let code = server.code(ADA);
    let account = shown(&server, ADA);
    assert_eq!((&account["state"], &account["id"]), (&"pending".into(), &Value::Null));
    assert!(account["expires_at"].is_string());
    for action in ["block", "unblock", "logout", "reset"] {
        assert!(refused(&server, &[action, ADA]).contains("not activated"), "{action}");
    }
    ran(&server, &["delete", ADA, "--yes"]);
    assert_eq!(server.activate(ADA, PASSWORD, &code).status, 401);
    assert!(refused(&server, &["show", ADA]).contains("no account"));
    assert_eq!(server.mails_to(ADA).len(), 1, "nobody has shown whose address it is: it gets no mail");
}

#[test]
fn all_accounts_are_listed() {
    let (server, ..) = two();
    server.register("carol@example.org", PASSWORD);
    ran(&server, &["block", BOB]);
    let (lines, _) = ran(&server, &["list", "--json"]);
    let listed: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let states: Vec<(&str, &str)> = listed
        .iter()
        .map(|account| (account["email"].as_str().unwrap(), account["state"].as_str().unwrap()))
        .collect();
    assert_eq!(states, [(ADA, "active"), (BOB, "blocked"), ("carol@example.org", "pending")]);
    let (lines, _) = ran(&server, &["list"]);
    assert_eq!(lines.lines().count(), 3, "{lines}");
    assert!(lines.lines().next().unwrap().ends_with(ADA) && lines.contains(&id(&server, BOB)), "{lines}");
    assert_eq!(ran(&start(&[]), &["list"]).0, "");
}

#[test]
fn damaged_rows_are_told_of_and_hide_no_others() {
    let (server, ..) = two();
    let damage = "UPDATE accounts SET locale = '?'";
    let ada = format!("{damage} WHERE address = '{ADA}'");
    server.alter(&[&ada], &[&ada]);
    let (lines, log) = ran(&server, &["list"]);
    assert!(lines.lines().count() == 1 && lines.trim_end().ends_with(BOB), "{lines}");
    assert!(log.contains("the stored locale is damaged"), "{log}");
    server.alter(&[damage], &[damage]);
    for command in [&["list"][..], &["logout", "--all"]] {
        assert!(refused(&server, command).contains("is damaged; restore it from a backup"), "{command:?}");
    }
}

#[test]
fn a_blocked_account_is_out_at_once_until_it_is_unblocked() {
    let (server, token, bob) = two();
    let (said, log) = ran(&server, &["block", ADA]);
    assert!(said.starts_with(&format!("{ADA}: blocked")), "{said}");
    assert_eq!(server.session(&token).status, 401);
    assert_eq!(server.login(ADA, PASSWORD).status, 401);
    assert_eq!(server.session(&bob).status, 200, "nobody else is");
    // The audit event, under a pseudonym.
    for told in ["administer", "account_blocked", "operator"] {
        assert!(log.contains(told), "{told} in {log}");
    }
    assert!(!log.to_lowercase().contains("example.org"), "{log}");
    assert_eq!(shown(&server, ADA)["state"], "blocked");
    assert!(refused(&server, &["reset", ADA]).contains("unblock"));
    ran(&server, &["unblock", ADA]);
    assert_eq!(server.session(&token).status, 401, "it revives nothing");
    assert_eq!(server.login(ADA, PASSWORD).status, 200);
}

#[test]
fn one_account_is_logged_out_or_all_are() {
    let (server, ada, bob) = two();
    let said = ran(&server, &["logout", &id(&server, ADA), "--json"]).0;
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&said["email"], &said["event"]), (&ADA.into(), &"logged_out_everywhere".into()));
    assert_eq!((server.session(&ada).status, server.session(&bob).status), (401, 200));
    let ada = server.token(ADA, PASSWORD);
    assert_eq!(ran(&server, &["logout", "--all"]).0, "every session of 2 accounts is over\n");
    assert_eq!((server.session(&ada).status, server.session(&bob).status), (401, 401));
    assert_eq!(ran(&server, &["logout", "--all", "--json"]).0, "{\"accounts\":2}\n");
    assert_eq!(server.login(ADA, PASSWORD).status, 200);
}

#[test]
fn a_reset_sends_the_owner_a_mail_that_sets_a_password() {
    let (server, ..) = two();
    let said: Value = serde_json::from_str(&ran(&server, &["reset", ADA, "--json"]).0).unwrap();
    assert_eq!(said["event"], "reset_asked_for");
    server.pass(3600);
    let mail = &server.wait_for_mails(ADA, 2)[0];
    let token = mail["token"].as_str().unwrap();
    assert_eq!(server.reset(ADA, token, "another long password of hers").status, 200);
    assert_eq!(server.login(ADA, "another long password of hers").status, 200);
}

#[test]
fn a_deletion_asks_and_the_owner_is_told() {
    let (server, token, _) = two();
    assert!(refused(&server, &["delete", ADA]).contains("--yes"));
    assert_eq!(server.session(&token).status, 200, "nothing was deleted");
    let (said, log) = ran(&server, &["delete", ADA, "--yes"]);
    assert_eq!(said, format!("{ADA}: deleted\n"));
    assert!(log.contains("account_deleted"), "{log}");
    assert_eq!((server.session(&token).status, server.login(ADA, PASSWORD).status), (401, 401));
    server.pass(3600);
    assert_eq!(server.wait_for_mails(ADA, 2)[0]["purpose"], "account_deleted");
    for gone in [&["show", ADA][..], &["delete", ADA, "--yes"], &["block", ADA]] {
        assert!(refused(&server, gone).contains("account list"), "{gone:?}");
    }
}

/// The command dies before its commit, and after it while nobody knows yet.
#[test]
fn a_command_that_dies_has_done_it_or_not_and_can_be_repeated() {
    for (stop, over) in [("before:1:CommitAccount", false), ("after:1:CommitAccount", true)] {
        let (server, token, _) = two();
        let (status, ..) = server.run_with(&[("AUTH_TEST_STOP", stop)], &["account", "block", ADA]);
        assert_ne!(status, 0, "{stop}");
        assert_eq!(server.session(&token).status, if over { 401 } else { 200 }, "{stop}");
        ran(&server, &["block", ADA]);
        assert_eq!((server.session(&token).status, server.login(ADA, PASSWORD).status), (401, 401), "{stop}");
    }
}

#[test]
fn an_account_is_named_by_an_address_or_an_id() {
    for action in ["show", "block", "unblock", "logout", "reset", "delete"] {
        for wrong in ["ada", "@", "162537be-8197-40a9-8930-a74bcc53cdb", "162537be819740a98930a74bcc53cdb1"] {
            let ran = Program::plain(&[]).run(&["account", action, wrong]);
            assert_eq!(ran.status, 2, "{ran:?}");
        }
        assert_eq!(Program::plain(&[]).run(&["account", action]).status, 2, "{action}");
    }
    assert_eq!(Program::plain(&[]).run(&["account", "logout", ADA, "--all"]).status, 2);
    let (server, ..) = two();
    assert!(refused(&server, &["show", "162537be-8197-40a9-8930-a74bcc53cdb1"]).contains("no account"));
}
