//! The whole program with a mail server that is good, bad or unavailable.

use std::{thread, time::Duration};

use auth_tests::{
    PASSWORD, Program, Server,
    smtp_peer::{Act, Manner, SmtpPeer, SmtpStep},
    start, took, until,
};
use serde_json::Value;

use crate::smtp::{STRICT, WORD};

const ADA: &str = "ada@example.org";
const FROM: (&str, &str) = ("AUTH_MAIL_FROM", "Accounts <no-reply@example.net>");
const KEYS: (&str, &str) = ("AUTH_CODE_KEYS", "k1:Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LTc3MzE=");

/// Starts a server that sends mails through a peer.
fn mailing(peer: &SmtpPeer) -> Server {
    start(&[("AUTH_SMTP_URL", &peer.url()), FROM])
}

/// Returns the outbox as `mail list` shows it.
fn outbox(server: &Server) -> Vec<Value> {
    let (status, out, err) = server.run(&["mail", "list", "--json"]);
    assert_eq!(status, 0, "{err}");
    serde_json::from_str(&out).unwrap()
}

/// Waits until the only mail is in a state and its last error begins with a text; returns it.
fn settled(server: &Server, state: &str, error: &str) -> Value {
    until(&format!("a mail that is {state} after {error:?}"), || {
        let mail = outbox(server).pop()?;
        let so = mail["state"] == state && mail["last_error"].as_str()?.starts_with(error);
        so.then_some(mail)
    })
}

/// Waits for a mail at the peer, and activates with its code.
fn activates(server: &Server, peer: &SmtpPeer, address: &str) {
    let code = peer.wait_for_mails(address, 1)[0].code().unwrap();
    assert_eq!(server.activate(address, PASSWORD, &code).status, 200, "{address}");
}

#[test]
fn mails_leave_at_the_configured_pace() {
    let peer = SmtpPeer::start(Manner::default());
    let server = start(&[("AUTH_SMTP_URL", &peer.url()), FROM, ("AUTH_MAIL_PER_SECOND", "2")]);
    let addresses: Vec<String> = (0..5).map(|n| format!("user{n}@example.org")).collect();
    let ((), time) = took(|| {
        for address in &addresses {
            server.register(address, PASSWORD);
        }
        for address in &addresses {
            peer.wait_for_mails(address, 1);
        }
    });
    assert!(time >= Duration::from_secs(2), "five mails at two a second: {time:?}");
}

#[test]
fn no_more_mails_are_under_way_than_configured() {
    let peer = SmtpPeer::start(Manner::default());
    peer.on(SmtpStep::Mail, Act::hang());
    let server = start(&[("AUTH_SMTP_URL", &peer.url()), FROM, ("AUTH_MAIL_CONNECTIONS", "2")]);
    for n in 0..4 {
        server.register(&format!("user{n}@example.org"), PASSWORD);
    }
    let states = || outbox(&server).iter().map(|mail| mail["state"].to_string()).collect::<Vec<_>>();
    let leased = || states().iter().filter(|state| state.contains("leased")).count();
    until("two mails under way", || (leased() == 2 && peer.sessions().len() == 2).then_some(()));
    assert_eq!((states().len(), leased()), (4, 2));
}

#[test]
fn a_mail_over_smtp_activates() {
    for manner in [Manner::default(), STRICT] {
        let peer = SmtpPeer::start(manner);
        let server = mailing(&peer);
        assert_eq!(server.register(ADA, PASSWORD).status, 202);
        activates(&server, &peer, ADA);
        let mail = peer.mails().remove(0);
        assert_eq!(
            (mail.from.as_str(), &mail.recipients[..]),
            ("no-reply@example.net", &[ADA.to_owned()][..])
        );
        assert_eq!(mail.header("From"), "\"Accounts\" <no-reply@example.net>");
        assert_eq!(outbox(&server), [] as [Value; 0]);
    }
}

