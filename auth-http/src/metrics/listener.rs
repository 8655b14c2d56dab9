//! The connections of each listener: how many are open, and what kept others waiting.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// The label of a listener.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ListenerLabels {
    listener: &'static str,
}

/// The metrics of all listeners.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    open: Family<ListenerLabels, Gauge>,
    max: Family<ListenerLabels, Gauge>,
    full: Family<ListenerLabels, Counter>,
    errors: Family<ListenerLabels, Counter>,
}

impl Listeners {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("http_connections", "Open connections by listener", self.open.clone());
        let help = "Connections that a listener keeps at once";
        registry.register("http_connections_max", help, self.max.clone());
        let help = "Times that a listener was full: the next connection waited for one to end";
        registry.register("http_connections_full", help, self.full.clone());
        let help = "Failures to accept a connection, out of file descriptors for example";
        registry.register("http_accept_errors", help, self.errors.clone());
    }

    pub(super) fn named(&self, listener: &'static str) -> ListenerMetrics {
        let labels = ListenerLabels { listener };
        ListenerMetrics {
            open: self.open.get_or_create_owned(&labels),
            max: self.max.get_or_create_owned(&labels),
            full: self.full.get_or_create_owned(&labels),
            errors: self.errors.get_or_create_owned(&labels),
        }
    }
}

/// What counts the connections of one listener.
#[derive(Clone, Debug)]
pub struct ListenerMetrics {
    open: Gauge,
    max: Gauge,
    full: Counter,
    errors: Counter,
}

impl ListenerMetrics {
    /// Tells how many connections there may be at once.
    pub fn may_have(&self, connections: usize) {
        self.max.set(super::gauge(connections));
    }

    /// Counts a connection as open until the result is dropped.
    #[must_use = "the connection is open for as long as this lives"]
    pub fn open(&self) -> OpenConnection {
        self.open.inc();
        OpenConnection(self.open.clone())
    }

    /// Counts that the next connection has to wait for another one to end.
    pub fn is_full(&self) {
        self.full.inc();
    }

    /// Counts a connection that could not be accepted.
    pub fn accept_failed(&self) {
        self.errors.inc();
    }
}

/// A connection that is counted as open.
#[derive(Debug)]
pub struct OpenConnection(Gauge);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}
