//! The meaning of every kind of reply for a mail, at every step of the conversation.
//!
//! See also `smtp_faults.rs` for silent servers, `smtp_tls.rs`, `smtp_connections.rs`,
//! `smtp_messages.rs` for the messages, and `smtp_server.rs` for the whole program.

use std::time::Duration;

use auth_core::{Address, Alphabet, CodeFormat, Fault, Locale, MailId, Secret, SendMail, Sending, Template};
use auth_http::{
    adapter::{
        clock::Clock,
        mail_smtp::{MailSmtp, SmtpDeadlines},
        mail_templates::MailTemplates,
    },
    config::{MailFrom, SmtpServer, SmtpTls},
    port::{Mailer, PortError},
};
use auth_tests::smtp_peer::{Act, Manner, SmtpPeer, SmtpStep, Tls};

pub(crate) const CODE: &str = "271828";
pub(crate) const USER: &str = "mailer";
pub(crate) const WORD: &str = "canary-7731";

/// The strictest server: TLS and a login.
pub(crate) const STRICT: Manner = Manner {
    tls: Tls::StartTls,
    certificate: auth_tests::smtp_peer::Certificate::Good,
    login: Some((USER, WORD)),
    mechanisms: "PLAIN LOGIN",
    pipelining: false,
};

/// Short limits, so that a test that hangs does not block the others.
pub(crate) const IMPATIENT: SmtpDeadlines = SmtpDeadlines {
    phase: Duration::from_secs(2),
    before_end: Duration::from_secs(20),
    last_reply: Duration::from_secs(2),
    idle: Duration::from_secs(20),
};

/// Returns the settings that lead to a peer.
pub(crate) fn server(peer: &SmtpPeer, manner: Manner) -> SmtpServer {
    let (tls, trusts) = match manner.tls {
        Tls::None => (SmtpTls::Plain, false),
        Tls::StartTls => (SmtpTls::StartTls, true),
        Tls::Implicit => (SmtpTls::Implicit, true),
    };
    SmtpServer {
        host: "127.0.0.1".to_owned(),
        port: peer.port(),
        tls,
        ssl_ca: trusts.then(|| peer.ca_file()),
        login: manner.login.map(|(user, password)| (user.to_owned(), Secret::new(password.to_owned()))),
        from: MailFrom {
            name: "Accounts".to_owned(),
            address: Address::parse("no-reply@example.net").unwrap(),
        },
        reply_to: None,
    }
}

pub(crate) fn mailer(server: &SmtpServer) -> MailSmtp {
    let templates = MailTemplates::load(None, "Example", None).unwrap();
    MailSmtp::open(server, 8, templates, Clock::default()).unwrap().with_deadlines(IMPATIENT)
}

/// Starts a peer, and a mailer that uses it.
pub(crate) fn pair(manner: Manner) -> (SmtpPeer, MailSmtp) {
    let peer = SmtpPeer::start(manner);
    let mailer = mailer(&server(&peer, manner));
    (peer, mailer)
}

pub(crate) fn activation(to: &str) -> SendMail {
    let code = CodeFormat::new(Alphabet::Digits, 6).unwrap().parse(CODE).unwrap();
    let template = Template::Activation { code, ttl: Duration::from_secs(600), tries: 5 };
    let to = Address::parse(to).unwrap().recipient();
    SendMail { id: MailId::from_bytes([0xab; 16]), to, locale: Locale::parse("en").unwrap(), template }
}

/// Sends a mail to Ada.
pub(crate) async fn send(mailer: &MailSmtp) -> Result<Sending, PortError> {
    mailer.send(&activation("ada@example.org")).await
}

pub(crate) fn deferred(sent: &Result<Sending, PortError>) -> &str {
    match sent {
        Ok(Sending::Deferred(detail)) => detail.as_str(),
        other => panic!("not deferred: {other:?}"),
    }
}

pub(crate) fn rejected(sent: &Result<Sending, PortError>) -> &str {
    match sent {
        Ok(Sending::Rejected(detail)) => detail.as_str(),
        other => panic!("not rejected: {other:?}"),
    }
}

pub(crate) fn is_unknown(sent: &Result<Sending, PortError>) {
    assert!(matches!(sent, Err(PortError { fault: Fault::Unknown, .. })), "not unknown: {sent:?}");
}

/// The steps before the server knows of a mail.
pub(crate) const BEFORE: [(SmtpStep, &str); 4] = [
    (SmtpStep::Greeting, "greeting"),
    (SmtpStep::Ehlo, "EHLO"),
    (SmtpStep::StartTls, "STARTTLS"),
    (SmtpStep::Auth, "login"),
];
/// The steps that concern one mail.
pub(crate) const ABOUT: [(SmtpStep, &str); 4] = [
    (SmtpStep::Mail, "MAIL FROM"),
    (SmtpStep::Rcpt, "RCPT TO"),
    (SmtpStep::Data, "DATA"),
    (SmtpStep::End, "end of message"),
];

