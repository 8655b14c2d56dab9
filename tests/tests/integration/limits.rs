//! Limits for one client, and for all of them together.

use std::{thread, time::Duration};

use auth_tests::{HOLD_HASHES, HttpAnswer, OTHER, PASSWORD, Server, Wire, start, took, until};
use serde_json::json;
use tokio::net::TcpSocket;

const ADA: &str = "ada@example.org";

fn limited_to(requests: &str) -> Server {
    start(&[("AUTH_CLIENT_REQUESTS_PER_MINUTE", requests)])
}

fn is_limited(answer: &HttpAnswer) -> i64 {
    assert_eq!((answer.status, answer.problem().as_str()), (429, "rate-limited"), "{answer:?}");
    answer.header("retry-after").unwrap().parse().unwrap()
}

fn is_overloaded(answer: &HttpAnswer) {
    assert_eq!((answer.status, answer.problem().as_str()), (503, "overloaded"), "{answer:?}");
    let seconds: u32 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..60).contains(&seconds), "{seconds}");
}

/// Connects from another address of this machine, as another client.
fn from(source: &str, server: &Server) -> Wire {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let stream = runtime.block_on(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{source}:0").parse().unwrap()).unwrap();
        socket.connect(server.authority().parse().unwrap()).await.unwrap()
    });
    let stream = stream.into_std().unwrap();
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    Wire::new(stream)
}

fn register_from(source: &str, server: &Server, address: &str) -> HttpAnswer {
    let body = json!({ "email": address, "password": PASSWORD }).to_string();
    let mut wire = from(source, server);
    wire.send(server.head("/v1/register", &format!("Content-Length: {}", body.len())) + body.as_str());
    wire.answer().unwrap()
}

#[test]
fn three_operations_count_together_and_say_how_long_to_wait() {
    let server = limited_to("3");
    assert_eq!(server.register(ADA, PASSWORD).status, 202);
    assert_eq!(server.resend(ADA).status, 202);
    assert_eq!(server.activate(ADA, PASSWORD, "123456").status, 401);
    for answer in [
        server.register("bob@example.org", PASSWORD),
        server.resend("bob@example.org"),
        server.activate("bob@example.org", PASSWORD, "123456"),
    ] {
        assert!((1..=20).contains(&is_limited(&answer)), "{answer:?}");
    }
    server.shift_clock(is_limited(&server.resend(ADA)));
    assert_eq!(server.resend(ADA).status, 202, "as long as it said");
    is_limited(&server.resend(ADA));
    server.shift_clock(60);
    for _ in 0..3 {
        assert_eq!(server.resend(ADA).status, 202, "a minute later all three again");
    }
    is_limited(&server.resend(ADA));
}

#[test]
fn limit_comes_before_the_password_policy_and_after_the_form() {
    let server = limited_to("1");
    for _ in 0..5 {
        assert_eq!(server.register("ada", PASSWORD).status, 400, "what is malformed is not counted");
        assert_eq!(server.request("POST", "/v1/register", &[], b"{}").status, 415);
        assert_eq!(server.post("/v1/activate", &[], &json!({ "code": "123456" })).status, 401);
        assert_eq!(server.get("/readyz").status, 200, "other paths are not limited");
    }
    assert_eq!(server.register(ADA, "weak").status, 422, "only this request counts");
    is_limited(&server.register(ADA, "weak"));
    assert_eq!(server.register("ada", PASSWORD).status, 400);
    assert_eq!(server.get("/readyz").status, 200);
}

#[test]
fn zero_switches_the_limit_off() {
    let server = limited_to("0");
    for _ in 0..300 {
        assert_eq!(server.resend(ADA).status, 202);
    }
}

#[test]
fn forwarding_header_of_a_stranger_counts_for_nothing() {
    let server = limited_to("2");
    let asked = |n: u32| {
        let forwarded = format!("203.0.113.{n}");
        let headers = [
            ("X-Forwarded-For", forwarded.as_str()),
            ("Forwarded", "for=203.0.113.7"),
            ("X-Real-IP", &forwarded),
        ];
        server.post("/v1/resend", &headers, &json!({ "email": ADA }))
    };
    assert_eq!((asked(1).status, asked(2).status), (202, 202));
    is_limited(&asked(3));
}

