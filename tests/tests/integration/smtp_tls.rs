//! TLS and logins: nothing secret is sent where somebody else may read it.

use std::fs;

use auth_core::Sending;
use auth_http::{
    adapter::{clock::Clock, mail_smtp::MailSmtp, mail_templates::MailTemplates},
    port::{Condition, Mailer},
};
use auth_tests::smtp_peer::{Act, Certificate, Manner, SmtpPeer, SmtpStep, Tls};

use crate::smtp::{CODE, STRICT, USER, WORD, deferred, mailer, pair, send, server};

/// Returns everything received without TLS, as one text.
fn in_clear(peer: &SmtpPeer) -> String {
    peer.sessions().into_iter().flat_map(|session| session.clear).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn mails_go_with_tls_from_the_start_and_after_starttls() {
    for (tls, clear) in [(Tls::Implicit, ""), (Tls::StartTls, "EHLO example.net\nSTARTTLS")] {
        let (peer, mailer) = pair(Manner { tls, ..STRICT });
        assert_eq!(send(&mailer).await.unwrap(), Sending::Accepted);
        assert_eq!(in_clear(&peer), clear);
        assert_eq!(peer.mails()[0].code().as_deref(), Some(CODE));
        let finding = mailer.examine().await.remove(0);
        let kind = if tls == Tls::Implicit { "TLS (implicit)" } else { "TLS (STARTTLS)" };
        let place = format!("smtp 127.0.0.1:{}, {kind}, login ok", peer.port());
        assert_eq!((finding.condition, finding.text), (Condition::Good, place));
    }
}

#[tokio::test]
async fn mails_go_without_tls_where_told() {
    let (peer, mailer) = pair(Manner::default());
    assert_eq!(send(&mailer).await.unwrap(), Sending::Accepted);
    let place = format!("smtp 127.0.0.1:{}, no TLS, no login", peer.port());
    assert_eq!(mailer.examine().await.remove(0).text, place);
}

/// Threat: an attacker in the middle removes the offer from the server's answer, or answers instead of the server.
#[tokio::test]
async fn without_starttls_nothing_is_sent_in_clear() {
    for (step, act) in [
        (SmtpStep::Ehlo, Act::reply("250-peer.example\r\n250-AUTH PLAIN LOGIN\r\n250 PIPELINING")),
        (SmtpStep::Ehlo, Act::reply("250 peer.example")),
        (SmtpStep::StartTls, Act::reply("454 4.7.0 not now")),
        (SmtpStep::StartTls, Act::reply("502 5.5.1 what?")),
        (SmtpStep::StartTls, Act::reply("250 fine, go on")),
    ] {
        let (peer, mailer) = pair(STRICT);
        peer.on(step, act);
        assert!(deferred(&send(&mailer).await).starts_with("STARTTLS: "));
        assert_eq!(mailer.examine().await[0].condition, Condition::Bad);
        for line in in_clear(&peer).lines() {
            assert!(["EHLO example.net", "STARTTLS"].contains(&line), "{line}");
        }
    }
}

/// Threat: an attacker in the middle injects text before TLS that is read as the server's after it.
#[tokio::test]
async fn what_is_said_before_tls_counts_for_nothing() {
    let (peer, mailer) = pair(STRICT);
    let injected = "220 go\r\n250-evil.example\r\n250 SIZE\r\n250 2.1.0 ok\r\n550 5.1.1 no";
    peer.on(SmtpStep::StartTls, Act::reply(injected));
    assert_eq!(send(&mailer).await.unwrap(), Sending::Accepted);
    assert_eq!(peer.sessions()[0].encrypted[0], "EHLO example.net");
}

#[tokio::test]
async fn bad_certificates_are_refused_before_anything_is_said() {
    for (certificate, words) in [
        (Certificate::Expired, "certificate expired"),
        (Certificate::OtherName, "not valid for name"),
        (Certificate::OtherAuthority, "UnknownIssuer"),
    ] {
        for (tls, clear) in [(Tls::Implicit, ""), (Tls::StartTls, "EHLO example.net\nSTARTTLS")] {
            let (peer, mailer) = pair(Manner { tls, certificate, ..STRICT });
            let sent = send(&mailer).await;
            let said = deferred(&sent);
            assert!(said.starts_with("TLS: ") && said.contains(words), "{said}");
            assert_eq!(in_clear(&peer), clear);
            assert_eq!(peer.sessions()[0].encrypted, [] as [&str; 0]);
        }
    }
}

/// Threat: a certificate of any public authority is accepted for a server with an own authority, or vice versa.
#[tokio::test]
async fn the_authority_that_is_named_is_the_only_one() {
    let (mine, other) = (SmtpPeer::start(STRICT), SmtpPeer::start(STRICT));
    let mut crossed = server(&mine, STRICT);
    crossed.ssl_ca = Some(other.ca_file());
    assert!(deferred(&send(&mailer(&crossed)).await).contains("UnknownIssuer"));
    crossed.ssl_ca = None;
    assert!(deferred(&send(&mailer(&crossed)).await).contains("UnknownIssuer"), "the public ones");
}

#[test]
fn an_authority_that_cannot_be_read_is_refused_at_once() {
    let peer = SmtpPeer::start(STRICT);
    let mut odd = server(&peer, STRICT);
    let file = peer.ca_file().with_file_name("odd.pem");
    odd.ssl_ca = Some(file.clone());
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for content in [None, Some(""), Some("no certificate"), Some(broken)] {
        content.inspect(|content| fs::write(&file, content).unwrap());
        let templates = MailTemplates::load(None, "Example", None).unwrap();
        let error = MailSmtp::open(&odd, 8, templates, Clock::default()).err().unwrap().to_string();
        assert!(error.starts_with("read ssl-ca: ") && error.contains("odd.pem"), "{content:?}: {error}");
    }
}

#[tokio::test]
async fn plain_and_login_are_what_is_used_of_many_offers() {
    for (mechanisms, used) in [
        ("PLAIN LOGIN", "AUTH PLAIN "),
        ("LOGIN", "AUTH LOGIN"),
        ("CRAM-MD5 DIGEST-MD5 XOAUTH2 LOGIN PLAIN", "AUTH PLAIN "),
        ("DIGEST-MD5 CRAM-MD5 LOGIN GSSAPI", "AUTH LOGIN"),
    ] {
        let (peer, mailer) = pair(Manner { mechanisms, ..STRICT });
        assert_eq!(send(&mailer).await.unwrap(), Sending::Accepted, "{mechanisms}");
        let lines = peer.sessions().remove(0).encrypted;
        let begun: Vec<&String> = lines.iter().filter(|line| line.starts_with("AUTH")).collect();
        assert!(matches!(begun[..], [one] if one.starts_with(used)), "{lines:?}");
    }
    for mechanisms in ["CRAM-MD5 DIGEST-MD5", "XOAUTH2 OAUTHBEARER", ""] {
        let (_peer, mailer) = pair(Manner { mechanisms, ..STRICT });
        assert_eq!(deferred(&send(&mailer).await), "login: the server offers neither PLAIN nor LOGIN");
    }
}

#[tokio::test]
async fn a_refused_login_is_not_tried_in_another_way() {
    let (peer, mailer) = pair(Manner { mechanisms: "PLAIN LOGIN CRAM-MD5 DIGEST-MD5", ..STRICT });
    for reply in ["454 4.7.0 not now", "504 5.5.4 not that one", "535 5.7.8 wrong"] {
        peer.on(SmtpStep::Auth, Act::reply(reply));
        assert_eq!(deferred(&send(&mailer).await), format!("login: {reply}"));
        let lines = peer.sessions().pop().unwrap().encrypted;
        assert_eq!(lines.iter().filter(|line| line.starts_with("AUTH")).count(), 1, "{lines:?}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_deferred_and_told() {
    let peer = SmtpPeer::start(STRICT);
    for mechanisms in ["PLAIN", "LOGIN"] {
        let manner = Manner { login: Some((USER, "not-that-one")), mechanisms, ..STRICT };
        let wrong = mailer(&server(&peer, manner));
        assert_eq!(deferred(&send(&wrong).await), "login: 535 5.7.8 authentication failed");
        let finding = wrong.examine().await.remove(0);
        assert_eq!(finding.condition, Condition::Bad);
        assert!(finding.text.contains("535 5.7.8 authentication failed; check user and password"));
        assert!(!finding.text.contains("not-that-one"));
    }
    assert!(!in_clear(&peer).contains("AUTH"));
}

#[tokio::test]
async fn passwords_show_in_no_debug_output() {
    let peer = SmtpPeer::start(STRICT);
    let shown = format!("{:?}", server(&peer, STRICT));
    assert!(!shown.contains(WORD) && shown.contains("[secret]"), "{shown}");
}
