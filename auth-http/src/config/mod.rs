//! The configuration: which keys there are, where values come from, what they mean.
//!
//! `keys.rs` is the table, `reference.rs` its documentation, `layers.rs` finds the values and their sources,
//! `links.rs` recognises the variables that platforms set, `settings.rs` gives values their types with the help of `values.rs`, `servers.rs` reads the URLs of the infrastructure,
//! `browsers.rs` what browsers come into, `refusals.rs` says which combinations are not served.

mod browsers;
mod keys;
mod layers;
mod links;
mod origins;
mod reference;
mod refusals;
mod servers;
mod settings;
mod values;

pub use keys::{KEYS, Key};
pub use layers::{Layers, Source, environment};
pub(crate) use reference::reference;
pub use servers::{Database, MailFrom, RedisServer, SmtpServer, SmtpTls};
pub use settings::{ForwardedHeader, Settings};

/// What is wrong with the configuration, and what to do about it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

impl ConfigError {
    fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}
