//! What `check` says about the mail server: the real error, and what to do.

use auth_tests::{
    Exit, Program,
    smtp_peer::{Act, Certificate, Manner, SmtpPeer, SmtpStep, Tls},
};

use crate::smtp::{STRICT, USER, WORD};

const FROM: (&str, &str) = ("AUTH_MAIL_FROM", "Accounts <no-reply@example.net>");

/// Runs `check` and returns what it says about a part, with its verdict.
fn check(url: &str, arguments: &[&str], part: &str) -> String {
    let program = Program::plain(&[("AUTH_SMTP_URL", url), FROM]);
    let ran = program.run(&[&["check"], arguments].concat());
    let Exit { status, out, err } = &ran;
    let said = out
        .lines()
        .find(|line| line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ").starts_with(part));
    let said = said.unwrap_or_else(|| panic!("nothing about {part}: {ran:?}")).to_owned();
    assert_eq!(*status == 0, !out.contains("FAILED"), "{ran:?}");
    assert!(!out.contains(WORD) && !err.contains(WORD), "{ran:?}");
    said
}

fn fails(url: &str, words: &[&str]) {
    let said = check(url, &[], "mail: ");
    for word in ["FAILED "].iter().chain(words) {
        assert!(said.contains(word), "{word} is not in {said}");
    }
}

#[test]
fn a_server_that_serves_is_good() {
    for (tls, kind) in [(Tls::StartTls, "TLS (STARTTLS)"), (Tls::Implicit, "TLS (implicit)")] {
        let peer = SmtpPeer::start(Manner { tls, ..STRICT });
        let said = check(&peer.url(), &[], "mail: ");
        assert_eq!(said, format!("ok      mail: smtp 127.0.0.1:{}, {kind}, login ok", peer.port()));
        assert_eq!(peer.sessions()[0].encrypted.last().unwrap(), "QUIT", "politely, without a mail");
        assert_eq!(peer.mails().len(), 0);
    }
    let peer = SmtpPeer::start(Manner::default());
    let said = check(&peer.url(), &[], "mail: ");
    assert_eq!(said, format!("ok      mail: smtp 127.0.0.1:{}, no TLS, no login", peer.port()));
}

#[test]
fn a_wrong_password_is_told() {
    let peer = SmtpPeer::start(STRICT);
    let url = peer.url().replace(WORD, "not-that-one");
    fails(&url, &["login: 535 5.7.8 authentication failed", "user and password"]);
    let said = check(&url, &[], "mail: ");
    assert!(!said.contains("not-that-one") && !said.contains(USER), "{said}");
}

#[test]
fn a_wrong_host_or_port_is_told() {
    fails("smtp://mail.invalid", &["smtp mail.invalid:25", "connection: ", "lookup", "host and port"]);
    let peer = SmtpPeer::start(Manner::default());
    peer.down();
    fails(&peer.url(), &["connection: Connection refused", "host and port"]);
}

#[test]
fn bad_certificates_are_told() {
    for (certificate, words) in [
        (Certificate::Expired, "certificate expired"),
        (Certificate::OtherName, "not valid for name"),
        (Certificate::OtherAuthority, "UnknownIssuer"),
    ] {
        for tls in [Tls::StartTls, Tls::Implicit] {
            let peer = SmtpPeer::start(Manner { tls, certificate, ..STRICT });
            fails(&peer.url(), &["TLS: ", words, "ssl-ca=FILE"]);
        }
    }
    // The certificate is good; its authority was not named.
    let peer = SmtpPeer::start(STRICT);
    let url = peer.url();
    fails(url.split('?').next().unwrap(), &["UnknownIssuer", "ssl-ca=FILE"]);
}

/// The error CaUsedAsEndEntity alone does not say what to do, and an authority was named already.
#[test]
fn a_self_signed_certificate_is_told_with_what_to_do() {
    let peer = SmtpPeer::start(Manner { certificate: Certificate::SelfSignedAuthority, ..STRICT });
    fails(&peer.url(), &["TLS: ", "self-signed", "CA:TRUE", "basicConstraints=critical,CA:FALSE"]);
    let peer = SmtpPeer::start(Manner { certificate: Certificate::SelfSigned, ..STRICT });
    let said = check(&peer.url(), &[], "mail: ");
    assert!(said.starts_with("ok "), "what the advice leads to serves: {said}");
    let url = peer.url();
    fails(url.split('?').next().unwrap(), &["UnknownIssuer", "ssl-ca=FILE", "self-signed"]);
}

#[test]
fn a_missing_starttls_is_told() {
    let peer = SmtpPeer::start(STRICT);
    peer.on(SmtpStep::Ehlo, Act::reply("250 peer.example"));
    fails(&peer.url(), &["STARTTLS: the server does not offer it", "smtps://"]);
}

#[test]
fn tls_to_a_server_without_it_is_reported() {
    let peer = SmtpPeer::start(Manner::default());
    fails(&peer.url().replace("smtp://", "smtps://"), &["TLS: ", "smtp+starttls://"]);
}

#[test]
fn a_greeting_that_refuses_is_told() {
    let peer = SmtpPeer::start(Manner::default());
    peer.on(SmtpStep::Greeting, Act::reply("554 5.7.1 not from your network").and_close());
    fails(&peer.url(), &["greeting: 554 5.7.1 not from your network"]);
}

#[test]
fn an_invalid_certificate_file_is_reported() {
    let peer = SmtpPeer::start(STRICT);
    let url = peer.url().replace("ca.pem", "gone.pem");
    fails(&url, &["AUTH_SMTP_URL: read ssl-ca: ", "gone.pem"]);
    let said = Program::plain(&[("AUTH_SMTP_URL", &url), FROM]).refusal(&[]);
    assert!(said.contains("AUTH_SMTP_URL: read ssl-ca: ") && said.contains("gone.pem"), "{said}");
}

#[test]
fn a_test_mail_is_sent() {
    let peer = SmtpPeer::start(STRICT);
    let said = check(&peer.url(), &["--mail-to", "ada@example.org"], "test mail: ");
    assert_eq!(said, "ok      test mail: the server took a notice to ada@example.org");
    assert_eq!(peer.mails_to("ada@example.org").len(), 1);
}

#[test]
fn a_refused_test_mail_is_told_with_the_servers_words() {
    for (reply, said) in [
        ("554 5.7.1 <ada@example.org>: Relay access denied", "the server refuses it: RCPT TO: 554 5.7.1"),
        ("450 4.2.0 greylisted", "the server says later: RCPT TO: 450 4.2.0 greylisted"),
    ] {
        let peer = SmtpPeer::start(Manner::default());
        peer.on(SmtpStep::Rcpt, Act::reply(reply));
        let told = check(&peer.url(), &["--mail-to", "ada@example.org"], "test mail: ");
        assert!(told.starts_with("FAILED ") && told.contains(said) && told.contains(&reply[10..]), "{told}");
    }
}
