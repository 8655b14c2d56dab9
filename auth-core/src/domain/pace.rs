//! Owns the distance between mails to one address.
//!
//! Threat: address bombing. The distance doubles with each mail, so a stranger who asks all day
//! causes 18 mails with the defaults; there is no cap that he could use up for the owner.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Time, micros};

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
    ///
    /// `suffices` tells that the last mail still waits and says all that the next one would:
    /// while the distance holds it stays, since a mail in its place would be due later.
    pub(crate) fn next(self, last: Option<LastMail>, suffices: bool, now: Time) -> Next {
        let fresh = LastMail { due: now, distance: self.first };
        let Some(last) = last else { return Next::Mail(fresh) };
        if last.due > now {
            // A mail waits already; the new one takes its place. Asking again puts nothing off.
            return Next::Mail(last);
        }
        if now.since(last.due) >= RESET {
            return Next::Mail(fresh);
        }
        let earliest = last.due.after(last.distance.min(self.longest));
        if suffices && now < earliest {
            return Next::AsItIs;
        }
        Next::Mail(LastMail { due: earliest.max(now), distance: self.longer(last.distance) })
    }
}

/// Says what becomes of a request for a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A mail leaves, in the place of one that waits.
    Mail(LastMail),
    /// The mail that waits is the one that was asked for.
    AsItIs,
}

/// Remembers the last mail to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastMail {
    /// When it was or is due.
    pub due: Time,
    /// How long after that the next one is due at the earliest.
    #[serde(with = "micros")]
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
        let mail = |due, distance| Next::Mail(last(due, distance));
        for (what, before, suffices, now, after) in [
            ("first mail leaves at once", None, false, 1000, mail(1000, 60)),
            ("within the distance it waits", Some(last(1000, 60)), false, 1010, mail(1060, 120)),
            ("a waiting mail keeps its time", Some(last(1060, 120)), false, 1020, mail(1060, 120)),
            ("one that is late stays", Some(last(1000, 60)), true, 1010, Next::AsItIs),
            ("until the distance allows another", Some(last(1000, 60)), true, 1060, mail(1060, 120)),
            ("after the distance it leaves at once", Some(last(1000, 60)), false, 1100, mail(1100, 120)),
            ("the distance stops growing", Some(last(1000, 7200)), false, 1000, mail(8200, 7200)),
            ("a day without mail starts again", Some(last(1000, 7200)), false, 87_400, mail(87_400, 60)),
            ("a second less does not", Some(last(1000, 7200)), false, 87_399, mail(87_399, 7200)),
        ] {
            assert_eq!(pace().next(before, suffices, at(now)), after, "{what}");
        }
    }

    #[test]
    fn asking_all_day_causes_18_mails() {
        let (mut last, mut due) = (None, alloc::collections::BTreeSet::new());
        for second in 0..86_400 {
            let Next::Mail(next) = pace().next(last, false, at(second)) else { continue };
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
