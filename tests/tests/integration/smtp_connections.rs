//! Warm connections: reused, dropped when they fail, and closed politely.

use std::{sync::Arc, time::Duration};

use auth_core::Sending;
use auth_http::{
    adapter::mail_smtp::{MailSmtp, SmtpDeadlines},
    config::SmtpServer,
    port::Mailer,
};
use auth_tests::{
    smtp_peer::{Act, Manner, Session, SmtpPeer, SmtpStep},
    until,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
    task::JoinSet,
};

use crate::smtp::{IMPATIENT, STRICT, activation, deferred, mailer, pair, rejected, send, server};

/// One command at a time, and all of an envelope at once.
const BOTH_WAYS: [bool; 2] = [false, true];

#[tokio::test]
async fn mails_one_after_the_other_share_a_connection() {
    for pipelining in BOTH_WAYS {
        share_a_connection(Manner { pipelining, ..STRICT }).await;
    }
}

async fn share_a_connection(manner: Manner) {
    let (peer, mailer) = pair(manner);
    for _ in 0..5 {
        assert_eq!(send(&mailer).await.unwrap(), Sending::Accepted);
    }
    let [Session { clear, encrypted, .. }] = &peer.sessions()[..] else { panic!("one connection") };
    assert_eq!(clear[..], ["EHLO example.net", "STARTTLS"], "by the sender's domain, not the machine's name");
    let count = |verb: &str| encrypted.iter().filter(|line| line.starts_with(verb)).count();
    assert_eq!(["EHLO", "AUTH", "RSET", "MAIL", "QUIT"].map(count), [1, 1, 4, 5, 0], "{encrypted:?}");
    assert_eq!(peer.mails().len(), 5);
}

#[tokio::test]
async fn a_refused_mail_leaves_the_connection_to_the_next() {
    for pipelining in BOTH_WAYS {
        let (peer, mailer) = pair(Manner { pipelining, ..Manner::default() });
        for (step, reply, phase) in [
            (SmtpStep::Rcpt, "550 no", "RCPT TO"),
            (SmtpStep::Mail, "551 no", "MAIL FROM"),
            (SmtpStep::End, "554 no", "end of message"),
        ] {
            peer.once(step, Act::reply(reply));
            assert_eq!(rejected(&send(&mailer).await), format!("{phase}: {reply}"));
            assert_eq!(send(&mailer).await.unwrap(), Sending::Accepted);
        }
        assert_eq!((peer.sessions().len(), peer.mails().len()), (1, 3));
    }
}

/// RFC 2920 section 3.1: it would take the next command for the content of a mail to nobody.
#[tokio::test]
async fn a_server_that_waits_for_a_mail_to_nobody_is_left_alone() {
    let (peer, mailer) = pair(Manner { pipelining: true, ..Manner::default() });
    peer.on(SmtpStep::Data, Act::reply("354 go ahead"));
    for _ in 0..2 {
        peer.once(SmtpStep::Rcpt, Act::reply("550 no"));
        assert_eq!(rejected(&send(&mailer).await), "RCPT TO: 550 no");
        assert_eq!(send(&mailer).await.unwrap(), Sending::Accepted);
    }
    assert_eq!((peer.sessions().len(), peer.mails().len()), (3, 2));
}

