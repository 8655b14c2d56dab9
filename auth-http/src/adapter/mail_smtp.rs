//! Mail over SMTP: what each answer of a server, or the lack of it, means for a mail.
//!
//! It decides nothing; how long and how often to try again is the flow's. Next:
//! `mail_smtp_conversation.rs` for the phases, `mail_smtp_idle.rs` for warm connections,
//! `mail_smtp_message.rs` for what is sent.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use auth_core::{Detail, Recipient, Secret, SendMail, Sending, Template};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    authorities,
    clock::Clock,
    mail_smtp_conversation::{Conversation, Limits, Way},
    mail_smtp_failure::{Phase, SmtpFailure},
    mail_smtp_idle::Idle,
    mail_smtp_message::message,
    mail_templates::MailTemplates,
};
use crate::{
    config::{MailFrom, SmtpServer, SmtpTls},
    deadlines::smtp,
    port::{Finding, Mailer, PortError, Result},
};

/// A mailer over SMTP: each mail has a connection that no other mail waits for.
pub struct MailSmtp {
    templates: MailTemplates,
    clock: Clock,
    from: MailFrom,
    reply_to: Option<MailFrom>,
    sender: Recipient,
    way: Way,
    deadlines: SmtpDeadlines,
    idle: Arc<Idle>,
}

/// How a mail ended.
type Delivered = std::result::Result<(), SmtpFailure>;

/// How long a server may take.
#[derive(Clone, Copy, Debug)]
pub struct SmtpDeadlines {
    /// For each phase.
    pub phase: Duration,
    /// For all phases before the final dot together.
    pub before_end: Duration,
    /// For the reply to the final dot.
    pub last_reply: Duration,
    /// How long a connection waits for its next mail.
    pub idle: Duration,
}

impl Default for SmtpDeadlines {
    fn default() -> Self {
        Self {
            phase: smtp::PHASE,
            before_end: smtp::BEFORE_END,
            last_reply: smtp::LAST_REPLY,
            idle: smtp::IDLE,
        }
    }
}

impl MailSmtp {
    /// Makes a mailer that keeps up to `warm` connections for further mails; it connects when there is a mail.
    ///
    /// # Errors
    /// The certificates of `ssl-ca` cannot be read, or the host is not a name that a certificate can contain.
    pub fn open(server: &SmtpServer, warm: usize, templates: MailTemplates, clock: Clock) -> Result<Self> {
        let sender = server.from.address.recipient();
        let way = Way::new(server, &sender)?;
        let (from, reply_to) = (server.from.clone(), server.reply_to.clone());
        let (deadlines, idle) = (SmtpDeadlines::default(), Arc::new(Idle::new(warm)));
        Ok(Self { templates, clock, from, reply_to, sender, way, deadlines, idle })
    }

    /// Makes it more or less patient.
    #[must_use]
    pub fn with_deadlines(mut self, deadlines: SmtpDeadlines) -> Self {
        self.deadlines = deadlines;
        self
    }

    async fn deliver(&self, to: &str, message: &[u8]) -> Delivered {
        let (limits, from) = (Limits::from_now(&self.deadlines), self.sender.as_str());
        if let Some(mut warm) = self.idle.take()
            && let Some(ended) = warm.deliver_another(limits, from, to, message).await
        {
            return self.keep(warm, ended);
        }
        let mut conversation = Conversation::begin(&self.way, limits).await?;
        let ended = conversation.deliver(from, to, message).await;
        self.keep(conversation, ended)
    }

    /// Keeps a connection for further mails, if it serves.
    fn keep(&self, conversation: Conversation, ended: Delivered) -> Delivered {
        if conversation.serves_after(&ended) {
            self.idle.put(conversation, self.deadlines.idle);
        }
        ended
    }

    /// Returns what went wrong, without secrets.
    fn told(&self, failure: &SmtpFailure, template: Option<&Template>) -> String {
        let mut text = failure.to_string();
        // Threat: a server that quotes what it got; this is stored with the mail, and shown.
        let mut hide = |secret: &str| {
            if !secret.is_empty() {
                text = text.replace(secret, "[hidden]");
            }
        };
        match template {
            Some(Template::Activation { code, .. } | Template::AddressChange { code, .. }) => {
                hide(code.expose())
            }
            Some(Template::Reset { token, .. }) => hide(token.expose()),
            Some(
                Template::Notice
                | Template::PasswordChanged
                | Template::AccountDeleted
                | Template::AddressChanged,
            )
            | None => {}
        }
        if let Some((user, password)) = &self.way.login {
            let password = password.expose();
            hide(password);
            hide(&STANDARD.encode(password));
            hide(&STANDARD.encode(format!("\0{user}\0{password}")));
        }
        text
    }