#[tokio::test]
async fn a_reply_of_class_2_is_accepted() {
    for reply in ["250 2.0.0 taken", "250 taken", "250-2.0.0 taken\r\n250 2.0.0 as 4711", "251 x"] {
        let (peer, mailer) = pair(STRICT);
        peer.on(SmtpStep::End, Act::reply(reply));
        assert_eq!(send(&mailer).await.unwrap(), Sending::Accepted, "{reply}");
        assert_eq!(peer.mails_to("ada@example.org").len(), 1);
    }
}

#[tokio::test]
async fn a_reply_of_class_4_is_deferred_at_every_step() {
    for (step, name) in BEFORE.into_iter().chain(ABOUT) {
        for reply in ["451 4.7.1 come back later", "421 4.3.2 closing", "450 greylisted", "454 4.7.0 not now"]
        {
            let (peer, mailer) = pair(STRICT);
            peer.on(step, Act::reply(reply));
            assert_eq!(deferred(&send(&mailer).await), format!("{name}: {reply}"));
            assert_eq!(peer.mails().len(), 0);
            peer.behave();
            assert_eq!(send(&mailer).await.unwrap(), Sending::Accepted, "{name} {reply}: it goes on");
        }
    }
}

#[tokio::test]
async fn a_reply_of_class_5_about_a_mail_is_rejected() {
    for (step, name) in ABOUT {
        for reply in ["550 5.1.1 no such user", "554 5.7.1 relaying denied", "552 too big", "500 what"] {
            let (peer, mailer) = pair(STRICT);
            peer.on(step, Act::reply(reply));
            assert_eq!(rejected(&send(&mailer).await), format!("{name}: {reply}"));
            assert_eq!(peer.mails().len(), 0);
        }
    }
}

/// An operator's mistake must not turn all mails into dead letters.
#[tokio::test]
async fn a_reply_of_class_5_before_the_mail_is_deferred() {
    for (step, name) in BEFORE {
        for reply in ["554 5.7.1 not from there", "535 5.7.8 wrong", "500 what"] {
            let (peer, mailer) = pair(STRICT);
            peer.on(step, Act::reply(reply));
            assert_eq!(deferred(&send(&mailer).await), format!("{name}: {reply}"));
        }
    }
}

/// RFC 4954 section 6: the reply concerns us, not the mail.
#[tokio::test]
async fn a_demand_to_log_in_is_deferred() {
    for (step, _) in ABOUT {
        for reply in ["530 5.7.0 log in", "534 5.7.9 too weak", "535 5.7.8 not you", "538 5.7.11 encrypt"] {
            let (peer, mailer) = pair(Manner::default());
            peer.on(step, Act::reply(reply));
            assert!(deferred(&send(&mailer).await).ends_with(reply));
        }
    }
    let peer = SmtpPeer::start(STRICT);
    let without = mailer(&server(&peer, Manner { login: None, ..STRICT }));
    assert_eq!(deferred(&send(&without).await), "MAIL FROM: 530 5.7.0 authentication required");
}

#[tokio::test]
async fn a_last_reply_that_says_nothing_is_unknown() {
    for reply in ["354 go on", "150 well", "999 x", "hello", "", "2"] {
        let (peer, mailer) = pair(Manner::default());
        peer.on(SmtpStep::End, Act::reply(reply).and_store().and_close());
        is_unknown(&send(&mailer).await);
        assert_eq!(peer.mails().len(), 1, "{reply}");
    }
}

#[tokio::test]
async fn a_reply_that_says_nothing_before_the_last_is_deferred() {
    for (step, _) in BEFORE.into_iter().chain(ABOUT).filter(|(step, _)| *step != SmtpStep::End) {
        for reply in ["150 well", "hello", "", "999 x"] {
            let (peer, mailer) = pair(STRICT);
            peer.on(step, Act::reply(reply).and_close());
            deferred(&send(&mailer).await);
            assert_eq!(peer.mails().len(), 0, "{step:?} {reply}");
        }
    }
}

/// Threat: a server quotes what it received, and the quote gets into an outbox that must not hold codes.
#[tokio::test]
async fn a_quoted_secret_is_hidden() {
    let (peer, mailer) = pair(Manner::default());
    peer.on(SmtpStep::End, Act::reply(&format!("554 5.7.1 spam: your code {CODE} for ada@example.org")));
    let said = send(&mailer).await;
    assert_eq!(rejected(&said), "end of message: 554 5.7.1 spam: your code [hidden] for ada@example.org");
    let (peer, mailer) = pair(STRICT);
    for quoted in [WORD, "Y2FuYXJ5LTc3MzE=", "AG1haWxlcgBjYW5hcnktNzczMQ=="] {
        peer.on(SmtpStep::Auth, Act::reply(&format!("535 5.7.8 not {quoted}")));
        assert_eq!(deferred(&send(&mailer).await), "login: 535 5.7.8 not [hidden]");
        assert!(mailer.examine().await[0].text.contains("login: 535 5.7.8 not [hidden];"));
    }
}

/// Threat: personal data in logs, which contain the errors of ports.
#[tokio::test]
async fn an_unknown_outcome_tells_no_address() {
    let (peer, mailer) = pair(Manner::default());
    peer.on(SmtpStep::End, Act::reply("354 what about ada@example.org"));
    let error = send(&mailer).await.unwrap_err();
    assert_eq!(error.to_string(), "send a mail: end of message: 354");
}
