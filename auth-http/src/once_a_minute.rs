//! The gate for log lines that somebody outside can cause again and again: one a minute passes.
//!
//! Threat: a client, or a part that is away, that fills the disk and hides every other line.

use std::sync::{Mutex, PoisonError};

use tokio::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);

/// A gate for one kind of line.
#[derive(Debug, Default)]
pub(crate) struct OnceAMinute(Mutex<Passed>);

#[derive(Debug, Default)]
struct Passed {
    last: Option<Instant>,
    held_back: u64,
}

impl OnceAMinute {
    /// Returns how many lines were held back since the last one, if this one may be written.
    pub(crate) fn pass(&self) -> Option<u64> {
        self.pass_at(Instant::now())
    }

    fn pass_at(&self, now: Instant) -> Option<u64> {
        let mut passed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if passed.last.is_some_and(|last| now < last + MINUTE) {
            passed.held_back += 1;
            return None;
        }
        passed.last = Some(now);
        Some(std::mem::take(&mut passed.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_minute_passes_and_says_how_many_did_not() {
        let (gate, start) = (OnceAMinute::default(), Instant::now());
        let at = |seconds| gate.pass_at(start + Duration::from_secs(seconds));
        assert_eq!(
            [at(0), at(0), at(59), at(60), at(61), at(200)],
            [Some(0), None, None, Some(2), None, Some(1)]
        );
    }
}
