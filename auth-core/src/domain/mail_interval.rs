//! The interval between mails to one address.
//!
//! Threat: address bombing. The interval doubles with each mail, so a stranger who asks all day causes 18 mails with
//! the defaults; there is no cap that they could use up for the owner.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Time, micros};

/// After a day without a mail the interval is the first one again.
const RESET: Duration = Duration::from_secs(86_400);

/// The shortest and the longest interval between mails to one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailInterval {
    first: Duration,
    longest: Duration,
}

impl MailInterval {
    /// Makes the intervals: the first at least 1 s, the longest at least the first and at most 24 h. Returns `None`
    /// for others.
    pub fn new(first: Duration, longest: Duration) -> Option<Self> {
        let fits = first >= Duration::from_secs(1) && longest >= first && longest <= RESET;
        fits.then_some(Self { first, longest })
    }

    /// Returns the first interval.
    pub const fn first(self) -> Duration {
        self.first
    }

    pub(crate) fn longer(self, interval: Duration) -> Duration {
        interval.saturating_mul(2).min(self.longest)
    }

    /// Decides when the next mail leaves, and the interval after it.
    ///
    /// `tried` is when an equivalent mail in the outbox is tried again, if there is one.
    pub(crate) fn next(self, last: Option<LastMail>, tried: Option<Time>, now: Time) -> Next {
        let fresh = LastMail { due: now, interval: self.first, left: false };
        let Some(last) = last.filter(|last| now.since(last.due) < RESET) else { return Next::Mail(fresh) };
        let earliest = if last.left { last.due.after(last.interval.min(self.longest)) } else { last.due };
        let soon_enough = tried.is_some_and(|tried| tried <= earliest.max(now));
        if soon_enough && (!last.left || now < earliest) {
            return Next::AsItIs;
        }
        // It replaces a mail that nobody can have received, and leaves when that one would have.
        let interval = if last.left { self.longer(last.interval) } else { last.interval };
        Next::Mail(LastMail { due: earliest.max(now), interval, left: false })
    }

    /// Decides when a mail leaves that no other one takes the place of, and the interval after it; `None` while one waits
    /// that another may take the place of, or that leaves later than the longest interval from now.
    ///
    /// Threat: strangers who ask for mails to an address again and again, and so put off the one that its owner asks
    /// for: three of the longest intervals at most.
    pub(crate) fn reserve(self, last: Option<LastMail>, now: Time) -> Option<LastMail> {
        let Some(last) = last.filter(|last| now.since(last.due) < RESET) else {
            return Some(LastMail { due: now, interval: self.first, left: true });
        };
        let due = last.due.after(last.interval.min(self.longest)).max(now);
        let interval = self.longer(last.interval);
        let free = last.left && last.due <= now.after(self.longest);
        free.then_some(LastMail { due, interval, left: true })
    }

    /// Returns what to remember of a mail that is about to leave.
    pub(crate) fn leaves(self, last: Option<LastMail>, now: Time) -> LastMail {
        // One that is due later is another mail, and is still to leave.
        let due = last.filter(|last| last.left).map_or(now, |last| last.due.max(now));
        LastMail { due, interval: last.map_or(self.first, |last| last.interval), left: true }
    }
}

/// The answer to a request for a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A mail leaves and replaces one that waits.
    Mail(LastMail),
    /// The waiting mail already answers the request.
    AsItIs,
}

