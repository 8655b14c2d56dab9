//! What a crash may do to mails: delay one, duplicate one, never lose one.

use std::thread;

use auth_tests::{OTHER, PASSWORD, Server, basic, start, until};
use serde_json::{Value, json};

const ADA: &str = "ada@example.org";
/// Longer than a lease lasts: the mails of a dead worker are due.
const LATER: (&str, &str) = ("AUTH_TEST_CLOCK_SHIFT_SECONDS", "30");
const NO_STOP: (&str, &str) = ("AUTH_TEST_STOP", "before:1000000");

/// Sends JSON to a server that may die in between.
fn ask(server: &Server, path: &str, more: &str, body: &Value) -> Option<u16> {
    let body = body.to_string();
    let about = format!("{more}Content-Length: {}", body.len());
    let mut wire = server.wire();
    wire.send(server.head(path, &about) + body.as_str());
    wire.answer().map(|answer| answer.status)
}

fn register(server: &Server, address: &str) -> Option<u16> {
    ask(server, "/v1/register", "", &json!({ "email": address, "password": PASSWORD }))
}

fn activate(server: &Server, address: &str, code: &str) -> Option<u16> {
    let authorization = format!("Authorization: {}\r\n", basic(address, PASSWORD));
    ask(server, "/v1/activate", &authorization, &json!({ "code": code }))
}

/// Returns how many mails to an address a log shows.
fn mails_in(log: &str, address: &str) -> usize {
    log.lines().filter(|line| line.contains("development mail") && line.contains(address)).count()
}

#[test]
fn hundred_kills_between_a_202_and_its_mail_lose_no_mail() {
    // Half of them by SIGKILL as soon as the 202 has arrived, half at a place in the delivery. Every
    // round's clock is behind the previous one, so that no round sends the mails of another one.
    let stops = ["before:1:PutCode", "after:1:PutCode", "before:1:SendMail", "before:1000000"];
    let mut server: Option<Server> = None;
    let (mut owed, mut sent): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let mut round = 0;
    while owed.len() < 100 {
        assert!(round < 400, "{} mails owed and {} sent after {round} kills", owed.len(), sent.len());
        let (clock, stop) = (format!("-{}", round * 50), stops[round % stops.len()]);
        let settings = [("AUTH_TEST_STOP", stop), ("AUTH_TEST_CLOCK_SHIFT_SECONDS", &clock)];
        let mut running = match server {
            Some(earlier) => earlier.restart(&settings),
            None => start(&settings),
        };
        let address = format!("user{round}@example.org");
        let status = register(&running, &address);
        if stop == NO_STOP.1 {
            running.kill();
        }
        let log = running.whole_log();
        match (status, mails_in(&log, &address)) {
            (Some(202), 0) => owed.push(address),
            (Some(202), 1) => sent.push(address),
            (None, 0) => {}
            (status, mails) => panic!("{status:?} and {mails} mails:\n{log}"),
        }
        server = Some(running);
        round += 1;
    }
    let server = server.unwrap().restart(&[LATER, NO_STOP]);
    until("a hundred mails", || {
        let mails = server.mails();
        owed.iter().all(|address| mails.iter().any(|mail| mail["to"] == address.as_str())).then_some(())
    });
    for address in &owed {
        assert_eq!(server.mails_to(address).len(), 1, "{address}");
    }
    for address in &sent {
        assert!(server.mails_to(address).len() <= 1, "one too many at most: {address}");
    }
    let address = &owed[0];
    assert_eq!(server.activate(address, PASSWORD, &server.code(address)).status, 200);
}

