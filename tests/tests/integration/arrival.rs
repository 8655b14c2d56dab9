//! How requests arrive: slowly, one after the other, not at all, cut off in the middle.

use std::{fs, io::Read, thread, time::Duration};

use auth_tests::{PASSWORD, Server, parse, start, took, until};
use serde_json::json;

/// The contract's limit for a head or a body, and an allowance for a busy machine.
const ARRIVAL: (Duration, Duration) = (Duration::from_millis(9_500), Duration::from_secs(14));

fn in_time(took: Duration, what: &str) {
    assert!((ARRIVAL.0..ARRIVAL.1).contains(&took), "{what} took {took:?}");
}

fn registration(server: &Server, address: &str) -> String {
    let body = json!({ "email": address, "password": PASSWORD }).to_string();
    server.head("/v1/register", &format!("Content-Length: {}", body.len())) + body.as_str()
}

fn get(server: &Server, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", server.authority())
}

fn open_files(server: &Server) -> usize {
    fs::read_dir(format!("/proc/{}/fd", server.id())).expect("the server runs").count()
}

/// Every case takes ten seconds, so they run side by side.
#[test]
fn head_and_body_must_each_arrive_within_ten_seconds() {
    let server = start(&[]);
    let half_a_second = Duration::from_millis(500);
    let request = registration(&server, "ada@example.org");
    let body_begins = request.find("\r\n\r\n").unwrap() + 4;
    thread::scope(|scope| {
        scope.spawn(|| {
            let (silent, mut idle) = (server.wire(), server.wire());
            idle.send(get(&server, "/livez"));
            assert_eq!(idle.answer().unwrap().status, 200);
            let mut wire = server.wire();
            wire.send(&request[..20]);
            let (said, time) = took(|| wire.rest());
            in_time(time, "half a head");
            assert!(said.is_empty() || parse(said.as_bytes()).status == 408, "{said}");
            for mut older in [silent, idle] {
                older.send(get(&server, "/livez"));
                assert_eq!(older.answer().expect("idle connections are kept for longer").status, 200);
            }
        });
        for (what, before, answers) in [
            ("half a head on a connection that was used", get(&server, "/livez"), 1),
            ("half a head behind two requests", get(&server, "/livez").repeat(2), 2),
            ("half a head behind a body", registration(&server, "eve@example.org"), 1),
        ] {
            let (server, half) = (&server, &request[..20]);
            scope.spawn(move || {
                let mut wire = server.wire();
                // In one piece: the server has read the half before it has answered.
                wire.send(before + half);
                for _ in 0..answers {
                    assert!(matches!(wire.answer().unwrap().status, 200 | 202), "{what}");
                }
                let (said, time) = took(|| wire.rest());
                in_time(time, what);
                assert!(said.is_empty() || parse(said.as_bytes()).status == 408, "{said}");
            });
        }
        scope.spawn(|| {
            let (said, time) = took(|| server.wire().dribble(request.as_bytes(), half_a_second));
            in_time(time, "a head with a byte every half second");
            assert!(said.is_empty() || parse(said.as_bytes()).status == 408, "{said}");
        });
        scope.spawn(|| {
            let mut wire = server.wire();
            wire.send(&request[..request.len() - 1]);
            let (said, time) = took(|| wire.rest());
            in_time(time, "a body that lacks a byte");
            let answer = parse(said.as_bytes());
            assert_eq!((answer.status, answer.problem().as_str()), (408, "request-timeout"));
        });
        scope.spawn(|| {
            let mut wire = server.wire();
            wire.send(&request[..body_begins]);
            let (said, time) = took(|| wire.dribble(&request.as_bytes()[body_begins..], half_a_second));
            in_time(time, "a body with a byte every half second");
            let answer = parse(said.as_bytes());
            assert_eq!((answer.status, answer.problem().as_str()), (408, "request-timeout"));
        });
        scope.spawn(|| {
            let mut wire = server.wire();
            wire.send(server.head("/v1/register", "Transfer-Encoding: chunked") + "5\r\n{\"ema\r\n");
            let (said, time) = took(|| wire.rest());
            in_time(time, "a chunked body that stops");
            assert_eq!(parse(said.as_bytes()).status, 408);
        });
    });
    assert_eq!(server.mails_to("ada@example.org").len(), 0, "nothing of it was carried out");
    assert_eq!(server.register("ada@example.org", PASSWORD).status, 202);
}

