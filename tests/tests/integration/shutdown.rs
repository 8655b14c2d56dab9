//! The end of the program: accepted requests are finished, nothing is left half done.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpStream,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use auth_tests::{HOLD_HASHES, PASSWORD, Server, start, took, until};
use serde_json::json;

const ADA: &str = "ada@example.org";

fn hash_under_way(server: &Server) {
    until("a hash under way", || (server.metric(r#"auth_hashes{state="running"}"#) == 1.0).then_some(()));
}

fn ends_in_order(server: &mut Server) {
    let (status, time) = took(|| server.wait());
    assert_eq!(status.code(), Some(0), "{}", server.log());
    assert!(time < Duration::from_secs(10), "{time:?}");
}

fn registration(server: &Server, address: &str) -> String {
    let body = json!({ "email": address, "password": PASSWORD }).to_string();
    server.head("/v1/register", &format!("Content-Length: {}", body.len())) + body.as_str()
}

#[test]
fn request_in_flight_is_answered_and_no_other_one_is_accepted() {
    for signal in ["TERM", "INT", "HUP"] {
        let mut server = start(&[HOLD_HASHES]);
        thread::scope(|scope| {
            let asked = scope.spawn(|| server.register(ADA, PASSWORD));
            hash_under_way(&server);
            server.signal(signal);
            until("connections being refused", || TcpStream::connect(server.authority()).err());
            assert!(!asked.is_finished(), "refused while the request is in flight");
            server.release_hashes();
            assert_eq!(asked.join().unwrap().status, 202, "{signal}");
        });
        ends_in_order(&mut server);
    }
}

#[test]
fn server_that_has_said_where_it_listens_ends_in_order_at_once() {
    for n in 0..20 {
        let mut server = start(&[]);
        server.signal(["TERM", "INT", "HUP"][n % 3]);
        ends_in_order(&mut server);
    }
}

/// Starts it as `nohup` does, so that it outlives the terminal.
#[test]
fn hangup_that_is_ignored_at_the_start_stays_ignored() {
    let folder = tempfile::TempDir::new().unwrap();
    let mut child = Command::new("/bin/sh")
        .args(["-c", "trap '' HUP; exec \"$0\""])
        .arg(auth_tests::program(false))
        .env_clear()
        .env("AUTH_LISTEN", "127.0.0.1:0")
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    let authority = line.trim().strip_prefix("listening on http://").unwrap();
    let id = child.id().to_string();
    let send = |signal: &str| assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    let mask = |name: &str| -> u64 {
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        u64::from_str_radix(mask.trim(), 16).unwrap() & 1
    };
    assert_eq!((mask("SigIgn:"), mask("SigCgt:")), (1, 0));
    send("-HUP");
    assert_eq!(auth_tests::request(authority, "GET", "/livez", &[], b"").status, 200);
    send("-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn connections_that_say_nothing_do_not_hold_the_end_up() {
    let mut server = start(&[]);
    let (mut silent, mut idle, mut begun) = (server.wire(), server.wire(), server.wire());
    idle.send(format!("GET /livez HTTP/1.1\r\nHost: {}\r\n\r\n", server.authority()));
    assert_eq!(idle.answer().unwrap().status, 200);
    begun.send("POST /v1/regis");
    assert_eq!(server.get("/livez").status, 200, "the others were accepted before");
    server.terminate();
    ends_in_order(&mut server);
    assert!(silent.answer().is_none() && idle.answer().is_none() && begun.answer().is_none());
}

#[test]
fn body_that_never_comes_does_not_hold_the_end_up() {
    let mut server = start(&[]);
    let mut wire = server.wire();
    wire.send(server.head("/v1/register", "Expect: 100-continue\r\nContent-Length: 100"));
    assert_eq!(wire.answer().unwrap().status, 100, "the server waits for it");
    server.terminate();
    ends_in_order(&mut server);
}

/// Returns how many mails to an address a log shows.
fn mails_in(log: &str, address: &str) -> usize {
    log.lines().filter(|line| line.contains("development mail") && line.contains(address)).count()
}

#[test]
fn acknowledged_registration_gets_exactly_one_mail_across_an_orderly_end() {
    for n in 0..10 {
        let address = format!("user{n}@example.org");
        let mut server = start(&[]);
        assert_eq!(server.register(&address, PASSWORD).status, 202);
        server.terminate();
        ends_in_order(&mut server);
        let before = mails_in(&server.whole_log(), &address);
        // No clock is moved: a lease that was not released would show as a late mail.
        let server = server.restart(&[]);
        let ((), time) = took(|| server.wait_until_nothing_is_due());
        assert!(time < Duration::from_secs(4), "a lease was not given back: {time:?}");
        assert_eq!(before + server.mails_to(&address).len(), 1);
    }
}

#[test]
fn client_that_disconnects_leaves_no_half_state() {
    let server =
        start(&[("AUTH_SCRYPT", "10,8,1"), ("AUTH_HASH_QUEUE", "1000"), ("AUTH_DISCLOSURE", "explicit")]);
    let address = |n: usize| format!("user{n}@example.org");
    for n in 0..60 {
        let mut wire = server.wire();
        wire.send(registration(&server, &address(n)));
        // Every third one disconnects at once, the others when another one's answer has arrived.
        if n % 3 != 0 {
            server.resend("nobody@example.org");
        }
        if n % 3 == 2 {
            server.register("somebody@example.org", PASSWORD);
        }
        drop(wire);
    }
    let mut taken_up = 0;
    for n in 0..60 {
        let address = address(n);
        match server.resend(&address).status {
            // As if it had never been sent.
            404 => assert_eq!(server.register(&address, PASSWORD).status, 201, "{address}"),
            202 => taken_up += 1,
            status => panic!("{address}: {status}"),
        }
        let code = server.code(&address);
        assert_eq!(server.activate(&address, PASSWORD, &code).status, 200, "{address}");
    }
    assert!(taken_up > 0, "some were far enough to be carried out");
    assert!(!server.log().contains("ERROR"), "{}", server.log());
}

#[test]
fn activation_whose_reply_was_lost_can_be_repeated() {
    let server = start(&[]);
    for n in 0..20 {
        let address = format!("user{n}@example.org");
        server.register(&address, PASSWORD);
        let code = server.code(&address);
        let body = json!({ "code": code }).to_string();
        let about = format!(
            "Authorization: {}\r\nContent-Length: {}",
            auth_tests::basic(&address, PASSWORD),
            body.len()
        );
        let mut wire = server.wire();
        wire.send(server.head("/v1/activate", &about) + body.as_str());
        drop(wire);
        assert_eq!(server.activate(&address, PASSWORD, &code).status, 200, "{address}");
    }
}