/// Starts a server that accepts one request a minute from each client, behind a proxy of ours.
fn behind_a_proxy(header: &str) -> Server {
    start(&[
        ("AUTH_CLIENT_REQUESTS_PER_MINUTE", "1"),
        ("AUTH_TRUSTED_PROXIES", "127.0.0.1"),
        ("AUTH_FORWARDED_HEADER", header),
        // Nobody listens there, and no mail leaves.
        ("AUTH_SMTP_URL", "smtp://127.0.0.1:9"),
        ("AUTH_MAIL_FROM", "no-reply@example.net"),
    ])
}

fn forwarded(server: &Server, headers: &[(&str, &str)]) -> HttpAnswer {
    server.post("/v1/resend", headers, &json!({ "email": ADA }))
}

fn warnings(server: &Server, of: &str) -> Vec<String> {
    server
        .log()
        .lines()
        .filter(|line| line.contains("WARN") && line.contains(of))
        .map(str::to_owned)
        .collect()
}

#[test]
fn proxies_may_write_ports_and_brackets() {
    let server = behind_a_proxy("x-forwarded-for");
    let asked = |value: &str| forwarded(&server, &[("X-Forwarded-For", value)]);
    for client in
        ["198.51.100.7:51234", "1.1.1.1, 198.51.100.8:51234", "[2001:db8::7]:4711", "[2001:db8:1::7]"]
    {
        assert_eq!(asked(client).status, 202, "{client}");
    }
    for known in ["198.51.100.7:4", "198.51.100.8", "[2001:db8::8]:1, 127.0.0.1:80", "2001:db8:1::7"] {
        is_limited(&asked(known));
    }
    assert_eq!(warnings(&server, "forwarded"), [] as [String; 0]);
}

#[test]
fn proxies_may_write_forwarded_and_the_other_header_is_the_clients() {
    let server = behind_a_proxy("forwarded");
    let asked =
        |value: &str, other: &str| forwarded(&server, &[("Forwarded", value), ("X-Forwarded-For", other)]);
    assert_eq!(asked("for=198.51.100.7;proto=https", "203.0.113.1").status, 202);
    assert_eq!(asked("for=1.1.1.1;x=\", For=\"198.51.100.8:51234\"", "203.0.113.2").status, 202);
    assert_eq!(asked("proto=https;for=\"[2001:db8::7]:4711\"", "203.0.113.3").status, 202);
    is_limited(&asked("for=\"198.51.100.7:4\"", "203.0.113.4"));
    is_limited(&asked("for=203.0.113.9, for=198.51.100.8", "203.0.113.5"));
    is_limited(&asked("for=\"[2001:db8::8]\", for=127.0.0.1", "203.0.113.6"));
    let server = behind_a_proxy("x-forwarded-for");
    let asked =
        |forged: &str| forwarded(&server, &[("X-Forwarded-For", "198.51.100.7"), ("Forwarded", forged)]);
    assert_eq!(asked("for=203.0.113.1").status, 202);
    is_limited(&asked("for=203.0.113.2"));
}

#[test]
fn what_cannot_be_read_is_logged_once_a_minute() {
    for (header, unreadable) in [
        ("x-forwarded-for", ["unknown", "198.51.100.7 canary", "_hidden, 127.0.0.1"]),
        ("forwarded", ["for=unknown", "for=\"198.51.100.7 canary\"", "for=_hidden, for=127.0.0.1"]),
    ] {
        let server = behind_a_proxy(header);
        for (n, value) in unreadable.iter().enumerate() {
            let answer = forwarded(&server, &[(header, value)]);
            assert_eq!(answer.status, if n == 0 { 202 } else { 429 }, "they are one client: {value}");
        }
        is_limited(&forwarded(&server, &[]));
        until("both warnings", || (warnings(&server, "one rate limit").len() == 2).then_some(()));
        let [unread] = &warnings(&server, "cannot be read")[..] else { panic!("{}", server.log()) };
        assert!(unread.contains(header) && unread.contains("127.0.0.1"), "{unread}");
        let [missing] = &warnings(&server, "no such header")[..] else { panic!("{}", server.log()) };
        assert!(missing.contains(header) && missing.contains("AUTH_FORWARDED_HEADER"), "{missing}");
        assert!(!server.log().contains("198.51") && !server.log().contains("canary"), "{}", server.log());
    }
}