/// The shortest setting, which does not limit a head.
#[test]
fn idle_connection_is_kept_as_long_as_is_configured() {
    let server = start(&[("AUTH_KEEP_ALIVE_SECONDS", "1")]);
    let a_second = Duration::from_millis(950)..Duration::from_secs(5);
    let request = registration(&server, "ada@example.org");
    thread::scope(|scope| {
        scope.spawn(|| {
            let (said, time) = took(|| server.wire().rest());
            assert!(said.is_empty() && a_second.contains(&time), "a silent one: {time:?}, {said}");
        });
        for request in [get(&server, "/livez"), registration(&server, "eve@example.org")] {
            let (server, a_second) = (&server, &a_second);
            scope.spawn(move || {
                let mut wire = server.wire();
                for _ in 0..3 {
                    wire.send(&request);
                    assert!(matches!(wire.answer().unwrap().status, 200 | 202));
                }
                let (said, time) = took(|| wire.rest());
                assert!(said.is_empty() && a_second.contains(&time), "one that was used: {time:?}, {said}");
            });
        }
        scope.spawn(|| {
            let half_a_second = Duration::from_millis(500);
            let (said, time) = took(|| server.wire().dribble(request.as_bytes(), half_a_second));
            in_time(time, "a head with a byte every half second");
            assert!(said.is_empty() || parse(said.as_bytes()).status == 408, "{said}");
        });
    });
}

#[test]
fn requests_on_one_connection_are_answered_in_their_order() {
    let server = start(&[]);
    let get = |path: &str| get(&server, path);
    let mut wire = server.wire();
    wire.send(
        [get("/livez"), registration(&server, "ada@example.org"), get("/nothing"), get("/readyz")].concat(),
    );
    let answers: Vec<u16> = (0..4).map(|_| wire.answer().unwrap().status).collect();
    assert_eq!(answers, [200, 202, 404, 200]);
}

#[test]
fn body_of_a_refused_request_is_never_taken_for_the_next_request() {
    let server = start(&[]);
    let smuggled = registration(&server, "smuggled@example.org");
    let length = format!("Content-Length: {}", smuggled.len());
    for (what, head) in [
        ("404", format!("POST /nothing HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n")),
        ("405", format!("GET /v1/register HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n")),
        ("415", format!("POST /v1/register HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n")),
        ("401", format!("POST /v1/activate HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n")),
        ("livez", format!("GET /livez HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n")),
    ] {
        let mut wire = server.wire();
        wire.send(head + smuggled.as_str());
        assert!(wire.answer().is_some(), "{what}");
        wire.send(format!(
            "GET /livez HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            server.authority()
        ));
        let rest = wire.rest();
        // The connection may be closed; if there is an answer, it is to the real next request.
        assert!(rest.is_empty() || parse(rest.as_bytes()).json()["message"] == "alive", "{what}: {rest}");
    }
    assert_eq!(server.mails_to("smuggled@example.org").len(), 0);
}

#[test]
fn ambiguous_lengths_are_never_two_requests() {
    let server = start(&[]);
    let smuggled = registration(&server, "smuggled@example.org");
    for about in [
        "Content-Length: 2\r\nContent-Length: 3".to_owned(),
        "Content-Length: 2, 3".to_owned(),
        "Content-Length: +2".to_owned(),
        "Transfer-Encoding: chunked, identity".to_owned(),
        "Transfer-Encoding: xchunked".to_owned(),
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity".to_owned(),
        format!("Content-Length: {}\r\nTransfer-Encoding: chunked", smuggled.len() + 7),
    ] {
        let mut wire = server.wire();
        wire.send(server.head("/v1/resend", &about) + "0\r\n\r\n" + smuggled.as_str());
        let said = wire.rest();
        assert!(said.matches("HTTP/1.1 202").count() == 0, "{about}: {said}");
    }
    assert_eq!(server.mails_to("smuggled@example.org").len(), 0);
}

#[test]
fn connection_dropped_in_the_middle_of_a_body_does_no_harm() {
    let server = start(&[]);
    server.get("/livez");
    let before = open_files(&server);
    let request = registration(&server, "ada@example.org");
    for end in (1..request.len()).step_by(3) {
        let mut wire = server.wire();
        wire.send(&request[..end]);
    }
    // Some hundred connections; the database may have opened a few files in the meantime.
    until("the connections being closed", || (open_files(&server) <= before + 20).then_some(()));
    assert!(server.mails().is_empty());
    assert_eq!(server.register("ada@example.org", PASSWORD).status, 202);
    assert!(!server.log().contains("ERROR"), "{}", server.log());
}

