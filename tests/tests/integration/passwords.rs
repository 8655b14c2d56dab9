//! `/v1/password` and `/v1/account`: forgotten, reset, changed, deleted.

use auth_tests::{HttpAnswer, OTHER, PASSWORD, Server, start};
use serde_json::json;

const ADA: &str = "ada@example.org";

fn is(answer: &HttpAnswer, status: u16, name: &str) {
    assert_eq!((answer.status, answer.problem().as_str()), (status, name), "{answer:?}");
}

/// Asserts that the owner gets in with this password and with no other.
fn opens(server: &Server, password: &str) {
    let other = if password == PASSWORD { OTHER } else { PASSWORD };
    assert_eq!(server.login(ADA, password).status, 200);
    is(&server.login(ADA, other), 401, "login-refused");
}

#[test]
fn reset_sets_the_password_once_and_ends_every_session() {
    let server = start(&[]);
    let session = server.entered(ADA, PASSWORD);
    server.pass(61);
    let token = server.reset_token(ADA, 2);
    assert_eq!(server.session(&session).status, 200, "asking ends nothing");
    is(&server.reset("bob@example.org", &token, OTHER), 401, "reset-refused");
    is(&server.reset(ADA, &format!("{token}A"), OTHER), 401, "reset-refused");
    is(&server.reset(ADA, &token, "1234567"), 422, "weak-password");
    let answer = server.reset(ADA, &token, OTHER);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.json()["device_token"].as_str().is_some_and(|token| token.starts_with("authd_")));
    is(&server.session(&session), 401, "no-session");
    opens(&server, OTHER);
    is(&server.reset(ADA, &token, PASSWORD), 401, "reset-refused");
    opens(&server, OTHER);
    let mails = server.wait_for_mails(ADA, 3);
    assert!(mails[0]["subject"].as_str().unwrap().contains("password was changed"), "{:?}", mails[0]);
}

#[test]
fn every_state_of_the_address_gets_the_same_answer_and_an_active_account_alone_a_mail() {
    let server = start(&[]);
    server.activated(ADA, PASSWORD);
    server.register("pending@example.org", PASSWORD);
    server.wait_for_mails("pending@example.org", 1);
    server.pass(61);
    let answers = [ADA, "pending@example.org", "nobody@example.org"].map(|address| server.forgot(address));
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (202, &answers[0].body), "{answer:?}");
    }
    assert_eq!(answers[0].json()["token_ttl_seconds"], 10_800);
    server.wait_for_mails(ADA, 2);
    server.wait_until_nothing_is_due();
    assert_eq!(server.mails_to("pending@example.org").len(), 1);
    assert!(server.mails_to("nobody@example.org").is_empty());
}

#[test]
fn explicit_says_that_there_is_no_active_account() {
    let server = start(&[("AUTH_DISCLOSURE", "explicit")]);
    server.register("pending@example.org", PASSWORD);
    is(&server.forgot("pending@example.org"), 404, "account-not-found");
    is(&server.forgot("nobody@example.org"), 404, "account-not-found");
    server.activated(ADA, PASSWORD);
    assert_eq!(server.forgot(ADA).status, 202);
}

#[test]
fn tokens_end_with_their_time_and_with_every_other_change_of_the_password() {
    let server = start(&[]);
    let session = server.entered(ADA, PASSWORD);
    server.pass(61);
    let token = server.reset_token(ADA, 2);
    assert_eq!(server.change(&session, PASSWORD, OTHER).status, 200);
    is(&server.reset(ADA, &token, PASSWORD), 401, "reset-refused");
    server.pass(2 * 3600);
    let late = server.reset_token(ADA, 4);
    server.pass(3 * 3600 + 1);
    is(&server.reset(ADA, &late, PASSWORD), 401, "reset-refused");
    opens(&server, OTHER);
}

