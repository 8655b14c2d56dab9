//! Metrics: what they count, and that the main listener does not serve them.

use auth_tests::{OTHER, PASSWORD, Program, start};

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
