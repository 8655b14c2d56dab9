//! What test builds may do to the running process, and that others may not.
//!
//! With the cargo feature `test-hooks`: stop the process at the n-th effect, before or after it was
//! carried out (`AUTH_TEST_STOP=before:7`, or `after:2:CommitAccount` to count one kind alone),
//! start with shifted clocks (`AUTH_TEST_CLOCK_SHIFT_SECONDS`), move them while running
//! (`POST /dev/clock?seconds=60`), make no hash until SIGUSR2 (`AUTH_TEST_HOLD_HASHES=1`), and hash cheaply.
//! Without it every hook is empty.

use auth_core::Kind;

/// The variables of test builds; other builds refuse them.
pub const VARIABLES: &[&str] = &["AUTH_TEST_STOP", "AUTH_TEST_CLOCK_SHIFT_SECONDS", "AUTH_TEST_HOLD_HASHES"];

/// Whether this is a test build.
pub const ENABLED: bool = cfg!(feature = "test-hooks");

/// The effect at which the process stops.
#[derive(Debug, Default)]
pub struct Hooks {
    #[cfg(feature = "test-hooks")]
    stop: Option<on::StopAt>,
}

impl Hooks {
    /// Reads the variables.
    ///
    /// # Errors
    /// A message for a value that cannot be read.
    pub fn from_environment() -> Result<Self, String> {
        #[cfg(feature = "test-hooks")]
        on::hold_hashes()?;
        #[cfg(feature = "test-hooks")]
        return Ok(Self { stop: on::StopAt::from_environment()? });
        #[cfg(not(feature = "test-hooks"))]
        Ok(Self {})
    }

    /// Stops here if the process shall stop before this effect.
    pub fn before(&self, kind: Kind) {
        #[cfg(feature = "test-hooks")]
        on::reached(self.stop.as_ref(), kind, on::Side::Before);
        let _ = kind;
    }

    /// Stops here if the process shall stop after this effect.
    pub fn after(&self, kind: Kind) {
        #[cfg(feature = "test-hooks")]
        on::reached(self.stop.as_ref(), kind, on::Side::After);
        let _ = kind;
    }
}

/// Waits here while hashes are held.
pub fn before_hash() {
    #[cfg(feature = "test-hooks")]
    on::HASHES.pass();
}

/// Returns the shift that clocks start with.
///
/// # Errors
/// A message for a value that is no number.
pub fn clock_shift() -> Result<i64, String> {
    #[cfg(feature = "test-hooks")]
    if let Ok(seconds) = std::env::var("AUTH_TEST_CLOCK_SHIFT_SECONDS") {
        return seconds.parse().map_err(|_| format!("AUTH_TEST_CLOCK_SHIFT_SECONDS: {seconds}: no number"));
    }
    Ok(0)
}

#[cfg(feature = "test-hooks")]
mod on {
    use std::sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    };

    use auth_core::Kind;
    use tokio::signal::unix::{SignalKind, signal};

    /// The gate that all hash workers of the process go through.
    pub(super) static HASHES: Gate = Gate { closed: Mutex::new(false), moved: Condvar::new() };

    pub(super) struct Gate {
        closed: Mutex<bool>,
        moved: Condvar,
    }

    impl Gate {
        pub(super) fn hold(&self, held: bool) {
            *self.closed.lock().unwrap_or_else(PoisonError::into_inner) = held;
            self.moved.notify_all();
        }

        pub(super) fn pass(&self) {
            let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
            drop(self.moved.wait_while(closed, |closed| *closed));
        }
    }

    /// Closes the gate until SIGUSR2, if the variable is set.
    pub(super) fn hold_hashes() -> Result<(), String> {
        if std::env::var_os("AUTH_TEST_HOLD_HASHES").is_none() {
            return Ok(());
        }
        let mut released = signal(SignalKind::user_defined2()).map_err(|error| error.to_string())?;
        HASHES.hold(true);
        tokio::spawn(async move {
            released.recv().await;
            HASHES.hold(false);
        });
        Ok(())
    }

    #[derive(Debug, PartialEq, Eq)]
    pub(super) enum Side {
        Before,
        After,
    }

    #[derive(Debug)]
    pub(super) struct StopAt {
        side: Side,
        at: u64,
        kind: Option<Kind>,
        count: AtomicU64,
    }

    impl StopAt {
        pub(super) fn from_environment() -> Result<Option<Self>, String> {
            match std::env::var("AUTH_TEST_STOP") {
                Ok(text) => Self::parse(&text).map(Some).ok_or_else(|| {
                    format!("AUTH_TEST_STOP: {text}: write before:N or after:N, then :Kind for one kind")
                }),
                Err(_) => Ok(None),
            }
        }

        fn parse(text: &str) -> Option<Self> {
            let mut parts = text.split(':');
            let side = match parts.next()? {
                "before" => Side::Before,
                "after" => Side::After,
                _ => return None,
            };
            let at = parts.next()?.parse().ok()?;
            let kind = match parts.next() {
                None => None,
                Some(name) => Some(*Kind::ALL.iter().find(|kind| kind.name() == name)?),
            };
            Some(Self { side, at, kind, count: AtomicU64::new(0) })
        }
    }

    pub(super) fn reached(stop: Option<&StopAt>, kind: Kind, side: Side) {
        let Some(stop) = stop else { return };
        let counts = stop.side == side && stop.kind.is_none_or(|wanted| wanted == kind);
        if counts && stop.count.fetch_add(1, Ordering::SeqCst) + 1 == stop.at {
            tracing::error!(?side, kind = kind.name(), at = stop.at, "AUTH_TEST_STOP: the process stops");
            std::process::abort();
        }
    }
}