    fn place(&self) -> String {
        let Way { host, port, .. } = &self.way;
        if host.contains(':') { format!("smtp [{host}]:{port}") } else { format!("smtp {host}:{port}") }
    }
}

/// What a failure means for its mail (RFC 5321 section 4.2.1).
enum Meaning {
    Later,
    Never,
    Unknown,
}

fn meaning(failure: &SmtpFailure) -> Meaning {
    let about_the_mail = matches!(failure.phase, Phase::Mail | Phase::Rcpt | Phase::Data | Phase::End);
    match failure.code() {
        // RFC 4954 section 6: the server wants a login, or another one. An operator's fault kills no mail.
        Some(530 | 534 | 535 | 538) => Meaning::Later,
        Some(500..=599) if about_the_mail => Meaning::Never,
        Some(400..=599) => Meaning::Later,
        // Only here it may have taken the mail.
        Some(_) | None if failure.phase == Phase::End => Meaning::Unknown,
        Some(_) | None => Meaning::Later,
    }
}

#[async_trait]
impl Mailer for MailSmtp {
    async fn send(&self, order: &SendMail) -> Result<Sending> {
        const SEND: &str = "send a mail";
        let to = order.to.as_str();
        // Threat: an address that ends its command and begins another: further recipients, for example.
        // The parser lets none through; this is the last place before the wire.
        if !to.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>".contains(&byte)) {
            return Err(PortError::not_done(SEND, "the address fits in no envelope"));
        }
        let rendered = self.templates.render(&order.template, &order.locale, order.to.as_str());
        let rendered = rendered.map_err(|error| PortError::not_done("render a mail", error))?;
        let message: Secret<Vec<u8>> =
            message(&self.from, self.reply_to.as_ref(), order, &rendered, self.clock.wall())
                .map_err(|error| PortError::not_done("write a mail", error))?;
        let Err(failure) = self.deliver(to, message.expose()).await else { return Ok(Sending::Accepted) };
        let detail = Detail::new(&self.told(&failure, Some(&order.template)));
        // Threat: personal data in logs. Servers quote addresses once they know them, not before.
        let public = if failure.knows_addresses() { failure.without_text() } else { detail.as_str().into() };
        let sending = match meaning(&failure) {
            Meaning::Unknown => return Err(PortError::unknown(SEND, public)),
            Meaning::Later => Sending::Deferred(detail),
            Meaning::Never => Sending::Rejected(detail),
        };
        tracing::warn!(server = %self.place(), why = %public, "a mail was not accepted");
        Ok(sending)
    }

    async fn examine(&self) -> Vec<Finding> {
        let place = self.place();
        let tls = match self.way.tls {
            SmtpTls::Plain => "no TLS",
            SmtpTls::StartTls => "TLS (STARTTLS)",
            SmtpTls::Implicit => "TLS (implicit)",
        };
        let login = if self.way.login.is_some() { "login ok" } else { "no login" };
        vec![match Conversation::begin(&self.way, Limits::from_now(&self.deadlines)).await {
            Ok(conversation) => {
                conversation.quit().await;
                Finding::good("mail", format_args!("{place}, {tls}, {login}"))
            }
            Err(failure) => {
                let text = Detail::new(&self.told(&failure, None));
                Finding::bad("mail", format_args!("{place}: {}; {}", text.as_str(), advice(&failure)))
            }
        }]
    }
}

/// Returns what an operator can do about it.
fn advice(failure: &SmtpFailure) -> &'static str {
    if let Some(advice) = authorities::advice(&failure.to_string()) {
        return advice;
    }
    match failure.phase {
        Phase::Connection => "check host and port in AUTH_SMTP_URL, and that the server runs",
        Phase::Tls => {
            "the server needs a certificate that is valid for this host; ?ssl-ca=FILE trusts an authority of your \
             own, or a self-signed certificate of the server itself; smtps:// begins with TLS, smtp+starttls:// does \
             not"
        }
        Phase::StartTls => "smtps:// is for ports that begin with TLS; mails never go without it",
        Phase::Login => "check user and password in AUTH_SMTP_URL",
        Phase::Greeting
        | Phase::Ehlo
        | Phase::Reset
        | Phase::Mail
        | Phase::Rcpt
        | Phase::Data
        | Phase::Content
        | Phase::End => "ask whoever runs the server; for a port that begins with TLS write smtps://",
    }
}
