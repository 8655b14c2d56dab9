//! The clock of the embedded stores, the one place that reads the machine's.
//!
//! Accounts and outbox use the wall clock, since they outlive the process; codes and limits
//! use the monotonic one. Test builds can shift both.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use auth_core::Time;

/// The clock of an embedded store. Clones share their shift.
#[derive(Clone, Debug)]
pub struct Clock {
    started: Instant,
    shift_micros: Arc<AtomicI64>,
}

impl Default for Clock {
    fn default() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one adapter that reads the clock")]
        let started = Instant::now();
        Self { started, shift_micros: Arc::default() }
    }
}

impl Clock {
    /// Returns the wall clock's time.
    pub fn wall(&self) -> Time {
        #[expect(clippy::disallowed_methods, reason = "the one adapter that reads the clock")]
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Time::from_micros(self.shifted(since))
    }

    /// Returns the monotonic clock's time, since this clock was made.
    pub fn monotonic(&self) -> Duration {
        // The shift may be negative: a day of headroom keeps the difference from going below zero.
        const HEADROOM: Duration = Duration::from_secs(86_400);
        Duration::from_micros(self.shifted(self.started.elapsed() + HEADROOM))
    }

    /// Moves the clock, forward or back.
    pub fn shift(&self, seconds: i64) {
        self.shift_micros.fetch_add(seconds.saturating_mul(1_000_000), Ordering::SeqCst);
    }

    /// Returns how far it was moved: for stores on a server's clock, which nobody else moves.
    pub fn shift_micros(&self) -> i64 {
        self.shift_micros.load(Ordering::SeqCst)
    }

    fn shifted(&self, since: Duration) -> u64 {
        let micros = u64::try_from(since.as_micros()).unwrap_or(u64::MAX);
        micros.saturating_add_signed(self.shift_micros())
    }
}