#[test]
fn change_takes_the_password_and_leaves_one_new_session() {
    let server = start(&[]);
    let session = server.entered(ADA, PASSWORD);
    let other = server.token(ADA, PASSWORD);
    is(&server.change(&session, OTHER, OTHER), 403, "password-refused");
    is(&server.change(&session, PASSWORD, "1234567"), 422, "weak-password");
    is(&server.change("auths_none", PASSWORD, OTHER), 401, "no-session");
    is(&server.change(&session, PASSWORD, ""), 400, "invalid-request");
    assert_eq!(server.session(&session).status, 200, "refusals end nothing");
    let answer = server.change(&session, PASSWORD, OTHER);
    assert_eq!(answer.status, 200, "{answer:?}");
    let new = answer.json()["session_token"].as_str().unwrap().to_owned();
    for ended in [&session, &other] {
        is(&server.session(ended), 401, "no-session");
    }
    let sessions = server.with_token("GET", "/v1/sessions", &new).json();
    assert_eq!(sessions["sessions"].as_array().map(Vec::len), Some(1), "{sessions}");
    opens(&server, OTHER);
    let mails = server.wait_for_mails(ADA, 2);
    assert!(mails[0]["subject"].as_str().unwrap().contains("password was changed"), "{:?}", mails[0]);
    let device = answer.json()["device_token"].as_str().unwrap().to_owned();
    (0..12).for_each(|_| drop(server.login(ADA, PASSWORD)));
    is(&server.login(ADA, OTHER), 429, "rate-limited");
    assert_eq!(server.login_from(ADA, OTHER, &device).status, 200, "the device is a known one");
}

/// A change is one request, and with as many sessions as there may be it ends none before it is committed.
#[test]
fn change_counts_once_and_puts_no_session_in_the_place_of_another() {
    let server = start(&[]);
    let session = server.entered(ADA, PASSWORD);
    (1..50).for_each(|_| drop(server.token(ADA, PASSWORD)));
    is(&server.change(&session, OTHER, OTHER), 403, "password-refused");
    assert_eq!(server.session(&session).status, 200);
    assert_eq!(server.change(&session, PASSWORD, OTHER).status, 200);
    let alone = start(&[("AUTH_CLIENT_REQUESTS_PER_MINUTE", "4")]);
    let session = alone.entered(ADA, PASSWORD);
    assert_eq!(alone.change(&session, PASSWORD, OTHER).status, 200, "the fourth request");
}

/// Threat: whoever has the password floods the owner's mailbox, and ends each token that could set another.
#[test]
fn changes_of_an_account_are_limited() {
    let server = start(&[]);
    let (mut session, mut passwords) = (server.entered(ADA, PASSWORD), (PASSWORD, OTHER));
    for _ in 0..10 {
        let changed = server.change(&session, passwords.0, passwords.1);
        assert_eq!(changed.status, 200, "{changed:?}");
        session = changed.json()["session_token"].as_str().unwrap().to_owned();
        passwords = (passwords.1, passwords.0);
    }
    let refused = server.change(&session, passwords.0, passwords.1);
    is(&refused, 429, "rate-limited");
    assert!(refused.header("retry-after").is_some());
    is(&server.with_token("DELETE", "/v1/sessions", &session), 429, "rate-limited");
    server.pass(61);
    assert_eq!(server.forgot(ADA).status, 202);
    server.wait_until_nothing_is_due();
    let mails = server.mails_to(ADA);
    let token = mails.iter().find_map(|mail| mail["token"].as_str()).unwrap();
    assert_eq!(server.reset(ADA, token, PASSWORD).status, 200, "a reset is not among them");
}

