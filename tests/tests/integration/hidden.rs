//! What nobody can find out without the mailbox: whether an address is active, pending or absent.

use auth_tests::{HttpAnswer, OTHER, PASSWORD, Server, start};

/// Addresses of the same length, one for each state.
const WORLDS: [&str; 7] = [
    "absent-@example.org",
    "asked--@example.org",
    "pending@example.org",
    "foreign@example.org",
    "expired@example.org",
    "active-@example.org",
    "longago@example.org",
];

/// Brings every address into its state.
fn worlds(settings: &[(&str, &str)]) -> Server {
    let server = start(settings);
    server.activated("longago@example.org", PASSWORD);
    server.register("expired@example.org", PASSWORD);
    server.code("expired@example.org");
    server.pass(2 * 86_400);
    server.resend("asked--@example.org");
    server.register("pending@example.org", PASSWORD);
    server.register("foreign@example.org", "somebody else chose this one");
    server.activated("active-@example.org", PASSWORD);
    server.code("pending@example.org");
    server.code("foreign@example.org");
    server
}

/// Returns an answer without its id and date.
fn visible(answer: &HttpAnswer) -> String {
    let id = answer.header("x-request-id").unwrap();
    let headers: Vec<_> =
        answer.headers.iter().filter(|(name, _)| name != "x-request-id" && name != "date").collect();
    format!("{} {headers:?} {}", answer.status, answer.body.replace(id, "ID"))
}

/// Sends the same request in every state; returns the one answer.
fn same_in_all(what: &str, ask: impl Fn(&str) -> HttpAnswer) -> HttpAnswer {
    let answers: Vec<HttpAnswer> = WORLDS.iter().map(|address| ask(address)).collect();
    for (world, answer) in WORLDS.iter().zip(&answers) {
        assert_eq!(visible(answer), visible(&answers[0]), "{what}: {world} is not as {}", WORLDS[0]);
    }
    answers[0].clone()
}

/// Returns a code that was mailed to none of these addresses.
fn foreign_code(server: &Server) -> String {
    let mails = server.mails();
    let known: Vec<&str> = mails.iter().filter_map(|mail| mail["code"].as_str()).collect();
    (0..1_000_000).map(|n| format!("{n:06}")).find(|code| !known.contains(&code.as_str())).unwrap()
}

