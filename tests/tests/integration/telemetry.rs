//! Logs and traces: where they go, in which form, and what is never in them.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
};

use auth_tests::{Server, start, until};
use serde_json::Value;

const PASSWORD: &str = "canary-7731 passphrase of ada";
const ADA: &str = "ada.c4n4ry@example.org";

/// One request that a collector received.
struct Sent {
    head: String,
    body: Vec<u8>,
}

/// Accepts every request on its own port; returns its address and the requests.
fn collector() -> (String, Arc<Mutex<Vec<Sent>>>) {
    answering("200 OK")
}

/// Does the same as `collector`, with another answer.
fn answering(status: &'static str) -> (String, Arc<Mutex<Vec<Sent>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let got = Arc::new(Mutex::new(Vec::new()));
    let taken = Arc::clone(&got);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            while let Some(sent) = request(&mut stream) {
                taken.lock().unwrap().push(sent);
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                stream.get_mut().write_all(answer.as_bytes()).unwrap();
            }
        }
    });
    (address, got)
}

fn request(stream: &mut impl BufRead) -> Option<Sent> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let head = head.to_lowercase();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Sent { head, body })
}

/// Registers, guesses and activates; returns the code.
fn visit(server: &Server) -> String {
    server.register(ADA, PASSWORD);
    let code = server.code(ADA);
    assert_eq!(server.activate(ADA, "canary-7731 wrong password", &code).status, 401);
    assert_eq!(server.activate(ADA, PASSWORD, &code).status, 200);
    code
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Serves a visit with a collector until the end; returns everything that it received, and the code.
fn traced() -> (Vec<Sent>, String) {
    let (address, got) = collector();
    let mut server = start(&[("AUTH_OTLP_ENDPOINT", &format!("http://{address}/v1/traces"))]);
    let code = visit(&server);
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    until("traces at the collector", || (!got.lock().unwrap().is_empty()).then_some(()));
    let sent = std::mem::take(&mut *got.lock().unwrap());
    (sent, code)
}

#[test]
fn traces_reach_the_collector_at_the_end_at_the_latest() {
    let (sent, _) = traced();
    for sent in &sent {
        assert!(sent.head.starts_with("post /v1/traces http/1.1\r\n"), "{}", sent.head);
        assert!(sent.head.contains("content-type: application/x-protobuf\r\n"), "{}", sent.head);
    }
    for told in ["auth-http", "request", "deliver", "register", "activate"] {
        assert!(sent.iter().any(|sent| holds(&sent.body, told)), "no trace tells of {told}");
    }
}

#[test]
fn traces_hold_no_password() {
    let (sent, _) = traced();
    assert!(!sent.iter().any(|sent| holds(&sent.body, "canary")));
}

/// The development mailer shows codes in its log and on its page; a collector is neither.
#[test]
fn traces_hold_no_code_and_no_address() {
    let (sent, code) = traced();
    for secret in [&code, ADA] {
        assert!(!sent.iter().any(|sent| holds(&sent.body, secret)), "{secret} is in a trace");
    }
}

#[test]
fn traces_leave_while_the_server_runs() {
    let (address, got) = collector();
    let server = start(&[("AUTH_OTLP_ENDPOINT", &format!("http://{address}/v1/traces"))]);
    visit(&server);
    until("traces at the collector", || (!got.lock().unwrap().is_empty()).then_some(()));
}

#[test]
fn traces_go_nowhere_by_default() {
    let (address, got) = collector();
    // Variables that other programs' exporters read are not read here.
    let server = start(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{address}")),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &format!("http://{address}/v1/traces")),
    ]);
    visit(&server);
    server.terminate();
    drop(server);
    assert!(got.lock().unwrap().is_empty());
}

#[test]
fn collector_that_is_away_holds_nothing_up() {
    let away = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    for collector in [away, silent.local_addr().unwrap()] {
        let mut server = start(&[("AUTH_OTLP_ENDPOINT", &format!("http://{collector}/v1/traces"))]);
        visit(&server);
        server.terminate();
        let (status, time) = auth_tests::took(|| server.wait());
        assert_eq!(status.code(), Some(0));
        assert!(time.as_secs() < 10, "{time:?}");
    }
}

/// Returns the lines that say why traces could not be sent, after two batches of them.
fn unsent(collector: &str) -> Vec<String> {
    let mut server = start(&[("AUTH_OTLP_ENDPOINT", &format!("http://user:canary@{collector}"))]);
    visit(&server);
    let lines = |log: &str| -> Vec<String> {
        log.lines().filter(|line| line.contains("traces could not be sent")).map(str::to_owned).collect()
    };
    until("a warning", || (!lines(&server.log()).is_empty()).then_some(()));
    server.register("later@example.org", PASSWORD);
    server.terminate();
    lines(&server.whole_log())
}

