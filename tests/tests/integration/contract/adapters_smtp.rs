//! Harness of the SMTP adapter: mails arrive at a peer on the other end.

use std::sync::Arc;

use auth_core::Address;
use auth_http::{
    adapter::{clock::Clock, mail_smtp::MailSmtp, mail_templates::MailTemplates},
    config::{MailFrom, SmtpServer, SmtpTls},
    port::Mailer,
};
use auth_tests::smtp_peer::{Manner, SmtpPeer};

use super::harness::{Arrived, MailerHarness, SERVICE};

/// A mailer and its server.
pub(super) struct Smtp {
    mailer: Arc<MailSmtp>,
    peer: SmtpPeer,
}

impl MailerHarness for Smtp {
    async fn fresh() -> Self {
        let peer = SmtpPeer::start(Manner::default());
        let from =
            MailFrom { name: "Contract".to_owned(), address: Address::parse("sender@example.net").unwrap() };
        let (host, port, tls) = ("127.0.0.1".to_owned(), peer.port(), SmtpTls::Plain);
        let server = SmtpServer { host, port, tls, ssl_ca: None, login: None, from, reply_to: None };
        let templates = MailTemplates::load(None, SERVICE, None).unwrap();
        let mailer = MailSmtp::open(&server, 8, templates, Clock::default()).unwrap();
        Self { mailer: Arc::new(mailer), peer }
    }

    fn mailer(&self) -> Arc<dyn Mailer> {
        Arc::clone(&self.mailer) as Arc<dyn Mailer>
    }

    async fn arrived(&self) -> Vec<Arrived> {
        let mails = self.peer.mails().into_iter();
        mails
            .map(|mail| Arrived {
                subject: mail.subject(),
                text: mail.text(),
                html: mail.html(),
                recipients: mail.recipients,
            })
            .collect()
    }
}
