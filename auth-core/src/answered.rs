//! What an answer must be to match its order, and why it is refused where it does not.
//!
//! Next: `run.rs`, which asks.

use alloc::boxed::Box;
use core::fmt;

use crate::{
    Hashing, Kind,
    effect::{Order, Reply},
    run::{Recorded, Stamp},
};

/// An answer on its way to its run, made by [`Ticket::answer`](crate::Ticket::answer).
#[derive(Debug)]
#[must_use = "hand it to Run::accept"]
pub struct Answered {
    pub(crate) stamp: Stamp,
    pub(crate) kind: Kind,
    pub(crate) answer: Recorded,
}

/// An answer that a run refused, and why. The run is unchanged.
#[derive(Debug)]
pub struct Refused {
    /// The reason.
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

/// Why a run refused an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyRefused {
    /// It answers another run's order.
    OtherRun,
    /// It answers an order that this run has not reached.
    NeverIssued,
    /// Its order is answered already.
    AlreadyAnswered,
    /// It is of another kind than its order's reply.
    WrongKind {
        /// The kind that matches.
        expected: Kind,
    },
    /// The password was hashed with other parameters than ordered.
    OtherHashing {
        /// The ordered ones.
        expected: Hashing,
    },
}

impl fmt::Display for WhyRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherRun => f.write_str("the answer belongs to another run; pass it to that one"),
            Self::NeverIssued => f.write_str(
                "the answer is to an order that this run has not reached; answer the order that waits",
            ),
            Self::AlreadyAnswered => f.write_str("the order is answered already; drop this answer"),
            Self::WrongKind { expected } => {
                write!(f, "the order is {}; answer it with its own reply", expected.name())
            }
            Self::OtherHashing { expected } => {
                write!(f, "the password must be hashed as ordered: {expected}")
            }
        }
    }
}

impl core::error::Error for WhyRefused {}

/// The kind, and for a hash the parameters, of the answer that matches an order.
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
        // Threat: a host that hashes cheaper than ordered, and a leak that shows it.
        match (answer, self.hashing) {
            (Ok(Reply::HashPassword(hashed)), Some(expected)) if hashed.params != expected => {
                Some(WhyRefused::OtherHashing { expected })
            }
            _ => None,
        }
    }
}
