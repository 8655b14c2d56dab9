//! Owns what an answer must be to fit its order, and what is said of one that does not.
//!
//! Next: `run.rs`, which asks.

use alloc::boxed::Box;
use core::fmt;

use crate::{
    Hashing, Kind,
    effect::{Order, Reply},
    run::{Recorded, Stamp},
};

/// Carries an answer on its way to its run.
#[derive(Debug)]
#[must_use = "hand it to Run::accept"]
pub struct Answered {
    pub(crate) stamp: Stamp,
    pub(crate) kind: Kind,
    pub(crate) answer: Recorded,
}

/// Tells that an answer was not taken. The run is as it was, and the answer comes back.
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub why: WhyRefused,
    /// The answer, unused.
    pub answered: Box<Answered>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)
    }
}

impl core::error::Error for Refused {}

/// Why an answer was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyRefused {
    /// It answers another run's order.
    OtherRun,
    /// It answers an order that this run has not come to.
    NeverIssued,
    /// Its order has an answer.
    AlreadyAnswered,
    /// It is of another kind than its order.
    WrongKind {
        /// The kind that would have fitted.
        expected: Kind,
    },
    /// The password was hashed in another way than was ordered.
    OtherHashing {
        /// The way that was ordered.
        expected: Hashing,
    },
}

impl fmt::Display for WhyRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherRun => f.write_str("the answer is to another run's order"),
            Self::NeverIssued => f.write_str("the answer is to an order that this run has not come to"),
            Self::AlreadyAnswered => f.write_str("its order has an answer"),
            Self::WrongKind { expected } => write!(f, "the order was {}", expected.name()),
            Self::OtherHashing { expected } => write!(f, "the password was to be hashed by {expected}"),
        }
    }
}

impl core::error::Error for WhyRefused {}

/// Says what an answer must be to fit an order.
#[derive(Clone, Copy)]
pub(crate) struct Expected {
    pub(crate) kind: Kind,
    hashing: Option<Hashing>,
}

impl Expected {
    pub(crate) fn of(order: &Order) -> Self {
        let hashing = if let Order::HashPassword(order) = order { Some(order.params) } else { None };
        Self { kind: order.kind(), hashing }
    }

    /// Returns why the answer does not match.
    pub(crate) fn refuses(self, kind: Kind, answer: &Recorded) -> Option<WhyRefused> {
        if kind != self.kind {
            return Some(WhyRefused::WrongKind { expected: self.kind });
        }
        // Threat: a host that hashes cheaper than it was told, and a leak that shows it.
        match (answer, self.hashing) {
            (Ok(Reply::HashPassword(hashed)), Some(expected)) if hashed.params != expected => {
                Some(WhyRefused::OtherHashing { expected })
            }
            _ => None,
        }
    }
}