/// Threat: an answer discloses whether a mail left, and how.
#[test]
fn answers_are_the_same_whether_the_mail_server_is_up_or_not() {
    let peer = SmtpPeer::start(Manner::default());
    let server = mailing(&peer);
    server.register("up@example.org", PASSWORD);
    activates(&server, &peer, "up@example.org");
    let asked = |address: &str| {
        let register = server.register(address, PASSWORD);
        let resend = server.resend(address);
        let activate = server.activate(address, PASSWORD, "000000");
        let active = server.register("up@example.org", PASSWORD);
        [register, resend, activate, active]
            .map(|answer| (answer.status, answer.header("retry-after").map(str::to_owned)))
    };
    let up = asked("before@example.org");
    peer.down();
    let down = asked("after@example.org");
    assert_eq!(up, down);
    assert_eq!(server.get("/readyz").status, 200, "HTTP is served without it");
}

#[test]
fn mails_arrive_by_themselves_once_the_server_is_back() {
    let peer = SmtpPeer::start(STRICT);
    let server = mailing(&peer);
    peer.down();
    for n in 0..3 {
        assert_eq!(server.register(&format!("user{n}@example.org"), PASSWORD).status, 202);
    }
    until("an attempt at each", || {
        let mails = outbox(&server);
        let tried = |mail: &Value| mail["last_error"].as_str().is_some_and(|e| e.contains("refused"));
        (mails.len() == 3 && mails.iter().all(tried)).then_some(())
    });
    peer.up();
    for n in 0..3 {
        activates(&server, &peer, &format!("user{n}@example.org"));
    }
    assert_eq!(peer.mails().len(), 3, "each once");
}

#[test]
fn a_mail_that_is_put_off_arrives_later() {
    let peer = SmtpPeer::start(Manner::default());
    let server = mailing(&peer);
    for (n, (step, reply)) in [
        (SmtpStep::Greeting, "421 4.3.2 too busy"),
        (SmtpStep::Rcpt, "450 4.2.0 greylisted"),
        (SmtpStep::End, "451 4.3.0 try again"),
        (SmtpStep::Mail, "421 4.7.0 closing"),
    ]
    .into_iter()
    .enumerate()
    {
        peer.once(step, Act::reply(reply));
        let address = format!("user{n}@example.org");
        assert_eq!(server.register(&address, PASSWORD).status, 202);
        activates(&server, &peer, &address);
        assert_eq!(peer.mails_to(&address).len(), 1);
    }
}

#[test]
fn a_refused_mail_is_a_dead_letter_that_says_why_and_can_be_retried() {
    let peer = SmtpPeer::start(Manner::default());
    let server = mailing(&peer);
    peer.on(SmtpStep::Rcpt, Act::reply("550 5.1.1 no such user"));
    assert_eq!(server.register(ADA, PASSWORD).status, 202);
    let mail = settled(&server, "dead", "RCPT TO: 550 5.1.1 no such user");
    assert_eq!((&mail["to"], &mail["attempts"]), (&ADA.into(), &1.into()));
    assert!(!server.log().contains(ADA), "{}", server.log());
    peer.behave();
    let (status, out, err) = server.run(&["mail", "retry", mail["id"].as_str().unwrap()]);
    assert_eq!((status, out.as_str()), (0, "1 mails due at once\n"), "{err}");
    activates(&server, &peer, ADA);
}

/// Each retry may deliver the mail once more.
#[test]
fn a_lost_last_reply_is_followed_by_two_mails_at_most() {
    let peer = SmtpPeer::start(Manner::default());
    let server = mailing(&peer);
    peer.on(SmtpStep::End, Act::close().and_store());
    assert_eq!(server.register(ADA, PASSWORD).status, 202);
    for count in 1..=2 {
        peer.wait_for_mails(ADA, count);
        settled(&server, "waiting", "the server's last reply was lost; the mail may have arrived");
        // It waits, so nothing is under way while the clock moves.
        server.shift_clock(601);
    }
    peer.wait_for_mails(ADA, 3);
    settled(&server, "dead", "the server's last reply was lost; the mail may have arrived");
    // The worker that sends this one has skipped the other one.
    server.shift_clock(7200);
    peer.behave();
    server.register("eve@example.org", PASSWORD);
    peer.wait_for_mails("eve@example.org", 1);
    assert_eq!(peer.mails_to(ADA).len(), 3);
    let ids: Vec<String> = peer.mails_to(ADA).iter().map(|mail| mail.header("Message-ID")).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "readers may see that it is one: {ids:?}");
}

