//! The command `healthcheck`: it asks a running server whether it is ready.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
    time::Duration,
};

use auth_tests::{Exit, Program, container::free_port, start, took};

fn failed(ran: &Exit, words: &[&str]) {
    assert_eq!((ran.status, ran.out.as_str()), (1, ""), "{ran:?}");
    for word in words {
        assert!(ran.message().contains(word), "{word} in {ran:?}");
    }
}

/// Answers one request on its own port; returns the address.
fn answering(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let read = stream.read(&mut [0; 4096]).unwrap();
        assert!(read > 0);
        stream.write_all(answer.as_bytes()).unwrap();
    });
    authority
}

#[test]
fn ready_server_is_found_at_auth_listen() {
    let server = start(&[]);
    for listen in [server.authority().to_owned(), server.authority().replace("127.0.0.1", "0.0.0.0")] {
        let ran = Program::plain(&[("AUTH_LISTEN", &listen)]).run(&["healthcheck"]);
        assert_eq!((ran.status, ran.out.as_str()), (0, "ready\n"), "{ran:?}");
    }
}

#[test]
fn ready_server_is_found_at_url() {
    let server = start(&[]);
    for url in [server.base.clone(), format!("{}/", server.base), format!("{}/readyz", server.base)] {
        // Nobody listens on AUTH_LISTEN.
        let ran = Program::plain(&[("AUTH_LISTEN", "127.0.0.1:1")]).run(&["healthcheck", "--url", &url]);
        assert_eq!((ran.status, ran.out.as_str()), (0, "ready\n"), "{ran:?}");
    }
}

#[test]
fn address_that_is_none_is_a_failure_that_names_its_variable() {
    for listen in ["localhost", "8000", "tcp://10.96.0.7:8000"] {
        failed(&Program::plain(&[("AUTH_LISTEN", listen)]).run(&["healthcheck"]), &["AUTH_LISTEN", listen]);
    }
}

#[test]
fn nobody_there_is_a_failure() {
    let free = format!("127.0.0.1:{}", free_port());
    failed(&Program::plain(&[("AUTH_LISTEN", &free)]).run(&["healthcheck"]), &[&free, "refused"]);
    let url = format!("http://{free}");
    failed(&Program::plain(&[]).run(&["healthcheck", "--url", &url]), &[&free, "refused"]);
}

#[test]
fn server_that_is_not_ready_is_a_failure_with_its_reason() {
    let answer = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 8\r\n\r\naccounts";
    let ran = Program::plain(&[("AUTH_LISTEN", &answering(answer))]).run(&["healthcheck"]);
    failed(&ran, &["not ready", "503", "accounts"]);
}

#[test]
fn answer_that_is_no_http_is_a_failure() {
    let ran = Program::plain(&[("AUTH_LISTEN", &answering("220 mail.example.org ESMTP\r\n"))])
        .run(&["healthcheck"]);
    failed(&ran, &["no answer"]);
}

#[test]
fn silent_server_is_a_failure_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let (ran, time) = took(|| Program::plain(&[("AUTH_LISTEN", &authority)]).run(&["healthcheck"]));
    failed(&ran, &["no answer", "within"]);
    assert!(time < Duration::from_secs(20), "{time:?}");
}

#[test]
fn other_schemes_are_refused() {
    for url in ["https://127.0.0.1:8000", "127.0.0.1:8000", "ftp://127.0.0.1"] {
        failed(&Program::plain(&[]).run(&["healthcheck", "--url", url]), &[url, "http://"]);
    }
}