/// The server answers nothing before it has all commands up to DATA, which deadlocks where each waits for its answer.
#[tokio::test]
async fn an_envelope_leaves_at_once_where_the_server_takes_it_so() {
    const BETWEEN: [(&str, &str); 4] = [
        ("EHLO", "250-peer.example\r\n250 PIPELINING\r\n"),
        ("DATA", "250 ok\r\n250 ok\r\n354 go ahead\r\n"),
        (".", "250 taken\r\n"),
        ("DATA", "250 reset\r\n250 ok\r\n250 ok\r\n354 go ahead\r\n"),
    ];
    let peer = SmtpPeer::start(Manner::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mailer = mailer(&SmtpServer { port, ..server(&peer, Manner::default()) });
    let serving = async {
        let mut stream = BufReader::new(listener.accept().await.unwrap().0);
        stream.write_all(b"220 peer.example\r\n").await.unwrap();
        for (last, replies) in BETWEEN.into_iter().chain([BETWEEN[2]]) {
            let mut line = String::new();
            while !(line.starts_with(last) && (last != "." || line == ".\r\n")) {
                line.clear();
                assert_ne!(stream.read_line(&mut line).await.unwrap(), 0, "the client gave up waiting");
            }
            stream.write_all(replies.as_bytes()).await.unwrap();
        }
    };
    let sending = async { [send(&mailer).await.unwrap(), send(&mailer).await.unwrap()] };
    assert_eq!(tokio::join!(sending, serving).0, [Sending::Accepted, Sending::Accepted]);
}

/// RFC 5321 section 4.5.3.2.7 (421): the server closes after this reply.
#[tokio::test]
async fn a_connection_that_said_421_is_not_used_again() {
    for pipelining in BOTH_WAYS {
        for closes in [false, true] {
            let (peer, mailer) = pair(Manner { pipelining, ..Manner::default() });
            let act = Act::reply("421 too many mails");
            peer.once(SmtpStep::Mail, if closes { act.and_close() } else { act });
            assert_eq!(deferred(&send(&mailer).await), "MAIL FROM: 421 too many mails");
            assert_eq!(send(&mailer).await.unwrap(), Sending::Accepted);
            assert_eq!(peer.sessions().len(), 2);
        }
    }
}

/// What the server says of the mail counts, whatever becomes of the connection and the commands that were sent with it.
#[tokio::test]
async fn a_refusal_counts_though_the_server_closes_or_is_silent_afterwards() {
    for warm in [false, true] {
        for (step, act) in [
            (SmtpStep::Rcpt, Act::reply("550 no").and_close()),
            (SmtpStep::Mail, Act::reply("550 no").and_close()),
            (SmtpStep::Data, Act::hang()),
        ] {
            let (peer, mailer) = pair(Manner { pipelining: true, ..Manner::default() });
            if warm {
                assert_eq!(send(&mailer).await.unwrap(), Sending::Accepted);
            }
            if step == SmtpStep::Data {
                peer.once(SmtpStep::Rcpt, Act::reply("550 no"));
            }
            peer.once(step, act);
            assert!(rejected(&send(&mailer).await).ends_with(": 550 no"), "{step:?}");
            assert_eq!(send(&mailer).await.unwrap(), Sending::Accepted);
            assert_eq!(peer.sessions().len(), 2, "{step:?}");
        }
    }
}

#[tokio::test]
async fn a_warm_connection_that_does_not_serve_is_replaced_once() {
    for act in [Act::close(), Act::hang(), Act::reply("421 4.4.2 idle too long"), Act::reply("500 what")] {
        for pipelining in BOTH_WAYS {
            let (peer, mailer) = pair(Manner { pipelining, ..Manner::default() });
            assert_eq!(send(&mailer).await.unwrap(), Sending::Accepted);
            peer.once(SmtpStep::Rset, act.clone());
            assert_eq!(send(&mailer).await.unwrap(), Sending::Accepted, "{act:?}");
            assert_eq!((peer.sessions().len(), peer.mails().len()), (2, 2), "{act:?}");
        }
    }
}

#[tokio::test]
async fn a_restarted_server_costs_no_mail() {
    let (peer, mailer) = pair(STRICT);
    for _ in 0..3 {
        assert_eq!(send(&mailer).await.unwrap(), Sending::Accepted);
        peer.down();
        peer.up();
    }
    assert_eq!((peer.sessions().len(), peer.mails().len()), (3, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_connection_is_closed_with_a_goodbye() {
    let peer = SmtpPeer::start(Manner::default());
    let patience = SmtpDeadlines { idle: Duration::from_millis(100), ..IMPATIENT };
    let mailer = mailer(&server(&peer, Manner::default())).with_deadlines(patience);
    for n in 1..=2 {
        assert_eq!(send(&mailer).await.unwrap(), Sending::Accepted);
        let over = || peer.sessions().iter().all(|session| session.ended).then_some(());
        until("the goodbye", over);
        let sessions = peer.sessions();
        assert_eq!(sessions.len(), n);
        assert_eq!(sessions[n - 1].clear.last().unwrap(), "QUIT");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mails_at_once_have_connections_of_their_own_and_eight_stay() {
    const MAILS: usize = 12;
    let (peer, mailer) = pair(Manner::default());
    let mailer = Arc::new(mailer);
    // So slow that all of them are open before the first is done.
    peer.on(SmtpStep::Greeting, Act::drip("220 peer.example", Duration::from_millis(50)));
    let mut sending = JoinSet::new();
    for n in 0..MAILS {
        let mailer = Arc::clone(&mailer);
        sending.spawn(async move { mailer.send(&activation(&format!("user{n}@example.org"))).await });
    }
    for sent in sending.join_all().await {
        assert_eq!(sent.unwrap(), Sending::Accepted);
    }
    assert_eq!((peer.sessions().len(), peer.mails().len()), (MAILS, MAILS));
    let open = || peer.sessions().iter().filter(|session| !session.ended).count();
    until("the end of the others", || (open() == 8).then_some(()));
}

/// Each mail has its own envelope, also on a connection that has carried others.
#[tokio::test]
async fn no_mail_gets_the_recipient_of_another() {
    for pipelining in BOTH_WAYS {
        let (peer, mailer) = pair(Manner { pipelining, ..Manner::default() });
        only_its_own(&peer, &mailer).await;
    }
}

async fn only_its_own(peer: &SmtpPeer, mailer: &MailSmtp) {
    peer.on_line(SmtpStep::Data, "DATA", Act::reply("451 later"));
    assert!(deferred(&mailer.send(&activation("first@example.org")).await).starts_with("DATA"));
    peer.behave();
    peer.on_line(SmtpStep::Rcpt, "second@", Act::reply("550 no"));
    assert!(rejected(&mailer.send(&activation("second@example.org")).await).starts_with("RCPT TO"));
    assert_eq!(mailer.send(&activation("third@example.org")).await.unwrap(), Sending::Accepted);
    let [mail] = &peer.mails()[..] else { panic!("one mail") };
    assert_eq!((&mail.recipients[..], peer.sessions().len()), (&["third@example.org".to_owned()][..], 1));
}
