//! How likely a stranger guesses a code.
//!
//! Threat: somebody registers a stranger's address with a password of their own and guesses the codes that are mailed
//! there. Only the tries per mail, the mails per day and the number of codes limit them.

use core::{fmt, time::Duration};

use super::{CodeFormat, MailInterval, slot::GOOD_CODES};

/// The limit on the chance of guessing a code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OddsLimit {
    /// 3e-4 per address and day.
    #[default]
    Standard,
    /// 2e-2 per address and day, for the profile `seed-compat` with its 4 digits alone.
    SeedCompat,
}

impl OddsLimit {
    const fn per_million(self) -> u64 {
        match self {
            Self::Standard => 300,
            Self::SeedCompat => 20_000,
        }
    }
}

/// The odds of guessing a code and the numbers behind them, for the check and for error messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Odds {
    /// The number of different codes.
    pub codes: u64,
    /// The number of wrong codes allowed per mail.
    pub tries: u8,
    /// The most mails to one address within any 24 hours.
    pub mails_per_day: u32,
    /// The limit that applies.
    pub limit: OddsLimit,
}

impl Odds {
    /// Computes the numbers of a configuration.
    pub fn of(format: CodeFormat, tries: u8, interval: MailInterval, limit: OddsLimit) -> Self {
        Self { codes: format.combinations(), tries, mails_per_day: mails_per_day(interval), limit }
    }

    /// Returns whether 3 × tries × mails per day / codes is within the limit.
    pub fn hold(&self) -> bool {
        self.codes.saturating_mul(self.limit.per_million()) >= self.favourable().saturating_mul(1_000_000)
    }

    /// Returns the chance of a guess per address and day of constant effort, in parts per million, rounded up.
    pub fn per_million(&self) -> u64 {
        self.favourable().saturating_mul(1_000_000).div_ceil(self.codes.max(1))
    }

    fn favourable(&self) -> u64 {
        u64::from(GOOD_CODES)
            .saturating_mul(u64::from(self.tries))
            .saturating_mul(u64::from(self.mails_per_day))
    }
}

impl fmt::Display for Odds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{GOOD_CODES} codes valid at once × {} tries per mail × {} mails a day / {} codes = \
             {} in a million per address and day; the limit is {}",
            self.tries,
            self.mails_per_day,
            self.codes,
            self.per_million(),
            self.limit.per_million()
        )
    }
}

/// Counts the mails that leave within 24 hours if one is requested all the time.
fn mails_per_day(intervals: MailInterval) -> u32 {
    const DAY: Duration = Duration::from_secs(86_400);
    let (mut at, mut interval, mut mails) = (Duration::ZERO, intervals.first(), 1_u32);
    loop {
        at = at.saturating_add(interval);
        if at >= DAY {
            return mails;
        }
        mails = mails.saturating_add(1);
        interval = intervals.longer(interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Alphabet;
    use alloc::string::ToString;

    fn odds(length: u8, tries: u8, first: u64, longest: u64, limit: OddsLimit) -> Odds {
        let format = CodeFormat::new(Alphabet::Digits, length).unwrap();
        let interval = MailInterval::new(Duration::from_secs(first), Duration::from_secs(longest)).unwrap();
        Odds::of(format, tries, interval, limit)
    }

    #[test]
    fn defaults_hold_with_18_mails_a_day() {
        let odds = odds(6, 5, 60, 7200, OddsLimit::Standard);
        assert_eq!(odds.mails_per_day, 18);
        assert_eq!(odds.per_million(), 270);
        assert!(odds.hold());
        assert!(odds.to_string().contains("270 in a million"), "{odds}");
    }

    #[test]
    fn short_codes_many_tries_or_many_mails_do_not_hold() {
        assert!(!odds(5, 5, 60, 7200, OddsLimit::Standard).hold());
        assert!(!odds(6, 6, 60, 7200, OddsLimit::Standard).hold());
        assert!(!odds(6, 5, 60, 60, OddsLimit::Standard).hold());
        assert!(odds(8, 5, 60, 60, OddsLimit::Standard).hold());
    }

    #[test]
    fn seed_compat_holds_under_its_own_limit_alone() {
        assert!(odds(4, 3, 60, 7200, OddsLimit::SeedCompat).hold());
        assert!(!odds(4, 3, 60, 7200, OddsLimit::Standard).hold());
        assert!(!odds(4, 4, 60, 7200, OddsLimit::SeedCompat).hold());
    }
}