#[test]
fn collector_that_refuses_or_is_away_is_a_warning_with_the_real_error_once_a_minute() {
    let away = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for (collector, error) in [
        (answering("404 Not Found").0, "404"),
        (answering("503 Service Unavailable").0, "503"),
        (away, "Connection refused"),
    ] {
        let lines = unsent(&collector);
        let [line] = &lines[..] else { panic!("{lines:#?}") };
        for told in ["WARN", "AUTH_OTLP_ENDPOINT", error] {
            assert!(line.contains(told), "{told} is not in {line}");
        }
        assert!(!line.contains("canary"), "{line}");
    }
}

#[test]
fn endpoint_without_a_path_gets_the_one_of_traces() {
    for (path, sent_to) in [("", "/v1/traces"), ("/", "/v1/traces"), ("/otlp/v1/traces", "/otlp/v1/traces")] {
        let (address, got) = collector();
        let mut server = start(&[("AUTH_OTLP_ENDPOINT", &format!("http://{address}{path}"))]);
        visit(&server);
        server.terminate();
        server.wait();
        until("traces at the collector", || (!got.lock().unwrap().is_empty()).then_some(()));
        let head = got.lock().unwrap()[0].head.clone();
        assert!(head.starts_with(&format!("post {sent_to} http/1.1\r\n")), "{path}: {head}");
    }
}

/// Runs a server with these settings through a visit; returns what it logged.
fn logged(settings: &[(&str, &str)]) -> String {
    let mut server = start(settings);
    visit(&server);
    server.terminate();
    server.whole_log()
}

fn levels(log: &str) -> Vec<String> {
    let level = |line: &str| -> String {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
        assert!(line["timestamp"].is_string() && line["target"].is_string(), "{line}");
        assert!(line["fields"]["message"].is_string(), "{line}");
        line["level"].as_str().unwrap().to_owned()
    };
    let mut levels: Vec<String> = log.lines().map(level).collect();
    levels.sort();
    levels.dedup();
    levels
}

#[test]
fn json_logs_are_one_object_on_each_line() {
    // Without a terminal the default is JSON.
    for settings in [&[][..], &[("AUTH_LOG_FORMAT", "json")]] {
        assert_eq!(levels(&logged(settings)), ["INFO", "WARN"]);
    }
}

#[test]
fn pretty_logs_are_for_people() {
    let log = logged(&[("AUTH_LOG_FORMAT", "pretty")]);
    assert!(log.lines().count() > 5, "{log}");
    assert!(log.lines().all(|line| serde_json::from_str::<Value>(line).is_err()), "{log}");
    assert!(log.contains("INFO") && log.contains("answered"), "{log}");
}

#[test]
fn filter_says_what_is_logged() {
    assert_eq!(levels(&logged(&[("AUTH_LOG", "warn")])), ["WARN"]);
    assert_eq!(levels(&logged(&[("AUTH_LOG", "auth_http=debug")])), ["DEBUG", "INFO", "WARN"]);
    assert_eq!(logged(&[("AUTH_LOG", "off")]), "");
    let audit = logged(&[("AUTH_LOG", "off,audit=info")]);
    let targets: Vec<Value> = audit.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!targets.is_empty() && targets.iter().all(|line| line["target"] == "audit"), "{audit}");
}

#[test]
fn filter_of_logs_does_not_filter_traces() {
    let (address, got) = collector();
    let mut server =
        start(&[("AUTH_OTLP_ENDPOINT", &format!("http://{address}/v1/traces")), ("AUTH_LOG", "off")]);
    visit(&server);
    server.terminate();
    assert_eq!(server.whole_log(), "");
    until("traces at the collector", || (!got.lock().unwrap().is_empty()).then_some(()));
}

#[test]
fn logs_tell_of_each_request_without_its_secrets() {
    let mut server = start(&[("AUTH_LOG", "trace,h2=off,hyper=off")]);
    let code = visit(&server);
    server.terminate();
    let log = server.whole_log();
    // Only the development mailer shows the recipient and the code.
    let lines: Vec<&str> = log.lines().filter(|line| !line.contains("development mail\"")).collect();
    assert!(lines.len() > 10, "{log}");
    for line in &lines {
        assert!(
            !["canary", ADA, &format!("\"{code}\"")].iter().any(|secret| line.contains(secret)),
            "{line}"
        );
    }
    assert!(
        lines.iter().any(|line| line.contains("\"answered\"") && line.contains("\"status\":202")),
        "{log}"
    );
}
