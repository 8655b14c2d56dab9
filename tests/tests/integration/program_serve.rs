//! The command `serve`: its first lines, and where it cannot serve.

use std::net::TcpListener;

use auth_tests::Program;

const METRICS: (&str, &str) = ("AUTH_METRICS_LISTEN", "127.0.0.1:0");

#[test]
fn first_line_is_where_it_listens() {
    for arguments in [&[][..], &["serve"]] {
        let server = Program::plain(&[]).serve(arguments);
        assert!(server.base.starts_with("http://127.0.0.1:"), "{}", server.base);
        let port: u16 = server.base.rsplit(':').next().unwrap().parse().unwrap();
        assert_ne!(port, 0, "the port that was picked");
        assert_eq!(server.get("/readyz").status, 200);
    }
}

#[test]
fn second_line_is_where_metrics_are() {
    let server = Program::plain(&[METRICS]).serve(&[]);
    let metrics = server.metrics.as_deref().unwrap();
    assert!(metrics.starts_with("http://127.0.0.1:") && metrics.ends_with("/metrics"), "{metrics}");
    assert_eq!(server.scrape("/metrics").status, 200);
}

#[test]
fn it_says_where_api_page_and_mailbox_are_and_how_to_call_it() {
    let server = Program::plain(&[]).serve(&[]);
    let base = server.base.clone();
    let printed = auth_tests::until("all that it prints", || {
        Some(server.printed()).filter(|printed| printed.contains("-X DELETE"))
    });
    for told in
        ["/docs", "/dev/mailbox", "/v1/register -H", "/v1/activate -u", "/v1/login -H", "/v1/session -H"]
    {
        assert!(printed.contains(&format!("{base}{told}")), "{told} is not in {printed}");
    }
}

#[test]
fn without_tokens_it_tells_no_login_to_paste() {
    let cookies = [("AUTH_SESSION_COOKIE", "on"), ("AUTH_ORIGIN", "http://localhost:8000")];
    for settings in [&[("AUTH_LOGIN", "off")][..], &cookies] {
        let server = Program::plain(settings).serve(&[]);
        let printed = auth_tests::until("all that it prints", || {
            Some(server.printed()).filter(|printed| printed.contains("/dev/mailbox.json"))
        });
        assert!(!printed.contains("/v1/login"), "{printed}");
    }
}

#[test]
fn without_docs_it_names_no_api_page() {
    let server = Program::plain(&[("AUTH_DOCS", "off")]).serve(&[]);
    let printed = auth_tests::until("all that it prints", || {
        Some(server.printed()).filter(|printed| printed.contains("/dev/mailbox.json"))
    });
    assert!(!printed.contains("/docs"), "{printed}");
}

#[test]
fn port_in_use_is_a_refusal_that_names_it() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    for variable in ["AUTH_LISTEN", "AUTH_METRICS_LISTEN"] {
        let said = Program::plain(&[(variable, &address)]).refusal(&[]);
        assert!(said.contains(variable) && said.contains(&address), "{said}");
        assert!(said.contains("in use") && said.contains("another server"), "{said}");
    }
}

#[test]
fn address_of_another_machine_is_a_refusal() {
    // TEST-NET-1 (RFC 5737) belongs to nobody; a metrics listener need not be on loopback.
    let said = Program::plain(&[("AUTH_METRICS_LISTEN", "192.0.2.1:9464")]).refusal(&[]);
    assert!(said.contains("AUTH_METRICS_LISTEN: cannot listen on 192.0.2.1:9464"), "{said}");
}

#[test]
fn test_build_announces_itself_and_the_shipped_one_does_not() {
    const LOUD: &str = "TEST BUILD";
    let loud = Program::hooks(&[]).serve(&[]);
    auth_tests::until("its announcement", || loud.log().contains(LOUD).then_some(()));
    let mut shipped = Program::plain(&[]).serve(&[]);
    assert_eq!(shipped.request("POST", "/dev/clock?seconds=1", &[], b"").status, 404);
    shipped.terminate();
    assert!(!shipped.whole_log().contains(LOUD));
}

#[test]
fn shipped_program_knows_no_variables_of_test_builds() {
    for variable in ["AUTH_TEST_STOP", "AUTH_TEST_CLOCK_SHIFT_SECONDS"] {
        let said = Program::plain(&[(variable, "1")]).refusal(&[]);
        assert!(said.contains(variable) && said.contains("no such key"), "{said}");
        assert!(said.contains("test build"), "{said}");
    }
}

#[test]
fn it_serves_on_ipv6_loopback() {
    if TcpListener::bind("[::1]:0").is_err() {
        // A machine without IPv6 can only show the refusal.
        let said = Program::plain(&[("AUTH_LISTEN", "[::1]:0")]).refusal(&[]);
        assert!(said.contains("AUTH_LISTEN: cannot listen on [::1]:0"), "{said}");
        return;
    }
    let server = Program::plain(&[("AUTH_LISTEN", "[::1]:0")]).serve(&[]);
    assert!(server.base.starts_with("http://[::1]:"), "{}", server.base);
    assert_eq!(server.get("/livez").status, 200);
}
