//! What a suite needs of an adapter besides its port: a fresh instance, and a clock that can be moved.

use std::{sync::Arc, time::Duration};

use auth_http::port::{Accounts, Codes, Mailbox, Mailer};

/// An account store for the rules.
pub(crate) trait AccountsHarness {
    /// Makes an empty store with an up-to-date schema, shared with no other test.
    async fn fresh() -> Self;

    /// Opens the store. Each call returns its own connections, as another node has them, where
    /// the technology allows it.
    async fn open(&self) -> Arc<dyn Accounts>;

    /// Moves the store's clock forward.
    async fn advance(&self, by: Duration);
}

/// A code store for the rules.
pub(crate) trait CodesHarness {
    /// Makes an empty store, shared with no other test.
    async fn fresh() -> Self;

    /// Opens the store, as another node would.
    async fn open(&self) -> Arc<dyn Codes>;

    /// Moves the store's clock forward.
    async fn advance(&self, by: Duration);
}

/// A mailer for the rules, and the mails that arrived.
pub(crate) trait MailerHarness {
    /// Makes a mailer for the service named [`SERVICE`], with an empty mailbox behind it.
    async fn fresh() -> Self;

    /// Returns the mailer.
    fn mailer(&self) -> Arc<dyn Mailer>;

    /// Returns the mails that arrived, oldest first.
    async fn arrived(&self) -> Vec<Arrived>;
}

/// The mailbox of a development mailer for the rules.
pub(crate) trait MailboxHarness: MailerHarness {
    /// Returns the mailbox.
    fn mailbox(&self) -> Arc<dyn Mailbox>;
}

/// The name of the service in mails.
pub(crate) const SERVICE: &str = "Contract Service";

/// A mail as its reader sees it.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    /// All recipients of the envelope.
    pub(crate) recipients: Vec<String>,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}
