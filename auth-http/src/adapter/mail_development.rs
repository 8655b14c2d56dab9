//! The development mailer: a mail goes to the log and to a page, never to a mailbox.
//!
//! It alone shows codes and tokens. It is refused on anything but loopback and behind a proxy.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use auth_core::{SendMail, Sending, Template};

use super::{clock::Clock, mail_templates::MailTemplates};
use crate::port::{Delivered, Finding, Mailbox, Mailer, PortError, Result};
use crate::rfc3339::rfc3339;

/// Mails that the page remembers.
const KEPT: usize = 200;

/// Writes mails to the log and remembers them.
pub struct MailDevelopment {
    templates: MailTemplates,
    clock: Clock,
    mails: Mutex<VecDeque<Delivered>>,
}

impl MailDevelopment {
    /// Starts with an empty mailbox.
    #[must_use]
    pub fn new(templates: MailTemplates, clock: Clock) -> Self {
        Self { templates, clock, mails: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Delivered>> {
        self.mails.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Mailer for MailDevelopment {
    async fn send(&self, order: &SendMail) -> Result<Sending> {
        let rendered = self
            .templates
            .render(&order.template, &order.locale, order.to.as_str())
            .map_err(|e| PortError::not_done("render a mail", e))?;
        let (code, token) = match &order.template {
            Template::Activation { code, .. } | Template::AddressChange { code, .. } => {
                (Some(code.expose().to_owned()), None)
            }
            Template::Reset { token, .. } => (None, Some(token.expose().to_owned())),
            Template::Notice
            | Template::PasswordChanged
            | Template::AccountDeleted
            | Template::AddressChanged => (None, None),
        };
        let shown = code.as_deref().or(token.as_deref()).unwrap_or("none");
        tracing::info!(to = %order.to.as_str(), subject = %rendered.subject, code = %shown, "development mail");
        let mut mails = self.lock();
        mails.push_front(Delivered {
            id: order.id.to_string(),
            at: rfc3339(self.clock.wall()),
            to: order.to.as_str().to_owned(),
            purpose: order.template.purpose().name(),
            subject: rendered.subject,
            text: rendered.text.expose().clone(),
            html: rendered.html.expose().clone(),
            code,
            token,
        });
        mails.truncate(KEPT);
        Ok(Sending::Accepted)
    }

    async fn examine(&self) -> Vec<Finding> {
        vec![Finding::good("mail", "development mailer: nothing is sent")]
    }
}

impl Mailbox for MailDevelopment {
    fn mails(&self) -> Vec<Delivered> {
        self.lock().iter().cloned().collect()
    }
}