#[test]
fn clients_are_counted_apart() {
    let server = limited_to("1");
    assert_eq!(register_from("127.0.0.1", &server, ADA).status, 202);
    is_limited(&register_from("127.0.0.1", &server, ADA));
    assert_eq!(register_from("127.0.0.2", &server, ADA).status, 202, "another client");
    is_limited(&register_from("127.0.0.2", &server, ADA));
}

/// Returns how many hashes wait or run.
fn hashes(server: &Server, state: &str) -> f64 {
    server.metric(&format!(r#"auth_hashes{{state="{state}"}}"#))
}

fn until_hashes(server: &Server, state: &str, count: f64) {
    until(&format!("{count} hashes {state}"), || (hashes(server, state) == count).then_some(()));
}

#[test]
fn full_queue_is_503_in_every_state_of_the_address() {
    let server = start(&[]);
    server.register("pending@example.org", PASSWORD);
    server.activated("active@example.org", PASSWORD);
    let server = server.restart(&[HOLD_HASHES, ("AUTH_HASH_WORKERS", "1"), ("AUTH_HASH_QUEUE", "1")]);
    thread::scope(|scope| {
        let first = scope.spawn(|| server.register("one@example.org", PASSWORD));
        until_hashes(&server, "running", 1.0);
        let second = scope.spawn(|| server.register("two@example.org", PASSWORD));
        until_hashes(&server, "waiting", 1.0);
        for address in ["pending@example.org", "active@example.org", "absent@example.org"] {
            is_overloaded(&server.register(address, PASSWORD));
            is_overloaded(&server.activate(address, PASSWORD, "123456"));
            assert_eq!(server.resend(address).status, 202, "it needs no hash");
        }
        assert_eq!(hashes(&server, "waiting"), 1.0, "all of that while the queue was full");
        server.release_hashes();
        assert_eq!((first.join().unwrap().status, second.join().unwrap().status), (202, 202));
    });
    assert_eq!(server.register("absent@example.org", PASSWORD).status, 202, "itself again");
}

#[test]
fn one_client_holds_a_quarter_of_the_queue_and_others_get_in() {
    let server = start(&[HOLD_HASHES, ("AUTH_HASH_WORKERS", "1"), ("AUTH_HASH_QUEUE", "4")]);
    thread::scope(|scope| {
        let first = scope.spawn(|| register_from("127.0.0.1", &server, "one@example.org"));
        until_hashes(&server, "running", 1.0);
        let second = scope.spawn(|| register_from("127.0.0.1", &server, "two@example.org"));
        until_hashes(&server, "waiting", 1.0);
        is_overloaded(&register_from("127.0.0.1", &server, "three@example.org"));
        let other = scope.spawn(|| register_from("127.0.0.2", &server, "four@example.org"));
        until_hashes(&server, "waiting", 2.0);
        server.release_hashes();
        let answers = [first, second, other].map(|thread| thread.join().unwrap().status);
        assert_eq!(answers, [202; 3]);
    });
}

#[test]
fn no_answer_takes_longer_than_ten_seconds() {
    let server = start(&[HOLD_HASHES, ("AUTH_HASH_WORKERS", "1")]);
    let asked = ["one@example.org", "two@example.org", "three@example.org"];
    let answers: Vec<(HttpAnswer, Duration)> = thread::scope(|scope| {
        let asked = asked.map(|address| scope.spawn(|| took(|| server.register(address, OTHER))));
        asked.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for (answer, time) in &answers {
        assert!(*time < Duration::from_secs(10), "{time:?}: {answer:?}");
        is_overloaded(answer);
    }
    server.release_hashes();
    assert_eq!(server.register("later@example.org", PASSWORD).status, 202, "itself again");
    assert_eq!(server.metric("auth_hash_duration_seconds_count"), 1.0, "nobody's hash is made any more");
}
