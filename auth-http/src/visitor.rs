//! Who a request is from, and the audit event of what became of it.

use auth_core::{Client, Event, Password};

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

/// Records what really happened, under pseudonyms.
pub(crate) fn audit(operation: &'static str, event: Event, about: &About, client: &str) {
    let (address, session) = match about {
        About::Address(pseudonym) => (Some(pseudonym), None),
        About::Session(pseudonym) => (None, Some(pseudonym)),
    };
    tracing::info!(target: "audit", operation, event = event.name(), address, session, client, "outcome");
}
