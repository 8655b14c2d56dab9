//! Silence and lost connections: the mail is deferred, or unknown after the final dot.

use std::{future::Future, sync::Arc, time::Duration};

use auth_core::Sending;
use auth_http::{adapter::mail_smtp::SmtpDeadlines, port::Mailer};
use auth_tests::smtp_peer::{Act, Manner, SmtpPeer, SmtpStep, Tls};
use tokio::{net::TcpListener, task::JoinSet, time::Instant};

use crate::smtp::{
    ABOUT, BEFORE, IMPATIENT, STRICT, activation, deferred, is_unknown, mailer, pair, send, server,
};

/// Runs cases side by side: each waits for a silent server.
async fn beside<F: Future<Output = ()> + Send + 'static>(cases: impl IntoIterator<Item = F>) {
    cases.into_iter().collect::<JoinSet<()>>().join_all().await;
}

/// Every step before the final dot.
fn early() -> impl Iterator<Item = (SmtpStep, &'static str)> {
    BEFORE.into_iter().chain(ABOUT).filter(|(step, _)| *step != SmtpStep::End)
}

#[tokio::test]
async fn silence_before_the_final_dot_is_deferred() {
    let case = |(step, name): (SmtpStep, &'static str)| async move {
        let (peer, mailer) = pair(STRICT);
        peer.on(step, Act::hang());
        assert_eq!(deferred(&send(&mailer).await), format!("{name}: no answer in time"));
        assert_eq!(peer.mails().len(), 0);
    };
    beside(early().map(case)).await;
}

#[tokio::test]
async fn a_reply_that_drips_has_the_time_of_its_phase_and_no_more() {
    let case = |(step, name): (SmtpStep, &'static str)| async move {
        let (peer, mailer) = pair(STRICT);
        peer.on(step, Act::drip("250 a reply that takes its time", Duration::from_millis(500)));
        assert_eq!(deferred(&send(&mailer).await), format!("{name}: no answer in time"));
    };
    beside(early().map(case)).await;
}

#[tokio::test]
async fn silence_after_the_final_dot_is_unknown() {
    let acts = [Act::hang(), Act::hang().and_store(), Act::drip("250 2.0.0 taken", IMPATIENT.phase)];
    let case = |act: Act| async move {
        let (peer, mailer) = pair(Manner::default());
        peer.on(SmtpStep::End, act);
        is_unknown(&send(&mailer).await);
    };
    beside(acts.map(case)).await;
}

#[tokio::test]
async fn a_connection_lost_before_the_final_dot_is_deferred() {
    for (step, name) in early() {
        let (peer, mailer) = pair(STRICT);
        peer.on(step, Act::close());
        assert!(deferred(&send(&mailer).await).starts_with(&format!("{name}: ")));
        // The mail is being sent then, and gets no further.
        peer.behave();
        if step == SmtpStep::Data {
            peer.on(step, Act::reply("354 go ahead").and_close());
            let lost = send(&mailer).await;
            assert!(!matches!(lost, Ok(Sending::Accepted | Sending::Rejected(_))), "{lost:?}");
        }
        assert_eq!(peer.mails().len(), 0);
    }
}

#[tokio::test]
async fn a_connection_lost_after_the_final_dot_is_unknown() {
    for (act, kept) in [(Act::close(), 0), (Act::close().and_store(), 1)] {
        for manner in [Manner::default(), STRICT] {
            let (peer, mailer) = pair(manner);
            peer.on(SmtpStep::End, act.clone());
            is_unknown(&send(&mailer).await);
            assert_eq!(peer.mails().len(), kept);
            peer.behave();
            assert_eq!(send(&mailer).await.unwrap(), Sending::Accepted, "it goes on");
        }
    }
}

#[tokio::test]
async fn a_server_that_is_down_is_deferred_until_it_is_up() {
    let (peer, mailer) = pair(STRICT);
    assert_eq!(send(&mailer).await.unwrap(), Sending::Accepted);
    peer.down();
    for _ in 0..2 {
        let sent = send(&mailer).await;
        let said = deferred(&sent);
        assert!(said.starts_with("connection: ") && said.contains("refused"), "{said}");
    }
    peer.up();
    assert_eq!(send(&mailer).await.unwrap(), Sending::Accepted);
}

#[tokio::test]
async fn an_unknown_host_is_deferred() {
    let peer = SmtpPeer::start(Manner::default());
    let mut elsewhere = server(&peer, Manner::default());
    elsewhere.host = "mail.invalid".to_owned();
    assert!(deferred(&send(&mailer(&elsewhere)).await).starts_with("connection: "));
}

/// A listener that accepts connections and never speaks, not even TLS.
#[tokio::test]
async fn a_server_that_never_speaks_is_deferred_with_and_without_tls() {
    let case = |(tls, name): (Tls, &'static str)| async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (peer, manner) = (SmtpPeer::start(STRICT), Manner { tls, login: None, ..STRICT });
        let mut silent = server(&peer, manner);
        silent.port = listener.local_addr().unwrap().port();
        assert_eq!(deferred(&send(&mailer(&silent)).await), format!("{name}: no answer in time"));
    };
    beside([(Tls::None, "greeting"), (Tls::Implicit, "TLS"), (Tls::StartTls, "greeting")].map(case)).await;
}

#[tokio::test]
async fn all_phases_before_the_final_dot_share_one_limit() {
    let peer = SmtpPeer::start(Manner::default());
    let patience = SmtpDeadlines {
        phase: Duration::from_secs(3600),
        before_end: Duration::from_secs(2),
        last_reply: Duration::from_secs(3600),
        ..IMPATIENT
    };
    let mailer = mailer(&server(&peer, Manner::default())).with_deadlines(patience);
    // Each of them is in time; together they are not.
    for step in [SmtpStep::Greeting, SmtpStep::Ehlo, SmtpStep::Mail, SmtpStep::Rcpt, SmtpStep::Data] {
        peer.on(step, Act::drip("250 ok", Duration::from_millis(100)));
    }
    let began = Instant::now();
    assert!(deferred(&send(&mailer).await).ends_with(": no answer in time"));
    assert!(began.elapsed() < Duration::from_secs(60));
}

#[test]
fn what_is_cut_off_is_cut_off_before_the_senders_own_deadline() {
    let SmtpDeadlines { phase, before_end, last_reply, .. } = SmtpDeadlines::default();
    assert_eq!((phase, last_reply), (Duration::from_secs(30), Duration::from_secs(600)));
    assert!(before_end + last_reply < auth_core::Rules::SEND_DEADLINE);
}

#[tokio::test]
async fn one_silent_connection_delays_no_other_mail() {
    let peer = SmtpPeer::start(Manner::default());
    let patience = SmtpDeadlines {
        phase: Duration::from_secs(3600),
        last_reply: Duration::from_secs(3600),
        ..IMPATIENT
    };
    let mailer = Arc::new(mailer(&server(&peer, Manner::default())).with_deadlines(patience));
    peer.on_line(SmtpStep::Rcpt, "silent@", Act::hang());
    peer.on_line(SmtpStep::End, "stuck@", Act::hang());
    let mut held = JoinSet::new();
    for to in ["silent@example.org", "stuck@example.org"] {
        let mailer = Arc::clone(&mailer);
        held.spawn(async move { mailer.send(&activation(to)).await });
    }
    for n in 0..20 {
        let sent = mailer.send(&activation(&format!("user{n}@example.org"))).await;
        assert_eq!(sent.unwrap(), Sending::Accepted);
    }
    assert!(held.try_join_next().is_none(), "those two are still waiting");
    held.abort_all();
}
