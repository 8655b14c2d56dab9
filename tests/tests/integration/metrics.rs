//! Metrics: what they count, and that the main listener does not serve them.

use std::collections::BTreeSet;

use auth_core::Kind;
use auth_tests::{
    OTHER, PASSWORD, Program, Received, Server,
    smtp_peer::{Act, Manner, SmtpPeer, SmtpStep},
    start, until,
};

const ADA: &str = "ada@example.org";

#[test]
fn metrics_have_a_listener_of_their_own() {
    let server = start(&[]);
    let url = server.metrics.clone().unwrap();
    assert!(url.starts_with("http://127.0.0.1:") && url.ends_with("/metrics"), "{url}");
    assert_ne!(url.trim_end_matches("/metrics"), server.base);
    assert_eq!(server.get("/metrics").problem(), "not-found", "not on the main one");
    let answer = server.scrape("/metrics");
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").unwrap().contains("text"), "{answer:?}");
    assert!(answer.body.ends_with("# EOF\n"), "OpenMetrics text, whole");
    for path in ["/v1/register", "/dev/mailbox.json", "/readyz", "/docs"] {
        assert_eq!(server.scrape(path).status, 404, "nothing else there: {path}");
    }
}

#[test]
fn without_a_listener_there_are_no_metrics() {
    let server = Program::hooks(&[]).serve(&[]);
    assert!(server.metrics.is_none());
    assert_eq!(server.get("/metrics").status, 404);
    assert!(!server.printed().contains("metrics"), "{}", server.printed());
}