#[test]
fn client_that_never_reads_loses_its_connection() {
    let server = start(&[]);
    let mut wire = server.wire();
    // More than the kernel buffers for the client.
    let request = format!("GET /docs HTTP/1.1\r\nHost: {}\r\n\r\n", server.authority());
    wire.send(request.repeat(20));
    until("the connection being closed", || (!wire.send("GET ")).then_some(()));
    assert_eq!(server.get("/livez").status, 200);
}

#[test]
fn client_that_shuts_its_sending_side_gets_the_answer() {
    // So expensive that the server sees the end of the client's side before it has an answer.
    let server = start(&[("AUTH_SCRYPT", "16,8,1")]);
    let (mut whole, mut half) = (server.wire(), server.wire());
    let request = registration(&server, "ada@example.org");
    whole.send(&request);
    whole.finish_sending();
    half.send(&request[..request.len() - 1]);
    half.finish_sending();
    assert_eq!(whole.answer().unwrap().status, 202);
    assert_eq!(whole.rest(), "", "and nothing more");
    assert_eq!(half.answer().unwrap().status, 400, "half a request is an error");
    let mut probe = server.wire();
    probe.send(format!("GET /livez HTTP/1.1\r\nHost: {}\r\n\r\n", server.authority()).repeat(2));
    probe.finish_sending();
    assert_eq!([probe.answer().unwrap().status, probe.answer().unwrap().status], [200, 200]);
}

#[test]
fn early_refusal_lets_the_client_send_on_and_read_its_answer() {
    let server = start(&[]);
    let part = [b' '; 64 << 10];
    for (what, head, status) in [
        ("413", server.head("/v1/register", "Content-Length: 4194304"), 413),
        ("404", server.head("/nothing", "Content-Length: 4194304"), 404),
        ("401", server.head("/v1/activate", "Authorization: Bearer x\r\nContent-Length: 4194304"), 401),
        ("415", server.head("/v1/register", "Content-Encoding: gzip\r\nContent-Length: 4194304"), 415),
        ("431", format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}", "x".repeat(20_000)), 431),
        ("400", "GET / HTTP/1.1\r\nno header\r\n\r\n".to_owned(), 400),
    ] {
        let mut wire = server.wire();
        assert!(wire.send(&head), "{what}");
        for n in 0..64 {
            assert!(wire.send(part), "{what}: the connection broke after {n} parts of the body");
        }
        let answer = wire.answer().unwrap_or_else(|| panic!("{what}: the answer is lost"));
        assert_eq!(answer.status, status, "{what}");
        wire.finish_sending();
        assert_eq!(wire.rest(), "", "{what}");
    }
}

#[test]
fn client_that_never_stops_sending_loses_its_connection() {
    let server = start(&[]);
    let mut wire = server.wire();
    wire.send(server.head("/v1/register", "Content-Length: 9223372036854775807"));
    let part = vec![b' '; 1 << 20];
    until("the connection being closed", || (!wire.send(&part)).then_some(()));
    assert_eq!(server.get("/livez").status, 200);
}

#[test]
fn server_asked_to_wait_for_continue_says_so_before_the_body() {
    let server = start(&[]);
    let body = json!({ "email": "ada@example.org", "password": PASSWORD }).to_string();
    let about = format!("Expect: 100-continue\r\nContent-Length: {}\r\nConnection: close", body.len());
    let mut wire = server.wire();
    wire.send(server.head("/v1/register", &about));
    assert_eq!(wire.answer().unwrap().status, 100);
    wire.send(&body);
    assert_eq!(wire.answer().unwrap().status, 202);
}

#[test]
fn what_is_no_http_is_answered_with_400_and_closed() {
    let server = start(&[]);
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"EHLO example.org\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    ] {
        let said = server.raw(bytes);
        let shown = String::from_utf8_lossy(bytes);
        assert!(
            said.is_empty() || parse(&said).status == 400,
            "{shown:?}: {}",
            String::from_utf8_lossy(&said)
        );
    }
    assert_eq!(server.get("/livez").status, 200);
}

#[test]
fn head_of_more_than_16_kilobytes_is_refused() {
    let server = start(&[]);
    let mut stream = server.connect();
    let request = format!("GET /livez HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(40_000));
    let mut said = Vec::new();
    let _ = std::io::Write::write_all(&mut stream, request.as_bytes());
    let _ = stream.read_to_end(&mut said);
    assert!((400..500).contains(&parse(&said).status), "{}", String::from_utf8_lossy(&said));
}