/// Registers, delivers and activates with a server that stops at one place; returns whether it did.
fn stop_at(side: &str, n: usize) -> bool {
    let stop = format!("{side}:{n}");
    let mut server = start(&[("AUTH_TEST_STOP", &stop), ("AUTH_DISCLOSURE", "explicit")]);
    let registered = register(&server, ADA);
    assert!(matches!(registered, Some(201) | None), "{stop}: {registered:?}");
    let mut activated = None;
    let code = code_or_end(&mut server);
    let resend = |server: &Server| ask(server, "/v1/resend", "", &json!({ "email": ADA }));
    let mut resent = None;
    if code.is_some() {
        resent = resend(&server);
        assert!(matches!(resent, Some(202) | None), "{stop}: {resent:?}");
    }
    if let (Some(code), Some(_)) = (&code, resent) {
        activated = activate(&server, ADA, code);
        assert!(matches!(activated, Some(200) | None), "{stop}: {activated:?}");
    }
    // The owner of an active account gets a notice.
    let noticed = if activated == Some(200) { resend(&server) } else { None };
    assert!(matches!(noticed, Some(409) | None), "{stop}: {noticed:?}");
    if noticed.is_some() && server.runs() {
        return false;
    }
    let mails_before = mails_in(&server.whole_log(), ADA);

    // The same node again, or another one.
    let server = if side == "before" {
        server.restart(&[LATER, NO_STOP])
    } else {
        server.sibling_with(&[LATER, NO_STOP])
    };
    server.wait_until_nothing_is_due();
    let mails = mails_before + server.mails_to(ADA).len();
    assert!(mails <= 2, "{stop}: {mails} mails, one too many at most");
    assert!(mails >= 1 || registered.is_none(), "{stop}: acknowledged, and no mail");

    match server.resend(ADA).status {
        404 => assert!(registered.is_none(), "{stop}: acknowledged and lost"),
        409 => {
            assert!(mails >= 1, "{stop}: active without a mail");
            return true;
        }
        202 => assert_ne!(activated, Some(200), "{stop}: activation acknowledged and lost"),
        status => panic!("{stop}: {status}"),
    }
    // The next attempt has its own codes: none that was mailed before opens it.
    let codes = |server: &Server| -> Vec<String> {
        let mails = server.mails_to(ADA);
        mails.iter().filter_map(|mail| Some(mail["code"].as_str()?.to_owned())).collect()
    };
    let earlier: Vec<String> = codes(&server).into_iter().chain(code).collect();
    assert_eq!(server.register(ADA, OTHER).status, 201, "{stop}");
    server.pass(250);
    server.wait_until_nothing_is_due();
    for code in &earlier {
        let answer = server.activate(ADA, OTHER, code);
        assert_ne!(answer.status, 200, "{stop}: a code opens two attempts");
    }
    let code = codes(&server).into_iter().find(|code| !earlier.contains(code)).unwrap();
    assert_eq!(server.activate(ADA, OTHER, &code).status, 200, "{stop}");
    true
}

/// Waits for the code, or for the end of the server.
fn code_or_end(server: &mut Server) -> Option<String> {
    until("a code or the end", || {
        if !server.runs() {
            return Some(None);
        }
        let mut wire = server.try_wire()?;
        let host = server.authority().to_owned();
        wire.send(format!("GET /dev/mailbox.json HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        let mailbox = wire.answer()?.json();
        Some(Some(mailbox["mails"][0]["code"].as_str()?.to_owned()))
    })
}

fn walk(side: &str) {
    let stopped = (1..100).take_while(|n| stop_at(side, *n)).count();
    // Registration has 4 effects, each resend 3, delivery and activation 5 at least.
    assert!((18..60).contains(&stopped), "{stopped} effects");
}

#[test]
fn stop_before_any_effect_loses_nothing_that_was_acknowledged() {
    walk("before");
}

#[test]
fn stop_after_any_effect_loses_nothing_that_was_acknowledged() {
    walk("after");
}

/// Each case takes as long as the dead worker's lease, so the cases run side by side.
#[test]
fn asking_again_does_not_put_off_a_mail_that_is_due_and_has_not_left() {
    let asks: [fn(&Server); 2] = [
        |server| assert_eq!(server.resend(ADA).status, 202),
        |server| assert_eq!(server.register(ADA, PASSWORD).status, 202),
    ];
    thread::scope(|scope| {
        for ask in asks {
            scope.spawn(move || {
                let mut server = start(&[("AUTH_TEST_STOP", "before:1:SendMail")]);
                // Whether its 202 leaves before it stops does not matter here.
                register(&server, ADA);
                server.wait();
                let server = server.restart(&[NO_STOP]);
                assert_eq!(server.mails_to(ADA).len(), 0);
                ask(&server);
                server.wait_until_nothing_is_due();
                assert_eq!(server.mails_to(ADA).len(), 1, "not an interval later: none has been sent");
            });
        }
    });
}

#[test]
fn outbox_lists_what_waits_and_never_a_code() {
    let server = start(&[]);
    server.register(ADA, PASSWORD);
    let code = server.code(ADA);
    server.resend(ADA);
    let (status, listed, _) = server.run(&["mail", "list", "--json"]);
    let outbox: Value = serde_json::from_str(&listed).unwrap();
    let mail = &outbox[0];
    assert_eq!((status, outbox.as_array().map(Vec::len)), (0, Some(1)), "{listed}");
    assert_eq!(
        (&mail["to"], &mail["kind"], &mail["state"]),
        (&json!(ADA), &json!("activation"), &json!("waiting"))
    );
    assert!(!listed.contains(&code), "{listed}");
}
