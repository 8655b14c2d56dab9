//! The rights of a Redis user: the line in docs/operating.md is exactly what serving needs.

use auth_tests::{PASSWORD, Program, Server, start};

use crate::stack_redis::{Own, User};

const PAGE: &str = include_str!("../../../docs/operating.md");
const WORD: &str = "c4n4ry-secret";
const KEYS: (&str, &str) = ("AUTH_REDIS_PREFIX", "auth");
/// The rights that serving needs: each as an operator removes it and as `check` names it.
const NEEDED: [(&str, &str); 6] = [
    ("-evalsha", "EVALSHA"),
    ("-script|load", "SCRIPT LOAD"),
    ("-time", "TIME"),
    ("-type", "TYPE"),
    ("-get", "GET"),
    ("-set", "SET"),
];

/// Returns the rights that the line gives.
fn rights() -> &'static str {
    let line = PAGE.lines().find_map(|line| line.trim().strip_prefix("ACL SETUSER auth on >PASSWORD "));
    line.expect("docs/operating.md has the line")
}

/// Runs `check` as a user; returns what it says about codes.
fn check(url: &str) -> Vec<String> {
    let ran = Program::plain(&[("AUTH_REDIS_URL", url), KEYS]).run(&["check"]);
    assert!(!ran.out.contains(WORD) && !ran.err.contains(WORD), "it tells the password: {ran:?}");
    let lines = ran.out.lines().filter(|line| line.contains(" codes: ")).map(str::to_owned);
    let lines: Vec<String> = lines.collect();
    assert_eq!(ran.status, i32::from(lines.iter().any(|line| line.starts_with("FAILED"))), "{ran:?}");
    lines
}

/// Starts a server as a user; a client's rate limit is stored for a minute.
fn serve(url: &str) -> Server {
    start(&[("AUTH_REDIS_URL", url), KEYS, ("AUTH_CLIENT_REQUESTS_PER_MINUTE", "2")])
}

#[tokio::test(flavor = "multi_thread")]
async fn documented_rights_are_enough() {
    let own = Own::start("", &[]).await;
    for database in ["", "/0"] {
        let user = User::create(&own.url(), rights());
        let url = user.url(WORD) + database;
        assert!(check(&url)[0].starts_with("ok "), "{:?}", check(&url));
        let server = serve(&url);
        assert_eq!(server.get("/readyz").status, 200);
        server.activated(&format!("ada{}@example.org", database.len()), PASSWORD);
        assert_eq!(own.refused(), 0, "something was tried that is not permitted");
        // The next client begins with its full rate limit.
        own.command("FLUSHALL");
    }
    // Another database needs one more command.
    let user = User::create(&own.url(), rights());
    let said = check(&(user.url(WORD) + "/1"));
    assert!(
        said[0].starts_with("FAILED") && said[0].contains("'select'") && said[0].contains("+select"),
        "{said:?}"
    );
    let user = User::create(&own.url(), &format!("{} +select", rights()));
    let url = user.url(WORD) + "/1";
    assert!(check(&url)[0].starts_with("ok "), "{:?}", check(&url));
    assert_eq!(serve(&url).get("/readyz").status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_command_is_named_by_check_and_by_readyz() {
    let own = Own::start("", &[]).await;
    for (missing, name) in NEEDED {
        let user = User::create(&own.url(), &format!("{} {missing}", rights()));
        let said = check(&user.url(WORD));
        assert!(said.len() == 1 && said[0].starts_with("FAILED"), "{missing}: {said:?}");
        assert!(said[0].contains(&format!(": {name}; ")), "{missing}: {said:?}");
        assert!(said[0].contains("ACL SETUSER NAME on >PASSWORD ") && said[0].contains(rights()), "{said:?}");
        own.command("FLUSHALL");
        // A script that another user has loaded would hide that this one cannot load it.
        own.command("SCRIPT FLUSH");
        let server = serve(&user.url(WORD));
        // Without GET the first request of a client is counted, and none after it.
        let statuses = [(); 2].map(|()| server.register("ada@example.org", PASSWORD).status);
        let expected = if missing == "-get" { [202, 503] } else { [503, 503] };
        assert_eq!(statuses, expected, "{missing}");
        assert!(server.is_degraded(), "{missing}");
    }
    let user = User::create(&own.url(), &format!("{} -time -type -get", rights()));
    let said = check(&user.url(WORD));
    assert!(said[0].contains(": TIME, TYPE, GET; "), "all of them at once: {said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn command_that_was_renamed_is_named() {
    let own = Own::start("--rename-command TYPE CANARYTYPE --rename-command GET CANARYGET", &[]).await;
    let said = check(&own.url());
    assert!(said[0].starts_with("FAILED") && said[0].contains(": TYPE, GET; "), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn info_that_is_renamed_or_forbidden_is_a_warning_and_serving_goes_on() {
    let renamed = Own::start("--rename-command INFO CANARYINFO", &[]).await;
    let plain = Own::start("", &[]).await;
    let user = User::create(&plain.url(), &format!("{} -info", rights()));
    for url in [renamed.url(), user.url(WORD)] {
        let said = check(&url);
        assert!(said.len() == 1 && said[0].starts_with("warning"), "{said:?}");
        for words in ["INFO", "+info", "a code was stored and redeemed"] {
            assert!(said[0].contains(words), "{words} is not in {said:?}");
        }
        let server = serve(&url);
        assert_eq!(server.get("/readyz").status, 200);
        server.activated("ada@example.org", PASSWORD);
    }
    // What INFO would have reported is found out by writing.
    renamed.command("REPLICAOF 127.0.0.1 1");
    let said = check(&renamed.url());
    assert!(said[0].starts_with("FAILED") && said[0].contains("replica"), "{said:?}");
}
