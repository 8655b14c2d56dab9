//! Points in time on the account store's clock.
//!
//! There is no `now` here: a node's own clock decides nothing, so that a node whose clock is wrong does no harm.
//! Between different clocks only a `Duration` is passed.

use core::time::Duration;

use serde::{Deserialize, Serialize};

/// Microseconds since 1970-01-01T00:00:00Z on the account store's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Time(u64);

impl Time {
    /// Makes a time from microseconds since the epoch.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Returns microseconds since the epoch.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Returns the time `interval` later; saturates at the largest value.
    pub fn after(self, interval: Duration) -> Self {
        Self(self.0.saturating_add(whole_micros(interval)))
    }

    /// Returns how long ago `earlier` was; zero if it is in the future.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// Returns the whole microseconds, at most `u64::MAX`. Unlike `Duration::as_micros` without 128-bit arithmetic, which
/// is large on small machines.
pub(super) fn whole_micros(duration: Duration) -> u64 {
    let micros = u64::from(duration.subsec_micros());
    duration.as_secs().saturating_mul(1_000_000).saturating_add(micros)
}

/// Serialization of durations as whole microseconds, the unit of [`Time`].
pub(crate) mod micros {
    use core::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        super::whole_micros(*duration).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_micros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates() {
        let end = Time::from_micros(u64::MAX);
        assert_eq!(end.after(Duration::from_secs(1)), end);
        assert_eq!(Time::from_micros(1).since(end), Duration::ZERO);
        assert_eq!(Time::from_micros(0).after(Duration::MAX), end);
    }
}
