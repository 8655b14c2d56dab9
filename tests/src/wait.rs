//! Waiting: for a condition, never for a time.

use std::{
    thread,
    time::{Duration, Instant},
};

/// The limit for anything on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks repeatedly until there is a result.
pub fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    until_within(PATIENCE, what, look)
}

/// Asks repeatedly for as long as this until there is a result.
#[expect(clippy::disallowed_methods, reason = "the one place that waits")]
pub fn until_within<T>(patience: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + patience;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "waited {patience:?} in vain for {what}");
        thread::sleep(Duration::from_millis(10)); // polling interval
    }
}

/// Runs something and returns how long it took.
#[expect(clippy::disallowed_methods, reason = "limits of time are part of the contract")]
pub fn took<T>(what: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let done = what();
    (done, began.elapsed())
}
