//! Codes and limits in the memory of this process: for one node, lost with it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use auth_core::{Admission, Admit, Fault, MemoryCodes, PutCode, RedeemCode, Redemption, Time};

use super::clock::Clock;
use crate::port::{Codes, Finding, PortError, Result};

/// How many slots, and how many subjects of each kind: some 90 MB when full.
const CAPACITY: usize = 100_000;

/// Keeps codes and limits in memory.
#[derive(Debug)]
pub struct CodesMemory {
    clock: Clock,
    codes: Mutex<MemoryCodes>,
}

impl CodesMemory {
    /// Starts empty.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self::with_capacity(clock, CAPACITY)
    }

    /// Starts empty with room for `capacity` slots and as many subjects of each kind.
    #[must_use]
    pub fn with_capacity(clock: Clock, capacity: usize) -> Self {
        Self { clock, codes: Mutex::new(MemoryCodes::new(capacity)) }
    }

    /// A panic while the lock is held leaves no half-made value here: every change is one assignment.
    fn lock(&self) -> MutexGuard<'_, MemoryCodes> {
        self.codes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This process' clock as the core counts time.
    fn now(&self) -> Time {
        Time::from_micros(0).after(self.clock.monotonic())
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the memory for codes and limits is full; wait, or set AUTH_REDIS_URL")]
struct Full;

/// Memory fails for one reason only.
fn full(operation: &'static str) -> impl FnOnce(Fault) -> PortError {
    move |fault| PortError { fault, operation, source: Full.into() }
}

#[async_trait]
impl Codes for CodesMemory {
    async fn admit(&self, order: &Admit) -> Result<Admission> {
        self.lock().admit(order, self.now()).map_err(full("count a request"))
    }

    async fn put(&self, order: &PutCode) -> Result<()> {
        self.lock().put(order, self.now()).map(|_| ()).map_err(full("store a code"))
    }

    async fn redeem(&self, order: &RedeemCode) -> Result<Redemption> {
        Ok(self.lock().redeem(order, self.now()))
    }

    async fn ping(&self) -> Result<()> {
        Ok(())
    }

    async fn examine(&self) -> Vec<Finding> {
        vec![Finding::good("codes", "in this process: lost with it, for one node")]
    }
}
