//! Owns the distance between mails to one address.
//!
//! Threat: address bombing. The distance doubles with each mail, so a stranger who asks all day
//! causes 18 mails with the defaults; there is no cap that he could use up for the owner.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::Time;

/// A day without a mail brings the distance back to the first one.
const RESET: Duration = Duration::from_secs(86_400);

/// Holds the shortest and the longest distance between mails to one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    first: Duration,
    longest: Duration,
}

impl Pace {
    /// Takes the first distance, at least a second, and the longest, at least the first and at
    /// most a day.
    pub fn new(first: Duration, longest: Duration) -> Option<Self> {
        let fits = first >= Duration::from_secs(1) && longest >= first && longest <= RESET;
        fits.then_some(Self { first, longest })
    }

    /// Returns the first distance.
    pub const fn first(self) -> Duration {
        self.first
    }

    pub(crate) fn longer(self, distance: Duration) -> Duration {
        distance.saturating_mul(2).min(self.longest)
    }

    /// Decides when the next mail leaves, and what the distance after it is.
    pub(crate) fn next(self, last: Option<LastMail>, now: Time) -> LastMail {
        let fresh = LastMail { due: now, distance: self.first };
        let Some(last) = last else { return fresh };
        if last.due > now {
            // A mail waits already; the new one takes its place. Asking again puts nothing off.
            return last;
        }
        if now.since(last.due) >= RESET {
            return fresh;
        }
        let earliest = last.due.after(last.distance.min(self.longest));
        LastMail { due: earliest.max(now), distance: self.longer(last.distance) }
    }
}

/// Remembers the last mail to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastMail {
    /// When it was or is due.
    pub due: Time,
    /// How long after that the next one is due at the earliest.
    pub distance: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace() -> Pace {
        Pace::new(Duration::from_secs(60), Duration::from_secs(7200)).unwrap()
    }

    fn at(seconds: u64) -> Time {
        Time::from_micros(seconds * 1_000_000)
    }

    fn last(due: u64, distance: u64) -> LastMail {
        LastMail { due: at(due), distance: Duration::from_secs(distance) }
    }

    #[test]
    fn next_mail_is_a_table() {
        for (what, before, now, after) in [
            ("first mail leaves at once", None, 1000, last(1000, 60)),
            ("within the distance it waits", Some(last(1000, 60)), 1010, last(1060, 120)),
            ("a waiting mail keeps its time", Some(last(1060, 120)), 1020, last(1060, 120)),
            ("after the distance it leaves at once", Some(last(1000, 60)), 1100, last(1100, 120)),
            ("the distance stops growing", Some(last(1000, 7200)), 1000, last(8200, 7200)),
            ("a day without mail starts again", Some(last(1000, 7200)), 87_400, last(87_400, 60)),
            ("a second less does not", Some(last(1000, 7200)), 87_399, last(87_399, 7200)),
        ] {
            assert_eq!(pace().next(before, at(now)), after, "{what}");
        }
    }

    #[test]
    fn asking_all_day_causes_18_mails() {
        let (mut last, mut due) = (None, alloc::collections::BTreeSet::new());
        for second in 0..86_400 {
            let next = pace().next(last, at(second));
            due.insert(next.due);
            last = Some(next);
        }
        let within = due.iter().filter(|due| **due < at(86_400)).count();
        assert_eq!(within, 18);
    }

    #[test]
    fn limits_of_a_pace() {
        let pace = |first, longest| Pace::new(Duration::from_secs(first), Duration::from_secs(longest));
        assert!(pace(0, 60).is_none());
        assert!(pace(60, 59).is_none());
        assert!(pace(60, 86_401).is_none());
        assert!(pace(60, 60).is_some());
    }
}
