//! `/v1/session` and `/v1/sessions`: who is recognised, for how long, and what ends it.

use auth_tests::{HttpAnswer, OTHER, PASSWORD, start};
use serde_json::{Value, json};

const ADA: &str = "ada@example.org";

fn is(answer: &HttpAnswer, status: u16, name: &str) {
    assert_eq!((answer.status, answer.problem().as_str()), (status, name), "{answer:?}");
}

#[test]
fn session_tells_whose_it_is_in_body_and_headers() {
    let server = start(&[]);
    server.register("Ada@B\u{fc}cher.example", PASSWORD);
    let code = server.code("Ada@xn--bcher-kva.example");
    let account = server.activate("ada@b\u{fc}cher.example", PASSWORD, &code).json()["account"].clone();
    let token = server.token("ada@b\u{fc}cher.example", PASSWORD);
    let answer = server.session(&token);
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    assert_eq!(body["account"], account);
    assert_eq!(answer.header("x-auth-account-id"), account["id"].as_str());
    assert_eq!(answer.header("x-auth-email"), Some("ada@xn--bcher-kva.example"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let session = &body["session"];
    assert_eq!(session["fresh"], true);
    assert_eq!(session["created_at"], session["last_seen_at"]);
    assert!(session["expires_at"].as_str() > session["created_at"].as_str(), "{session}");
    assert_eq!(session["id"].as_str().map(str::len), Some(32));
    // A proxy's sub-request has the Accept header of the browser's request, whatever that is.
    let headers = [("Authorization", format!("Bearer {token}")), ("Accept", "image/avif".to_owned())];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(server.request("GET", "/v1/session", &headers, b"").status, 200);
    assert_eq!(server.request("HEAD", "/v1/session", &headers, b"").status, 200);
}

#[test]
fn what_is_no_session_is_401_with_the_challenge_of_bearer_tokens() {
    let server = start(&[]);
    let token = server.entered(ADA, PASSWORD);
    let none = "Bearer realm=\"auth\"";
    let invalid = "Bearer realm=\"auth\", error=\"invalid_token\"";
    let swapped = token.replace("auths_", "authd_");
    for (authorization, challenge) in [
        (None, none),
        (Some("Bearer".to_owned()), none),
        (Some("Basic YWRhOnBhc3M=".to_owned()), none),
        (Some(token.clone()), none),
        (Some("Bearer auths_x".to_owned()), invalid),
        (Some(format!("Bearer {token}x")), invalid),
        (Some(format!("Bearer {swapped}")), invalid),
        (Some(format!("Bearer {}", token.to_uppercase())), invalid),
    ] {
        let headers: Vec<(&str, &str)> =
            authorization.iter().map(|value| ("Authorization", value.as_str())).collect();
        for (method, path) in [
            ("GET", "/v1/session"),
            ("GET", "/v1/sessions"),
            ("DELETE", "/v1/sessions"),
            ("DELETE", "/v1/sessions/0123456789abcdef0123456789abcdef"),
        ] {
            let answer = server.request(method, path, &headers, b"");
            is(&answer, 401, "no-session");
            assert_eq!(answer.header("www-authenticate"), Some(challenge), "{authorization:?}");
        }
    }
    let twice = [("Authorization", "Bearer a"), ("Authorization", "Bearer a")];
    is(&server.request("GET", "/v1/session", &twice, b""), 401, "no-session");
    assert_eq!(server.session(&token).status, 200, "the right one counts");
    let spelled = [("Authorization", format!("bEARER   {token}"))];
    let spelled = spelled.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(server.request("GET", "/v1/session", &spelled, b"").status, 200);
}

#[test]
fn logout_ends_the_session_and_can_be_repeated() {
    let server = start(&[]);
    let (token, other) = (server.entered(ADA, PASSWORD), server.token(ADA, PASSWORD));
    for _ in 0..2 {
        let answer = server.with_token("DELETE", "/v1/session", &token);
        assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{answer:?}");
        is(&server.session(&token), 401, "no-session");
    }
    assert_eq!(server.session(&other).status, 200);
    assert_eq!(server.with_token("DELETE", "/v1/session", "auths_nobodys").status, 204);
}

#[test]
fn sessions_end_after_their_idle_time_and_after_their_whole_time() {
    let server = start(&[("AUTH_SESSION_SECONDS", "1000"), ("AUTH_SESSION_IDLE_SECONDS", "240")]);
    let (used, unused) = (server.entered(ADA, PASSWORD), server.token(ADA, PASSWORD));
    for _ in 0..4 {
        server.shift_clock(200);
        assert_eq!(server.session(&used).status, 200);
    }
    is(&server.session(&unused), 401, "no-session");
    server.shift_clock(150);
    assert_eq!(server.session(&used).status, 200);
    server.shift_clock(60);
    is(&server.session(&used), 401, "no-session");
}

#[test]
fn sessions_outlive_a_restart() {
    let server = start(&[]);
    let token = server.entered(ADA, PASSWORD);
    let server = server.restart(&[]);
    assert_eq!(server.session(&token).status, 200);
}

#[test]
fn confirming_gives_a_fresh_token_in_place_of_the_old_one() {
    let server = start(&[("AUTH_FRESH_SECONDS", "60")]);
    let token = server.entered(ADA, PASSWORD);
    server.shift_clock(61);
    assert_eq!(server.session(&token).json()["session"]["fresh"], false);
    is(&server.confirm(&token, OTHER), 403, "password-refused");
    assert_eq!(server.session(&token).status, 200, "a wrong password ends nothing");
    let answer = server.confirm(&token, PASSWORD);
    assert_eq!(answer.status, 200, "{answer:?}");
    let fresh = answer.json()["session_token"].as_str().unwrap().to_owned();
    is(&server.session(&token), 401, "no-session");
    assert_eq!(server.session(&fresh).json()["session"]["fresh"], true);
    is(&server.confirm(&token, PASSWORD), 401, "no-session");
    is(&server.confirm(&fresh, ""), 400, "invalid-request");
}

/// Threat: a stolen session is used to guess the password.
#[test]
fn wrong_passwords_of_a_session_have_tries_of_their_own() {
    let server = start(&[("AUTH_CLIENT_REQUESTS_PER_MINUTE", "0")]);
    let token = server.entered(ADA, PASSWORD);
    (0..10).for_each(|_| assert_eq!(server.login(ADA, OTHER).status, 401));
    let tried = (0..12).filter(|_| server.confirm(&token, OTHER).status == 403).count();
    assert_eq!(tried, 10);
    is(&server.confirm(&token, PASSWORD), 429, "rate-limited");
}

fn list(answer: &HttpAnswer) -> Vec<Value> {
    answer.json()["sessions"].as_array().unwrap().clone()
}

#[test]
fn sessions_are_listed_and_ended_one_by_one() {
    let server = start(&[("AUTH_FRESH_SECONDS", "60")]);
    let first = server.entered(ADA, PASSWORD);
    server.activated("bob@example.org", PASSWORD);
    let bobs = server.token("bob@example.org", PASSWORD);
    server.shift_clock(10);
    let agent = format!("Browser/{}", "9".repeat(200));
    let headers = [("User-Agent", agent.as_str())];
    let body = json!({ "email": ADA, "password": PASSWORD });
    let second =
        server.post("/v1/login", &headers, &body).json()["session_token"].as_str().unwrap().to_owned();
    let listed = list(&server.with_token("GET", "/v1/sessions", &first));
    assert_eq!(
        listed.iter().map(|session| &session["current"]).collect::<Vec<_>>(),
        [&json!(false), &json!(true)]
    );
    assert_eq!(listed[0]["user_agent"].as_str().map(str::len), Some(120));
    assert!(listed.iter().all(|session| session["fresh"] == true), "{listed:?}");
    let id = |n: usize| listed[n]["id"].as_str().unwrap();
    let ends = |token: &str, id: &str| server.with_token("DELETE", &format!("/v1/sessions/{id}"), token);
    is(&ends(&bobs, id(0)), 404, "session-not-found");
    is(&ends(&first, "0123456789abcdef0123456789abcdef"), 404, "session-not-found");
    is(&ends(&first, &id(0).to_uppercase()), 404, "session-not-found");
    is(&ends(&first, "%ff"), 404, "session-not-found");
    server.shift_clock(61);
    is(&ends(&first, id(0)), 403, "confirm-first");
    assert_eq!(ends(&first, id(1)).status, 204, "a session may end itself");
    is(&server.session(&first), 401, "no-session");
    let fresh = server.token(ADA, PASSWORD);
    assert_eq!(ends(&fresh, id(0)).status, 204);
    is(&server.session(&second), 401, "no-session");
    let left = list(&server.with_token("GET", "/v1/sessions", &fresh));
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(server.session(&bobs).status, 200);
}

#[test]
fn logging_out_everywhere_ends_every_session_and_forgets_devices() {
    let server = start(&[("AUTH_FRESH_SECONDS", "60")]);
    server.activated(ADA, PASSWORD);
    let entered = server.login(ADA, PASSWORD).json();
    let (first, device) =
        (entered["session_token"].as_str().unwrap(), entered["device_token"].as_str().unwrap());
    let id = entered["account"]["id"].clone();
    server.shift_clock(61);
    is(&server.with_token("DELETE", "/v1/sessions", first), 403, "confirm-first");
    let second = server.token(ADA, PASSWORD);
    assert_eq!(server.with_token("DELETE", "/v1/sessions", &second).status, 204);
    for token in [first, &second] {
        is(&server.session(token), 401, "no-session");
    }
    (0..10).for_each(|_| assert_eq!(server.login(ADA, OTHER).status, 401));
    assert_eq!(server.login_from(ADA, PASSWORD, device).status, 429, "the device is unknown now");
    server.shift_clock(900);
    assert_eq!(server.login(ADA, PASSWORD).json()["account"]["id"], id, "the account is the same");
}

#[test]
fn recognising_a_session_is_one_read_without_a_line_in_the_log() {
    let mut server = start(&[("AUTH_LOG_FORMAT", "json")]);
    let token = server.entered(ADA, PASSWORD);
    server.wait_until_nothing_is_due();
    let count =
        |effect: &str| server.metric(&format!(r#"auth_effect_duration_seconds_count{{effect="{effect}"}}"#));
    let effects = ["FindSession", "PutSession", "FindAccount", "CommitAccount", "Admit", "Random"];
    let before = effects.map(&count);
    (0..5).for_each(|_| assert_eq!(server.session(&token).status, 200));
    let after = effects.map(&count);
    let made: Vec<f64> = after.iter().zip(before).map(|(after, before)| after - before).collect();
    assert_eq!(made, [5.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    server.terminate();
    assert!(!server.whole_log().contains("authenticate"), "{}", server.whole_log());
}

#[test]
fn other_methods_are_405_with_those_that_there_are() {
    let server = start(&[]);
    for (path, allow) in [
        ("/v1/session", "GET, HEAD, DELETE"),
        ("/v1/session/confirm", "POST"),
        ("/v1/sessions", "GET, HEAD, DELETE"),
        ("/v1/sessions/x", "DELETE"),
    ] {
        let answer = server.request("PATCH", path, &[], b"");
        is(&answer, 405, "method-not-allowed");
        assert_eq!(answer.header("allow"), Some(allow), "{path}");
    }
}

#[test]
fn front_ends_of_other_origins_may_ask_with_their_token() {
    let server = start(&[("AUTH_CORS_ORIGINS", "https://app.example.org")]);
    let asks = [
        ("Origin", "https://app.example.org"),
        ("Access-Control-Request-Method", "DELETE"),
        ("Access-Control-Request-Headers", "authorization"),
    ];
    let answer = server.request("OPTIONS", "/v1/session", &asks, b"");
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(answer.header("access-control-allow-methods"), Some("GET, HEAD, DELETE"));
    assert!(answer.header("access-control-allow-headers").unwrap().contains("authorization"));
}
