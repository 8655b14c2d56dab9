//! The metrics and their text form. They tell outcomes, so they have a listener of their own.
//!
//! Labels have values of our own alone, never what a client sent: the number of series is bounded. What each one means
//! and when to act is docs/monitoring/README.md. Next: `metrics/listener.rs` for connections.

mod listener;

use std::{sync::atomic::AtomicU64, time::Duration};

use auth_core::{Event, Kind};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::{Registry, Unit},
};

use self::listener::Listeners;
pub use self::listener::{ListenerMetrics, OpenConnection};
use crate::port::{HashLoad, OutboxDepth, PoolLoad};

/// The labels of a run with an outcome.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabels {
    operation: &'static str,
    outcome: &'static str,
}

/// The labels of a run that a fault ended.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct FaultLabels {
    operation: &'static str,
    effect: &'static str,
}

/// The labels of an answer.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct AnswerLabels {
    operation: &'static str,
    status: u16,
}

/// The label of an operation.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OperationLabels {
    operation: &'static str,
}

/// The label of an effect.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct EffectLabels {
    effect: &'static str,
}

/// The label of a state.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

/// The label of a part with a pool.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PartLabels {
    part: &'static str,
}

/// The labels of a pool's connections.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PoolLabels {
    part: &'static str,
    state: &'static str,
}

/// Counters of what happens in this process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    outcomes: Family<OutcomeLabels, Counter>,
    faults: Family<FaultLabels, Counter>,
    effects: Family<EffectLabels, Histogram>,
    answers: Family<AnswerLabels, Counter>,
    durations: Family<OperationLabels, Histogram>,
    wrong_codes: Counter,
    hashes: Family<StateLabels, Gauge>,
    hash_times: HashTimes,
    pools: Family<PoolLabels, Gauge>,
    pools_max: Family<PartLabels, Gauge>,
    listeners: Listeners,
    outbox: Family<StateLabels, Gauge>,
    oldest: Gauge<f64, AtomicU64>,
}

/// What was just read of the parts, for one scrape.
#[derive(Debug, Default)]
pub struct Reading {
    /// The hasher.
    pub hashes: HashLoad,
    /// The pools, by the part that has one.
    pub pools: [(&'static str, Option<PoolLoad>); 2],
    /// The outbox; none if it could not be counted.
    pub outbox: Option<OutboxDepth>,
}

/// How long hashes wait for a worker, and how long they take then.
#[derive(Clone, Debug)]
pub struct HashTimes {
    waiting: Histogram,
    computing: Histogram,
}

impl Default for HashTimes {
    fn default() -> Self {
        Self { waiting: seconds(), computing: seconds() }
    }
}

impl HashTimes {
    /// Counts a hash whose turn it is after this time.
    pub fn waited(&self, time: Duration) {
        self.waiting.observe(time.as_secs_f64());
    }

    /// Counts a hash that took this time.
    pub fn computed(&self, time: Duration) {
        self.computing.observe(time.as_secs_f64());
    }
}

/// Returns a histogram from 5 ms to 10 s.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.005, 2.0, 12))
}

/// Returns a histogram from 0.25 ms to 8 s: a database next door answers within the first buckets.
fn effect_seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.000_25, 2.0, 16))
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            registry: Registry::with_prefix("auth"),
            outcomes: Family::default(),
            faults: Family::default(),
            effects: Family::new_with_constructor(effect_seconds as fn() -> Histogram),
            answers: Family::default(),
            durations: Family::new_with_constructor(seconds as fn() -> Histogram),
            wrong_codes: Counter::default(),
            hashes: Family::default(),
            hash_times: HashTimes::default(),
            pools: Family::default(),
            pools_max: Family::default(),
            listeners: Listeners::default(),
            outbox: Family::default(),
            oldest: Gauge::default(),
        };
        // Rates of what has not happened yet are zero rather than missing.
        for kind in Kind::ALL {
            drop(metrics.effects.get_or_create(&EffectLabels { effect: kind.name() }));
        }
        metrics.registered()
    }
}

