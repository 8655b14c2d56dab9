//! Logs and traces: where they go, in which form, and what is never in them.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
};

use auth_tests::{Server, container::free_port, start, until};
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
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    for port in [free_port(), silent.local_addr().unwrap().port()] {
        let collector = format!("127.0.0.1:{port}");
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
    let away = format!("127.0.0.1:{}", free_port());
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

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// Asks once with these headers; returns whether a trace was continued as the child of a span, and whether
/// any trace was sent, with all that the collector received.
fn continued(headers: &[(&str, &str)]) -> (bool, Vec<Sent>) {
    let (address, got) = collector();
    let mut server = start(&[("AUTH_OTLP_ENDPOINT", &format!("http://{address}/v1/traces"))]);
    let body = format!(r#"{{"email": "{ADA}", "password": "{PASSWORD}"}}"#);
    let headers = [&[("Content-Type", "application/json")], headers].concat();
    assert_eq!(server.request("POST", "/v1/register", &headers, body.as_bytes()).status, 202);
    server.terminate();
    server.wait();
    // The mail's delivery is a trace of its own.
    until("traces at the collector", || (!got.lock().unwrap().is_empty()).then_some(()));
    let sent = std::mem::take(&mut *got.lock().unwrap());
    // Fields of a span in OTLP: trace_id is the first, parent_span_id the fourth; both are bytes.
    let trace = [&[0x0a, 16][..], &bytes(TRACE)].concat();
    let parent = [&[0x22, 8][..], &bytes(PARENT)].concat();
    let has = |wanted: &[u8]| sent.iter().any(|sent| sent.body.windows(wanted.len()).any(|at| at == wanted));
    assert_eq!(has(&trace), has(&parent), "both or neither");
    (has(&trace), sent)
}

#[test]
fn request_with_a_traceparent_is_a_child_of_the_callers_span() {
    let header = format!("00-{TRACE}-{PARENT}-01");
    let (continued, sent) = continued(&[("traceparent", &header), ("tracestate", "vendor=c4n4ry")]);
    assert!(continued);
    assert!(!sent.iter().any(|sent| holds(&sent.body, "c4n4ry")), "tracestate is not passed on");
}

#[test]
fn caller_that_does_not_record_its_trace_gets_none_recorded() {
    assert!(!continued(&[("traceparent", &format!("00-{TRACE}-{PARENT}-00"))]).0);
}

#[test]
fn traceparent_that_cannot_be_read_is_ignored() {
    let good = format!("00-{TRACE}-{PARENT}-01");
    for headers in [
        &[("traceparent", format!("ff-{TRACE}-{PARENT}-01"))][..],
        &[("traceparent", format!("00-{TRACE}-{PARENT}"))],
        &[("traceparent", format!("00-{}-{PARENT}-01", TRACE.to_uppercase()))],
        &[("traceparent", format!("00-{TRACE}-{}-01", "0".repeat(16)))],
        &[("traceparent", good.clone()), ("traceparent", good)],
    ] {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, &value[..])).collect();
        let (continued, sent) = continued(&headers);
        assert!(!continued, "{headers:?}");
        assert!(
            sent.iter().any(|sent| holds(&sent.body, "register")),
            "it has a trace of its own: {headers:?}"
        );
    }
}

#[test]
fn log_names_the_callers_trace() {
    let mut server = start(&[]);
    server.request("POST", "/v1/resend", &[("traceparent", &format!("00-{TRACE}-{PARENT}-00"))], b"");
    server.request("POST", "/v1/resend", &[], b"");
    server.terminate();
    let log = server.whole_log();
    let answered: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line["fields"]["message"] == "answered")
        .collect();
    let traces: Vec<&Value> = answered.iter().map(|line| &line["span"]["trace_id"]).collect();
    assert_eq!(traces, [&Value::from(TRACE), &Value::Null], "{log}");
}

#[test]
fn sampling_is_not_what_other_programs_exporters_read() {
    let (address, got) = collector();
    let endpoint = format!("http://{address}/v1/traces");
    let mut server = start(&[("AUTH_OTLP_ENDPOINT", &endpoint), ("OTEL_TRACES_SAMPLER", "always_off")]);
    visit(&server);
    server.terminate();
    server.wait();
    until("traces at the collector", || (!got.lock().unwrap().is_empty()).then_some(()));
}
