//! The token bucket of one client, for stores that keep Rust values.
//!
//! Stores only keep the value and make one change at a time; the changes are defined here. Time is the store's own
//! and comes in as a value.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Rate, Time, time::whole_micros};
use crate::Admission;

/// A client's token bucket: `requests` of its [`Rate`] at once, evenly refilled within `period`. `default()` is full.
///
/// The generic cell rate algorithm (ITU-T I.371): its whole state is the time at which the bucket is full again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenBucket {
    full_at: Time,
}

impl TokenBucket {
    /// Takes a token if there is one. A rejected request costs none.
    pub fn admit(&mut self, rate: Rate, now: Time) -> Admission {
        let limit = now.after(rate.period);
        // A bucket is never more than empty: a clock that is set back locks nobody out for longer than a period.
        let full_at = self.full_at.clamp(now, limit);
        let next = full_at.after(Duration::from_micros(interval(rate)));
        if next > limit {
            return Admission::Limited { retry_after: next.since(limit) };
        }
        self.full_at = next;
        Admission::Admitted
    }

    /// Puts a token back that was taken.
    pub fn give_back(&mut self, rate: Rate, now: Time) {
        let taken = self.full_at.as_micros().saturating_sub(interval(rate));
        self.full_at = Time::from_micros(taken).max(now);
    }

    /// Returns when the bucket is full again, and a store may forget it.
    pub const fn full_at(&self) -> Time {
        self.full_at
    }
}

/// Returns the microseconds in which one token comes back.
fn interval(rate: Rate) -> u64 {
    whole_micros(rate.period).checked_div(rate.requests.get().into()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::from_micros(seconds * 1_000_000)
    }

    fn rate(requests: u32) -> Rate {
        Rate { requests: requests.try_into().unwrap(), period: Duration::from_secs(60) }
    }

    fn limited(seconds: u64) -> Admission {
        Admission::Limited { retry_after: Duration::from_secs(seconds) }
    }

    #[test]
    fn a_bucket_is_a_table() {
        let mut bucket = TokenBucket::default();
        for (now, expected) in [
            (1000, Admission::Admitted),
            (1000, Admission::Admitted),
            (1000, Admission::Admitted),
            (1000, limited(20)),
            (1019, limited(1)),
            (1020, Admission::Admitted),
            (1020, limited(20)),
            (1060, Admission::Admitted),
            (1060, Admission::Admitted),
            (1060, limited(20)),
        ] {
            assert_eq!(bucket.admit(rate(3), at(now)), expected, "at {now}");
        }
        assert_eq!(bucket.full_at(), at(1120));
    }

    #[test]
    fn a_token_that_is_given_back_can_be_taken_again_and_no_other() {
        let mut bucket = TokenBucket::default();
        for _ in 0..10 {
            assert_eq!(bucket.admit(rate(3), at(1000)), Admission::Admitted);
            bucket.give_back(rate(3), at(1000));
        }
        assert_eq!(bucket.full_at(), at(1000));
        (0..3).for_each(|_| assert_eq!(bucket.admit(rate(3), at(1000)), Admission::Admitted));
        bucket.give_back(rate(3), at(1000));
        assert_eq!(bucket.admit(rate(3), at(1000)), Admission::Admitted);
        assert_eq!(bucket.admit(rate(3), at(1000)), limited(20));
        bucket.give_back(rate(3), at(9000));
        assert_eq!(bucket.full_at(), at(9000), "a bucket is never more than full");
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out_for_longer_than_a_period() {
        let mut bucket = TokenBucket::default();
        assert_eq!(bucket.admit(rate(1), at(100_000)), Admission::Admitted);
        assert_eq!(bucket.admit(rate(1), at(1000)), limited(60));
    }
}
