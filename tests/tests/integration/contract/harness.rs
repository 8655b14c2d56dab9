//! Owns what a suite needs of an adapter besides its port: a fresh one, and its clock moved.

use std::{sync::Arc, time::Duration};

use auth_http::port::{Accounts, Codes, Mailbox, Mailer};

/// Gives an account store to the rules.
pub(crate) trait AccountsHarness {
    /// Makes an empty store with an up-to-date schema, shared with no other test.
    async fn fresh() -> Self;

    /// Opens the store. Each call gives connections of its own, as another node has them, where
    /// the technology can.
    async fn open(&self) -> Arc<dyn Accounts>;

    /// Moves the store's clock forward.
    async fn advance(&self, by: Duration);
}

/// Gives a code store to the rules.
pub(crate) trait CodesHarness {
    /// Makes an empty store, shared with no other test.
    async fn fresh() -> Self;

    /// Opens the store, as another node would.
    async fn open(&self) -> Arc<dyn Codes>;

    /// Moves the store's clock forward.
    async fn advance(&self, by: Duration);
}

/// Gives a mailer to the rules, and what arrived.
pub(crate) trait MailerHarness {
    /// Makes a mailer that calls the service [`SERVICE`], with an empty mailbox behind it.
    async fn fresh() -> Self;

    /// Returns the mailer.
    fn mailer(&self) -> Arc<dyn Mailer>;

    /// Returns what arrived, oldest first.
    async fn arrived(&self) -> Vec<Arrived>;
}

/// Gives the mailbox of a mailer for development to the rules.
pub(crate) trait MailboxHarness: MailerHarness {
    /// Returns the mailbox.
    fn mailbox(&self) -> Arc<dyn Mailbox>;
}

/// What the service is called in mails.
pub(crate) const SERVICE: &str = "Contract Service";

/// A mail as its reader gets it.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    /// Every recipient of the envelope.
    pub(crate) recipients: Vec<String>,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}