#[test]
fn account_is_shown_and_deleted_and_its_address_free_again() {
    let server = start(&[("AUTH_FRESH_SECONDS", "60")]);
    let session = server.entered(ADA, PASSWORD);
    let shown = server.with_token("GET", "/v1/account", &session).json();
    assert_eq!(shown["account"], server.session(&session).json()["account"]);
    assert_eq!(shown["sessions"].as_array().map(Vec::len), Some(1));
    server.pass(61);
    is(&server.with_token("DELETE", "/v1/account", &session), 403, "confirm-first");
    let confirmed = server.confirm(&session, PASSWORD);
    let fresh = confirmed.json()["session_token"].as_str().unwrap().to_owned();
    assert_eq!(server.with_token("DELETE", "/v1/account", &fresh).status, 204);
    is(&server.session(&fresh), 401, "no-session");
    is(&server.login(ADA, PASSWORD), 401, "login-refused");
    let mails = server.wait_for_mails(ADA, 2);
    assert!(mails[0]["subject"].as_str().unwrap().contains("account was deleted"), "{:?}", mails[0]);
    server.pass(61);
    let id = &shown["account"]["id"];
    server.register(ADA, OTHER);
    server.wait_for_mails(ADA, 3);
    let again = server.activate(ADA, OTHER, &server.code(ADA)).json();
    assert_ne!(&again["account"]["id"], id, "another account");
}

/// Threat: a reader of logs or of the database who takes over the account.
#[test]
fn tokens_show_in_no_log_and_no_store() {
    let mut server = start(&[("AUTH_LOG_FORMAT", "json"), ("AUTH_LOG", "trace")]);
    server.activated(ADA, PASSWORD);
    server.pass(61);
    let used = server.reset_token(ADA, 2);
    assert_eq!(server.reset(ADA, &used, OTHER).status, 200);
    server.pass(2 * 3600);
    let waiting = server.reset_token(ADA, 4);
    server.terminate();
    server.wait();
    let (log, database) = (server.whole_log(), server.stored());
    assert!(
        log.contains(&waiting) && log.contains("password_reset"),
        "it is the log, with the mailer's lines"
    );
    for token in [&used, &waiting] {
        let mut lines = log.lines().filter(|line| !line.contains("development mail"));
        assert_eq!(lines.find(|line| line.contains(token.as_str())), None);
        assert!(!database.windows(token.len()).any(|bytes| bytes == token.as_bytes()), "{token}");
    }
}

#[test]
fn mails_link_to_the_page_of_the_front_end() {
    let server = start(&[("AUTH_RESET_URL", "http://localhost:3000/reset")]);
    let address = "ada+x@example.org";
    server.activated(address, PASSWORD);
    server.pass(61);
    let token = server.reset_token(address, 2);
    let text = server.mails_to(address)[0]["text"].as_str().unwrap().to_owned();
    let link = format!("http://localhost:3000/reset#email=ada%2Bx%40example.org&token={token}");
    assert!(text.lines().any(|line| line == link), "{link}: {text}");
}

#[test]
fn pages_and_lifetimes_that_could_lock_out_or_leak_are_refused_at_start() {
    for (settings, said) in [
        (&[("AUTH_RESET_URL", "http://app.example.org/reset")][..], "AUTH_RESET_URL"),
        (&[("AUTH_RESET_URL", "https://app.example.org/#reset")], "AUTH_RESET_URL"),
        (&[("AUTH_RESET_TTL_SECONDS", "600")], "AUTH_RESET_TTL_SECONDS"),
        (&[("AUTH_RESET_TTL_SECONDS", "86401")], "AUTH_RESET_TTL_SECONDS"),
    ] {
        let refusal = auth_tests::Program::plain(settings).refusal(&[]);
        assert!(refusal.contains(said), "{settings:?}: {refusal}");
    }
}

/// Threat: another site's page that deletes the account with the browser's cookie.
#[test]
fn other_sites_change_nothing() {
    let settings = [("AUTH_SESSION_COOKIE", "on"), ("AUTH_ORIGIN", "http://localhost:8000")];
    let server = start(&settings);
    let body = json!({ "password": PASSWORD, "new_password": OTHER }).to_string();
    for (method, path) in [
        ("PUT", "/v1/password"),
        ("DELETE", "/v1/account"),
        ("POST", "/v1/password/reset"),
        ("POST", "/v1/password/forgot"),
    ] {
        let headers = [("Origin", "https://evil.example.org"), ("Content-Type", "application/json")];
        is(&server.request(method, path, &headers, body.as_bytes()), 403, "origin-refused");
    }
}
