//! Who a request is from, and the audit event of what became of it.

use auth_core::{Client, Event, Outcome, Password};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A visitor: what their run needs, and what its audit event says of them.
pub struct Visitor {
    /// The client that the request is counted against.
    pub client: Client,
    /// The password, if the flow needs one.
    pub password: Option<Password>,
    /// The one that takes its place, if the flow changes it.
    pub new_password: Option<Password>,
    /// What the run is about.
    pub about: About,
    /// The pseudonym of the client.
    pub from: String,
}

/// What a run is about, as a pseudonym.
pub enum About {
    /// An address.
    Address(String),
    /// A session.
    Session(String),
}

/// Returns the pseudonym of an address, a session or a client in logs.
///
/// Threat: logs that list who has an account. Equal addresses have equal pseudonyms, and without the key nobody can find
/// the address of one.
pub(crate) fn pseudonym(log_key: &[u8; 32], text: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(log_key) else { return String::new() };
    mac.update(text);
    let digest = mac.finalize().into_bytes();
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Records what really happened, under pseudonyms.
pub(crate) fn audit(operation: &'static str, event: Event, about: &About, client: &str) {
    let (address, session) = match about {
        About::Address(pseudonym) => (Some(pseudonym), None),
        About::Session(pseudonym) => (None, Some(pseudonym)),
    };
    tracing::info!(target: "audit", operation, event = event.name(), address, session, client, "outcome");
}

/// An outcome that knows its event.
pub trait Reported {
    /// Returns what really happened.
    fn event(&self) -> Event;
}

impl<T> Reported for Outcome<T> {
    fn event(&self) -> Event {
        self.event
    }
}

impl Reported for Event {
    fn event(&self) -> Event {
        *self
    }
}