#[test]
fn requests_are_counted_by_operation_and_true_outcome() {
    let server = start(&[]);
    let outcomes = |operation: &str, outcome: &str| {
        server.metric(&format!(r#"auth_requests_total{{operation="{operation}",outcome="{outcome}"}}"#))
    };
    server.register(ADA, "weak");
    server.register(ADA, PASSWORD);
    let code = server.code(ADA);
    server.register(ADA, PASSWORD);
    server.resend(ADA);
    server.resend("absent@example.org");
    server.activate(ADA, OTHER, &code);
    server.activate(ADA, PASSWORD, if code == "000000" { "000001" } else { "000000" });
    server.activate("absent@example.org", PASSWORD, &code);
    server.activate(ADA, PASSWORD, &code);
    server.activate(ADA, PASSWORD, &code);
    server.register(ADA, PASSWORD);
    for (operation, outcome) in [
        ("register", "weak_password"),
        ("register", "registered"),
        ("register", "registered_again"),
        ("register", "already_active"),
        ("resend", "mail_asked_for"),
        ("resend", "no_account"),
        ("activate", "wrong_password"),
        ("activate", "wrong_code"),
        ("activate", "no_account"),
        ("activate", "activated"),
        ("activate", "activated_again"),
    ] {
        assert_eq!(outcomes(operation, outcome), 1.0, "{operation} {outcome}");
    }
    assert!(outcomes("deliver", "mail_sent") >= 1.0);
    assert_eq!(server.metric("auth_wrong_codes_total"), 1.0);
    let answers = |operation, status| {
        server.metric(&format!(r#"auth_http_answers_total{{operation="{operation}",status="{status}"}}"#))
    };
    assert_eq!((answers("activate", 401), answers("activate", 200)), (3.0, 2.0));
}

#[test]
fn outbox_tells_its_depth_and_how_late_its_oldest_mail_is() {
    let server = start(&[]);
    server.register(ADA, PASSWORD);
    server.wait_for_mails(ADA, 1);
    server.wait_until_nothing_is_due();
    let waiting = || server.metric(r#"auth_outbox_mails{state="waiting"}"#);
    assert_eq!(waiting(), 0.0);
    server.register(ADA, OTHER);
    assert_eq!(waiting(), 1.0, "until the interval allows");
    assert_eq!(server.metric("auth_outbox_oldest_seconds"), 0.0, "it is not late");
    assert_eq!(server.metric(r#"auth_outbox_mails{state="dead"}"#), 0.0);
}

#[test]
fn hash_queue_is_shown_while_nobody_waits_too() {
    let text = start(&[]).scrape("/metrics").body;
    for state in ["waiting", "running"] {
        assert!(text.contains(&format!("auth_hashes{{state=\"{state}\"}} 0")), "{text}");
    }
}

#[test]
fn version_is_shown() {
    let version = env!("CARGO_PKG_VERSION");
    let server = start(&[]);
    assert_eq!(server.metric(&format!(r#"auth_build_info{{version="{version}"}}"#)), 1.0);
}

#[test]
fn every_effect_has_its_times() {
    let server = start(&[("AUTH_CLIENT_REQUESTS_PER_MINUTE", "100")]);
    let count = |kind: &Kind| {
        let name = kind.name();
        server.metric(&format!(r#"auth_effect_duration_seconds_count{{effect="{name}"}}"#))
    };
    let text = server.scrape("/metrics").body;
    for kind in Kind::ALL {
        assert!(text.contains(&format!(r#"effect="{}""#, kind.name())), "{kind:?} before it happens: {text}");
        assert_eq!(count(kind), 0.0);
    }
    let token = server.entered(ADA, PASSWORD);
    assert_eq!(server.session(&token).status, 200);
    server.wait_until_nothing_is_due();
    for kind in Kind::ALL {
        assert!(count(kind) >= 1.0, "{kind:?}: {}", server.scrape("/metrics").body);
    }
    for times in ["auth_hash_wait_seconds", "auth_hash_duration_seconds"] {
        assert_eq!(server.metric(&format!("{times}_count")), count(&Kind::HashPassword));
    }
}

#[test]
fn run_that_broken_io_ended_is_counted_by_effect() {
    let server = start(&[("AUTH_DATABASE_URL", "sqlite://auth.db?mode=rwc")]);
    let server =
        server.restart(&[("AUTH_DATABASE_URL", "sqlite://auth.db?mode=ro"), ("AUTH_MIGRATE", "off")]);
    assert_eq!(server.register(ADA, PASSWORD).status, 503);
    let faults = server.metric(r#"auth_faults_total{operation="register",effect="CommitAccount"}"#);
    assert_eq!(faults, 1.0, "{}", server.scrape("/metrics").body);
}

#[test]
fn clients_that_ask_too_often_are_counted_by_operation() {
    let server = start(&[("AUTH_CLIENT_REQUESTS_PER_MINUTE", "1")]);
    assert_eq!(server.register(ADA, PASSWORD).status, 202);
    for _ in 0..2 {
        assert_eq!(server.register(ADA, PASSWORD).status, 429);
    }
    assert_eq!(server.resend(ADA).status, 429);
    for (operation, refused) in [("register", 2.0), ("resend", 1.0)] {
        let series = format!(r#"auth_requests_total{{operation="{operation}",outcome="rate_limited"}}"#);
        assert_eq!(server.metric(&series), refused, "{operation}");
    }
}

#[test]
fn wrong_codes_and_used_up_tries_are_counted_apart() {
    let server = start(&[]);
    server.register(ADA, PASSWORD);
    let code = server.code(ADA);
    let wrong = if code == "000000" { "000001" } else { "000000" };
    for _ in 0..7 {
        assert_eq!(server.activate(ADA, PASSWORD, wrong).status, 401);
    }
    let outcome =
        |name| server.metric(&format!(r#"auth_requests_total{{operation="activate",outcome="{name}"}}"#));
    assert_eq!((outcome("wrong_code"), outcome("tries_used_up")), (5.0, 2.0));
    assert_eq!(server.metric("auth_wrong_codes_total"), 5.0);
}

#[test]
fn delivery_attempts_are_counted_by_result_and_dead_letters_are_shown() {
    let peer = SmtpPeer::start(Manner::default());
    peer.once(SmtpStep::Rcpt, Act::reply("451 4.3.0 later"));
    let server =
        start(&[("AUTH_SMTP_URL", &peer.url()), ("AUTH_MAIL_FROM", "Accounts <no-reply@example.org>")]);
    let result = |name: &str| {
        server.metric(&format!(r#"auth_requests_total{{operation="deliver",outcome="{name}"}}"#))
    };
    server.register(ADA, PASSWORD);
    until("a mail being sent", || (result("mail_sent") == 1.0).then_some(()));
    assert_eq!(result("mail_deferred"), 1.0);
    peer.on(SmtpStep::Rcpt, Act::reply("550 5.1.1 nobody there"));
    server.register("nobody@example.org", PASSWORD);
    until("a dead letter", || (result("mail_dead") == 1.0).then_some(()));
    until("the depth", || (server.metric(r#"auth_outbox_mails{state="dead"}"#) == 1.0).then_some(()));
}

#[test]
fn pools_show_how_busy_they_are() {
    let server = start(&[]);
    server.activated(ADA, PASSWORD);
    let text = server.scrape("/metrics").body;
    let mut parts = vec!["accounts"];
    // Codes in memory have no pool.
    parts.extend(std::env::var("AUTH_TEST_STACK").is_ok().then_some("codes"));
    for part in parts {
        let count = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.unwrap_or_else(|| panic!("no {name} in {text}")).parse::<u32>().unwrap()
        };
        let of = |state| count(&format!(r#"auth_pool_connections{{part="{part}",state="{state}"}}"#));
        let max = count(&format!(r#"auth_pool_connections_max{{part="{part}"}}"#));
        let open = of("used") + of("idle");
        assert!((1..=max).contains(&open), "{part}: {open} of {max}");
    }
}

#[test]
fn connections_are_counted_while_they_are_open() {
    let server = start(&[]);
    let open = || server.metric(r#"auth_http_connections{listener="api"}"#);
    assert_eq!(open(), 0.0);
    let clients: Vec<_> = (0..5).map(|_| server.connect()).collect();
    until("five connections", || (open() == 5.0).then_some(()));
    drop(clients);
    until("no connection", || (open() == 0.0).then_some(()));
    // The end of the scrape before may not have been counted yet.
    let scrapes = || server.metric(r#"auth_http_connections{listener="metrics"}"#);
    until("the scrape alone", || (scrapes() == 1.0).then_some(()));
    for listener in ["api", "metrics"] {
        assert_eq!(server.metric(&format!(r#"auth_http_connections_max{{listener="{listener}"}}"#)), 4096.0);
        let text = server.scrape("/metrics").body;
        for counter in ["auth_http_connections_full_total", "auth_http_accept_errors_total"] {
            assert!(text.contains(&format!("{counter}{{listener=\"{listener}\"}} 0\n")), "{text}");
        }
    }
}

/// Sends one request of each kind that a client can vary, with its own values everywhere.
fn vary(server: &Server, number: u32) -> [String; 4] {
    let address = format!("c4n4ry.{number}@example.org");
    let client = format!("203.0.113.{number}");
    let code = format!("{:06}", 739_100 + number);
    let password = format!("c4n4ry passphrase {number}");
    let trace = format!("00-{number:032x}-{number:016x}-01");
    let headers: &[(&str, &str)] = &[
        ("Content-Type", "application/json"),
        ("X-Forwarded-For", &client),
        ("User-Agent", &address),
        ("traceparent", &trace),
    ];
    let body = format!(r#"{{"email": "{address}", "password": "{password}"}}"#);
    for path in ["/v1/register", "/v1/resend"] {
        server.request("POST", path, headers, body.as_bytes());
        server.request("POST", path, headers, format!("{{{address}").as_bytes());
    }
    // What a code comes to depends on whether one has been mailed.
    server.wait_until_nothing_is_due();
    server.activate(&address, &password, &code);
    server.activate(&address, &format!("another {password}"), &code);
    for path in [format!("/{address}"), format!("/v1/{address}?{code}"), "/v1/register".to_owned()] {
        server.request("GET", &path, headers, b"");
        server.request(&format!("C4N4RY{number}"), &path, headers, b"");
    }
    [address, client, code, password]
}

fn series(server: &Server) -> BTreeSet<String> {
    let text = server.scrape("/metrics").body;
    let series = text.lines().filter(|line| !line.starts_with('#'));
    series.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect()
}

#[test]
fn clients_add_no_series_and_nothing_of_theirs_is_shown() {
    let peer = SmtpPeer::start(Manner::default());
    // The proxy is believed: the client's address is another one in each request.
    let server = start(&[
        ("AUTH_SMTP_URL", &peer.url()),
        ("AUTH_MAIL_FROM", "Accounts <no-reply@example.org>"),
        ("AUTH_CODE_KEYS", "k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="),
        ("AUTH_TRUSTED_PROXIES", "127.0.0.0/8"),
        ("AUTH_CLIENT_REQUESTS_PER_MINUTE", "100"),
    ]);
    let mut sent = vary(&server, 1).to_vec();
    let before = series(&server);
    for number in 2..40 {
        sent.extend(vary(&server, number));
    }
    let new: Vec<String> = series(&server).difference(&before).cloned().collect();
    assert_eq!(new, [""; 0], "series that clients made");
    sent.extend(peer.mails().iter().filter_map(Received::code));
    let text = server.scrape("/metrics").body.to_lowercase();
    for shown in sent.iter().map(String::as_str).chain(["c4n4ry", "127.0.0.1", "example.org"]) {
        assert!(!text.contains(shown), "{shown} in {text}");
    }
}
