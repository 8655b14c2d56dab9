//! The metrics and their text form. They tell outcomes, so they have a listener of their own.

use std::{sync::atomic::AtomicU64, time::Duration};

use auth_core::{Event, Kind};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

use crate::port::{HashLoad, OutboxDepth};

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

/// Counters of what happens in this process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    outcomes: Family<OutcomeLabels, Counter>,
    faults: Family<FaultLabels, Counter>,
    answers: Family<AnswerLabels, Counter>,
    durations: Family<OperationLabels, Histogram>,
    wrong_codes: Counter,
    hashes: Family<StateLabels, Gauge>,
    hash_times: HashTimes,
    outbox: Family<StateLabels, Gauge>,
    oldest: Gauge<f64, AtomicU64>,
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

/// The label of an operation.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OperationLabels {
    operation: &'static str,
}

/// The label of a state.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("auth");
        let outcomes = Family::default();
        registry.register("requests", "Runs by operation and true outcome", outcomes.clone());
        let faults = Family::default();
        registry.register("faults", "Runs that broken I/O ended, by effect", faults.clone());
        let answers = Family::default();
        registry.register("http_answers", "Answers by operation and status", answers.clone());
        let durations = Family::new_with_constructor(seconds as fn() -> Histogram);
        registry.register_with_unit(
            "http_duration",
            "Time from a request's head to its answer",
            Unit::Seconds,
            durations.clone(),
        );
        let wrong_codes = Counter::default();
        registry.register("wrong_codes", "Wrong codes with a right password", wrong_codes.clone());
        let hashes = Family::default();
        registry.register("hashes", "Password hashes waiting and running", hashes.clone());
        let hash_times = HashTimes::default();
        for (name, help, times) in [
            ("hash_wait", "Time that a password hash waited for a worker", &hash_times.waiting),
            ("hash_duration", "Time that a password hash took", &hash_times.computing),
        ] {
            registry.register_with_unit(name, help, Unit::Seconds, times.clone());
        }
        let outbox = Family::default();
        registry.register("outbox_mails", "Mails in the outbox by state", outbox.clone());
        let oldest = Gauge::default();
        registry.register_with_unit(
            "outbox_oldest",
            "How long the oldest mail has been due",
            Unit::Seconds,
            oldest.clone(),
        );
        Self {
            registry,
            outcomes,
            faults,
            answers,
            durations,
            wrong_codes,
            hashes,
            hash_times,
            outbox,
            oldest,
        }
    }
}

impl Metrics {
    /// Returns what the hasher fills.
    pub fn hash_times(&self) -> HashTimes {
        self.hash_times.clone()
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

    /// Counts an answer.
    pub fn answer(&self, operation: &'static str, status: u16, took: Duration) {
        self.answers.get_or_create(&AnswerLabels { operation, status }).inc();
        self.durations.get_or_create(&OperationLabels { operation }).observe(took.as_secs_f64());
    }

    /// Writes all of them, with what was just read of queue and outbox. An outbox that could
    /// not be counted is left out rather than shown as it was.
    pub fn text(&self, hashes: HashLoad, outbox: Option<OutboxDepth>) -> String {
        let gauge = |family: &Family<StateLabels, Gauge>, state, value: usize| {
            family.get_or_create(&StateLabels { state }).set(i64::try_from(value).unwrap_or(i64::MAX));
        };
        gauge(&self.hashes, "waiting", hashes.waiting);
        gauge(&self.hashes, "running", hashes.running);
        match outbox {
            Some(depth) => {
                gauge(&self.outbox, "waiting", usize::try_from(depth.waiting).unwrap_or(usize::MAX));
                gauge(&self.outbox, "dead", usize::try_from(depth.dead).unwrap_or(usize::MAX));
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