#[test]
fn one_silent_conversation_holds_up_nobody_else() {
    let peer = SmtpPeer::start(Manner::default());
    let server = mailing(&peer);
    peer.on_line(SmtpStep::Rcpt, "silent@", Act::hang());
    server.register("silent@example.org", PASSWORD);
    for n in 0..10 {
        let address = format!("user{n}@example.org");
        server.register(&address, PASSWORD);
        activates(&server, &peer, &address);
    }
    let left = outbox(&server);
    assert!(matches!(&left[..], [mail] if mail["state"] == "leased"), "{left:?}");
}

/// Each case takes the half minute that a phase may last, so the cases run side by side.
#[test]
fn a_server_that_hangs_gets_the_mail_once_it_does_not() {
    thread::scope(|scope| {
        for step in [SmtpStep::Ehlo, SmtpStep::Data] {
            scope.spawn(move || {
                let peer = SmtpPeer::start(Manner::default());
                peer.once(step, Act::hang());
                let server = mailing(&peer);
                let (answer, took) = took(|| server.register(ADA, PASSWORD));
                assert_eq!(answer.status, 202, "{answer:?}");
                assert!(took < Duration::from_secs(5), "{took:?}");
                activates(&server, &peer, ADA);
                assert_eq!(peer.mails().len(), 1, "after {step:?}");
            });
        }
    });
}

#[test]
fn there_is_no_development_mailbox_with_smtp() {
    let peer = SmtpPeer::start(Manner::default());
    let server = mailing(&peer);
    for page in ["/dev/mailbox", "/dev/mailbox.json"] {
        assert_eq!(server.get(page).status, 404, "{page}");
    }
    let without = start(&[]);
    assert_eq!(without.get("/dev/mailbox.json").status, 200);
}

#[test]
fn codes_addresses_and_passwords_show_in_no_log() {
    let peer = SmtpPeer::start(STRICT);
    let server = start(&[("AUTH_SMTP_URL", &peer.url()), FROM, ("AUTH_LOG", "trace")]);
    peer.once(SmtpStep::Auth, Act::reply(&format!("535 5.7.8 not {WORD}")));
    peer.once(SmtpStep::Rcpt, Act::reply("450 4.2.0 <ada@example.org> greylisted"));
    peer.once(SmtpStep::End, Act::reply("354 ada@example.org what"));
    server.register(ADA, PASSWORD);
    settled(&server, "waiting", "the server's last reply was lost");
    server.shift_clock(601);
    activates(&server, &peer, ADA);
    let (log, code) = (server.log(), peer.mails()[0].code().unwrap());
    for told in ["login: 535 5.7.8 not [hidden]", "RCPT TO: 450", "end of message: 354"] {
        assert!(log.contains(told), "{told} is not in {log}");
    }
    for secret in [ADA, WORD, PASSWORD, code.as_str()] {
        assert!(!log.contains(secret), "{secret} is in {log}");
    }
}

#[test]
fn with_smtp_and_keys_others_may_come_also_through_a_proxy() {
    let peer = SmtpPeer::start(Manner::default());
    let url = peer.url();
    let settings = [("AUTH_LISTEN", "0.0.0.0:0"), ("AUTH_SMTP_URL", &url), FROM, KEYS];
    let program = Program::plain(&settings);
    for more in [&[][..], &[("AUTH_TRUSTED_PROXIES", "10.0.0.0/8")]] {
        let server = program.with(more).serve(&[]);
        assert_eq!(server.get("/livez").status, 200);
    }
}

/// The mail server may be unavailable when the program starts.
#[test]
fn a_mail_server_that_is_away_stops_no_start() {
    let peer = SmtpPeer::start(Manner::default());
    peer.down();
    let server = mailing(&peer);
    assert_eq!(server.register(ADA, PASSWORD).status, 202);
    settled(&server, "waiting", "connection: ");
    peer.up();
    activates(&server, &peer, ADA);
}
