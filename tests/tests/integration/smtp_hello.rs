//! Servers that do not know EHLO: they are greeted with HELO, and get nothing if TLS or a login is configured.

use auth_core::Sending;
use auth_http::port::{Condition, Mailer};
use auth_tests::smtp_peer::{Act, Manner, SmtpStep, Tls};

use crate::smtp::{STRICT, deferred, pair, send};

const UNKNOWN: [&str; 4] = ["502 5.5.1 what?", "500 what?", "501 syntax", "504 no such thing"];

#[tokio::test]
async fn a_server_without_ehlo_is_asked_with_helo() {
    for reply in UNKNOWN {
        for tls in [Tls::None, Tls::Implicit] {
            let (peer, mailer) = pair(Manner { tls, ..Manner::default() });
            peer.on(SmtpStep::Ehlo, Act::reply(reply));
            assert_eq!(send(&mailer).await.unwrap(), Sending::Accepted, "{reply}");
            assert_eq!(mailer.examine().await[0].condition, Condition::Good);
            let session = peer.sessions().remove(0);
            let lines = [session.clear, session.encrypted].concat();
            assert_eq!(lines[..2], ["EHLO example.net", "HELO example.net"]);
            assert_eq!(peer.mails().len(), 1);
        }
    }
}

/// Threat: an attacker in the middle answers EHLO, to get the mail or the password in clear.
#[tokio::test]
async fn where_starttls_or_a_login_is_wanted_nothing_goes_on_without_ehlo() {
    for manner in [STRICT, Manner { login: None, ..STRICT }, Manner { tls: Tls::Implicit, ..STRICT }] {
        let (peer, mailer) = pair(manner);
        peer.on(SmtpStep::Ehlo, Act::reply(UNKNOWN[0]));
        assert_eq!(deferred(&send(&mailer).await), format!("EHLO: {}", UNKNOWN[0]));
        assert_eq!(peer.mails().len(), 0);
        let session = peer.sessions().remove(0);
        assert_eq!([session.clear, session.encrypted].concat(), ["EHLO example.net"]);
    }
}

#[tokio::test]
async fn a_server_that_refuses_both_is_deferred_with_what_it_said_first() {
    let (peer, mailer) = pair(Manner::default());
    peer.on(SmtpStep::Ehlo, Act::reply("502 5.5.1 not implemented"));
    peer.on(SmtpStep::Helo, Act::reply("550 5.7.1 go away"));
    assert_eq!(deferred(&send(&mailer).await), "EHLO: 502 5.5.1 not implemented");
}

/// The refusal concerns the client, not the greeting: HELO would not help.
#[tokio::test]
async fn a_server_that_refuses_us_is_not_asked_again() {
    for reply in ["550 5.7.1 go away", "554 5.7.1 go away", "421 4.3.2 closing", "451 4.7.1 later"] {
        let (peer, mailer) = pair(Manner::default());
        peer.on(SmtpStep::Ehlo, Act::reply(reply));
        assert_eq!(deferred(&send(&mailer).await), format!("EHLO: {reply}"));
        assert_eq!(peer.sessions()[0].clear, ["EHLO example.net"]);
    }
}