/// The last mail to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastMail {
    /// When its latest sending began, or while that has not begun, when it is due.
    pub due: Time,
    /// The least time from then until the next one is due.
    #[serde(with = "micros")]
    pub interval: Duration,
    /// Whether it counts as having left: a sending has begun, or no other mail may take its place and time.
    pub left: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval() -> MailInterval {
        MailInterval::new(Duration::from_secs(60), Duration::from_secs(7200)).unwrap()
    }

    fn at(seconds: u64) -> Time {
        Time::from_micros(seconds * 1_000_000)
    }

    fn last(due: u64, interval: u64, left: bool) -> LastMail {
        LastMail { due: at(due), interval: Duration::from_secs(interval), left }
    }

    #[test]
    fn next_mail_is_a_table() {
        let sent = |due, interval| Some(last(due, interval, true));
        let waits = |due, interval| Some(last(due, interval, false));
        let mail = |due, interval| Next::Mail(last(due, interval, false));
        let tried = |second| Some(at(second));
        for (what, before, tried, now, after) in [
            ("first mail leaves at once", None, None, 1000, mail(1000, 60)),
            ("within the interval it waits", sent(1000, 60), None, 1010, mail(1060, 120)),
            ("a waiting mail keeps its time", waits(1060, 120), None, 1020, mail(1060, 120)),
            ("or stays", waits(1060, 120), tried(1060), 1020, Next::AsItIs),
            ("an overdue mail has not been sent", waits(1000, 120), None, 1010, mail(1010, 120)),
            ("an overdue mail that is tried sooner stays", waits(1000, 120), tried(1005), 1010, Next::AsItIs),
            (
                "a backoff does not delay an overdue mail",
                waits(1000, 120),
                tried(1100),
                1010,
                mail(1010, 120),
            ),
            (
                "a mail that is retried within the interval stays",
                sent(1000, 60),
                tried(1060),
                1010,
                Next::AsItIs,
            ),
            (
                "a backoff beyond the interval delays nothing",
                sent(1000, 60),
                tried(1061),
                1010,
                mail(1060, 120),
            ),
            ("until the interval allows another", sent(1000, 60), tried(1060), 1060, mail(1060, 120)),
            ("after the interval it leaves at once", sent(1000, 60), None, 1100, mail(1100, 120)),
            ("the interval stops growing", sent(1000, 7200), None, 1000, mail(8200, 7200)),
            ("a day without mail starts again", sent(1000, 7200), None, 87_400, mail(87_400, 60)),
            ("a second less does not", sent(1000, 7200), None, 87_399, mail(87_399, 7200)),
        ] {
            assert_eq!(interval().next(before, tried, at(now)), after, "{what}");
        }
    }

    #[test]
    fn mails_that_none_takes_the_place_of_are_a_table() {
        let sent = |due, interval| Some(last(due, interval, true));
        let reserved = |due, interval| Some(last(due, interval, true));
        for (what, before, now, after) in [
            ("first mail leaves at once", None, 1000, reserved(1000, 60)),
            ("within the interval it waits", sent(1000, 60), 1010, reserved(1060, 120)),
            ("the next one comes after it", reserved(1060, 120), 1010, reserved(1180, 240)),
            ("after the interval it leaves at once", sent(1000, 60), 1100, reserved(1100, 120)),
            ("a day without mail starts again", sent(1000, 7200), 87_400, reserved(87_400, 60)),
            ("the longest interval ahead", reserved(8200, 7200), 1000, reserved(15_400, 7200)),
            ("no further", reserved(8201, 7200), 1000, None),
            ("not while one waits that another may replace", Some(last(1060, 120, false)), 1010, None),
            ("nor while it is overdue", Some(last(1000, 120, false)), 1010, None),
        ] {
            assert_eq!(interval().reserve(before, at(now)), after, "{what}");
        }
        // A mail that leaves meanwhile forgets none that is due later.
        assert_eq!(interval().leaves(reserved(1180, 240), at(1060)), last(1180, 240, true));
        assert_eq!(interval().leaves(sent(1000, 60), at(1060)), last(1060, 60, true));
    }

    #[test]
    fn asking_all_day_causes_18_mails() {
        let (mut last, mut count) = (None, 0);
        for second in 0..86_400 {
            let Next::Mail(next) = interval().next(last, None, at(second)) else { continue };
            let leaves = next.due <= at(second);
            count += u32::from(leaves);
            last = Some(if leaves { interval().leaves(Some(next), at(second)) } else { next });
        }
        assert_eq!(count, 18);
    }

    #[test]
    fn limits_of_an_interval() {
        let interval =
            |first, longest| MailInterval::new(Duration::from_secs(first), Duration::from_secs(longest));
        assert!(interval(0, 60).is_none());
        assert!(interval(60, 59).is_none());
        assert!(interval(60, 86_401).is_none());
        assert!(interval(60, 60).is_some());
    }
}