#[test]
fn answers_are_the_same_in_every_state_of_the_address() {
    let server = worlds(&[]);
    let code = foreign_code(&server);
    type Ask<'a> = &'a dyn Fn(&str) -> HttpAnswer;
    let asked: [(&str, u16, Ask<'_>); 19] = [
        ("activate, right password", 401, &|address| server.activate(address, PASSWORD, &code)),
        ("activate, another password", 401, &|address| server.activate(address, OTHER, &code)),
        ("activate, malformed code", 400, &|address| server.activate(address, PASSWORD, "12345")),
        ("in the body, right password", 401, &|address| server.activate_in_body(address, PASSWORD, &code)),
        ("in the body, another password", 401, &|address| server.activate_in_body(address, OTHER, &code)),
        ("in the body, malformed code", 400, &|address| server.activate_in_body(address, PASSWORD, "12345")),
        ("in the body, no password", 400, &|address| server.activate_in_body(address, "", &code)),
        ("register, weak password", 422, &|address| server.register(address, "weak")),
        ("login, another password", 401, &|address| server.login(address, OTHER)),
        ("login, a device that is none", 401, &|address| server.login_from(address, OTHER, "authd_x")),
        ("login, no password", 400, &|address| server.login(address, "")),
        ("password/forgot", 202, &|address| server.forgot(address)),
        ("password/forgot again", 202, &|address| server.forgot(address)),
        ("password/reset", 401, &|address| server.reset(address, "authr_AAAAAAAAAAAAAAAAAAAAAA", OTHER)),
        ("password/reset, weak password", 422, &|address| server.reset(address, "authr_x", "weak")),
        ("resend", 202, &|address| server.resend(address)),
        ("resend again", 202, &|address| server.resend(address)),
        ("register, the same password", 202, &|address| server.register(address, PASSWORD)),
        ("register, another password", 202, &|address| server.register(address, OTHER)),
    ];
    for path in server.operations() {
        let is_asked = asked.iter().any(|(what, ..)| what.starts_with(path.trim_start_matches("/v1/")));
        assert!(is_asked, "{path} is not asked in every state of the address");
    }
    for (what, status, ask) in asked {
        assert_eq!(same_in_all(what, ask).status, status, "{what}");
    }
}

#[test]
fn code_of_a_dead_attempt_gets_the_same_answer_as_any_wrong_one() {
    let server = worlds(&[]);
    let refused = visible(&server.activate("absent-@example.org", PASSWORD, "000000"));
    let refused_in_body = visible(&server.activate_in_body("absent-@example.org", PASSWORD, "000000"));
    for (address, password) in [
        ("expired@example.org", PASSWORD),
        ("longago@example.org", PASSWORD),
        ("longago@example.org", OTHER),
        ("foreign@example.org", PASSWORD),
    ] {
        let code = server.code(address);
        assert_eq!(visible(&server.activate(address, password, &code)), refused, "{address} {password}");
        let answer = server.activate_in_body(address, password, &code);
        assert_eq!(visible(&answer), refused_in_body, "{address} {password}");
    }
}

#[test]
fn limiter_answers_the_same_in_every_state_of_the_address() {
    let server = worlds(&[]);
    let server = server
        .restart(&[("AUTH_CLIENT_REQUESTS_PER_MINUTE", "1"), ("AUTH_TEST_CLOCK_SHIFT_SECONDS", "172800")]);
    server.resend("somebody@example.org");
    // The rest of the minute depends on when the request is sent.
    let asked = |answer: HttpAnswer| {
        let mut answer = answer;
        for (name, value) in &mut answer.headers {
            if name == "retry-after" {
                let seconds: u32 = value.parse().unwrap();
                assert!((1..=60).contains(&seconds), "{seconds}");
                *value = "soon".to_owned();
            }
        }
        answer
    };
    for status in [
        same_in_all("register", |address| asked(server.register(address, PASSWORD))).status,
        same_in_all("weak password", |address| asked(server.register(address, "weak"))).status,
        same_in_all("resend", |address| asked(server.resend(address))).status,
        same_in_all("activate", |address| asked(server.activate(address, PASSWORD, "123456"))).status,
        same_in_all("login", |address| asked(server.login(address, PASSWORD))).status,
        same_in_all("in the body", |address| asked(server.activate_in_body(address, PASSWORD, "123456")))
            .status,
    ] {
        assert_eq!(status, 429);
    }
}

#[test]
fn one_hash_is_made_in_every_state_of_the_address() {
    // An answer without a hash, or with two, would stand out by its time.
    let server = worlds(&[]);
    let code = foreign_code(&server);
    let made = |ask: &dyn Fn() -> HttpAnswer| {
        let count = || server.metric("auth_hash_duration_seconds_count");
        let before = count();
        ask();
        count() - before
    };
    for address in WORLDS {
        assert_eq!(made(&|| server.activate(address, PASSWORD, &code)), 1.0, "activate {address}");
        let in_body = made(&|| server.activate_in_body(address, PASSWORD, &code));
        assert_eq!(in_body, 1.0, "activate in the body {address}");
        assert_eq!(made(&|| server.login(address, OTHER)), 1.0, "login {address}");
        assert_eq!(made(&|| server.register(address, PASSWORD)), 1.0, "register {address}");
    }
}

#[test]
fn registration_and_resend_write_in_every_state_of_the_address() {
    // Otherwise a store that is slow or cannot write would show the state. Mails wait, so nothing else writes.
    let server = worlds(&[]);
    server.wait_until_nothing_is_due();
    for address in WORLDS {
        for (what, ask) in [
            ("resend", &(|| server.resend(address)) as &dyn Fn() -> HttpAnswer),
            ("register", &|| server.register(address, PASSWORD)),
        ] {
            server.wait_until_nothing_is_due();
            let before = server.accounts();
            ask();
            assert!(server.accounts() != before, "{what} {address}");
        }
    }
}

#[test]
fn refused_activation_writes_in_no_state_of_the_address() {
    let server = worlds(&[]);
    server.wait_until_nothing_is_due();
    let (before, code) = (server.accounts(), foreign_code(&server));
    for address in WORLDS {
        assert_eq!(server.activate(address, PASSWORD, &code).status, 401);
        assert_eq!(server.activate(address, OTHER, &code).status, 401);
        assert_eq!(server.activate_in_body(address, PASSWORD, &code).status, 401);
        assert_eq!(server.activate_in_body(address, OTHER, &code).status, 401);
        assert_eq!(server.login(address, OTHER).status, 401);
    }
    assert!(server.accounts() == before);
}