impl Metrics {
    fn registered(mut self) -> Self {
        let registry = &mut self.registry;
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The version of this node", version);
        registry.register("requests", "Runs by operation and true outcome", self.outcomes.clone());
        registry.register("faults", "Runs that broken I/O ended, by effect", self.faults.clone());
        registry.register("http_answers", "Answers by operation and status", self.answers.clone());
        registry.register("wrong_codes", "Wrong codes with a right password", self.wrong_codes.clone());
        registry.register("hashes", "Password hashes waiting and running", self.hashes.clone());
        for (name, help, times) in [
            ("hash_wait", "Time that a password hash waited for a worker", &self.hash_times.waiting),
            ("hash_duration", "Time that a password hash took", &self.hash_times.computing),
        ] {
            registry.register_with_unit(name, help, Unit::Seconds, times.clone());
        }
        let help = "Time from a request's head to its answer";
        registry.register_with_unit("http_duration", help, Unit::Seconds, self.durations.clone());
        let help = "Time that an effect took, waiting for a connection or a worker included";
        registry.register_with_unit("effect_duration", help, Unit::Seconds, self.effects.clone());
        registry.register("pool_connections", "Connections to a part by state", self.pools.clone());
        let help = "Connections to a part that there may be";
        registry.register("pool_connections_max", help, self.pools_max.clone());
        self.listeners.register(registry);
        registry.register("outbox_mails", "Mails in the outbox by state", self.outbox.clone());
        let help = "How long the oldest mail has been due";
        registry.register_with_unit("outbox_oldest", help, Unit::Seconds, self.oldest.clone());
        self
    }

    /// Returns what the hasher fills.
    pub fn hash_times(&self) -> HashTimes {
        self.hash_times.clone()
    }

    /// Returns what counts the connections of a listener.
    pub fn listener(&self, name: &'static str) -> ListenerMetrics {
        self.listeners.named(name)
    }

    /// Counts an outcome.
    pub fn outcome(&self, operation: &'static str, event: Event) {
        self.outcomes.get_or_create(&OutcomeLabels { operation, outcome: event.name() }).inc();
        if event == Event::WrongCode {
            self.wrong_codes.inc();
        }
    }

    /// Counts a run that a fault ended.
    pub fn fault(&self, operation: &'static str, kind: Kind) {
        self.faults.get_or_create(&FaultLabels { operation, effect: kind.name() }).inc();
    }

    /// Counts an effect, whatever its answer.
    pub fn effect(&self, kind: Kind, took: Duration) {
        self.effects.get_or_create(&EffectLabels { effect: kind.name() }).observe(took.as_secs_f64());
    }

    /// Counts an answer.
    pub fn answer(&self, operation: &'static str, status: u16, took: Duration) {
        self.answers.get_or_create(&AnswerLabels { operation, status }).inc();
        self.durations.get_or_create(&OperationLabels { operation }).observe(took.as_secs_f64());
    }

    /// Writes all of them, with what was just read of the parts. An outbox that could not be counted is left out rather
    /// than shown as it was.
    pub fn text(&self, reading: &Reading) -> String {
        let by_state = |family: &Family<StateLabels, Gauge>, state, value: usize| {
            family.get_or_create(&StateLabels { state }).set(gauge(value));
        };
        by_state(&self.hashes, "waiting", reading.hashes.waiting);
        by_state(&self.hashes, "running", reading.hashes.running);
        for (part, pool) in reading.pools {
            let Some(PoolLoad { used, idle, max }) = pool else { continue };
            for (state, connections) in [("used", used), ("idle", idle)] {
                self.pools.get_or_create(&PoolLabels { part, state }).set(gauge(connections));
            }
            self.pools_max.get_or_create(&PartLabels { part }).set(gauge(max));
        }
        match reading.outbox {
            Some(depth) => {
                by_state(&self.outbox, "waiting", usize::try_from(depth.waiting).unwrap_or(usize::MAX));
                by_state(&self.outbox, "dead", usize::try_from(depth.dead).unwrap_or(usize::MAX));
                self.oldest.set(depth.oldest.as_secs_f64());
            }
            None => {
                self.outbox.clear();
                self.oldest.set(f64::NAN);
            }
        }
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

fn gauge(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
