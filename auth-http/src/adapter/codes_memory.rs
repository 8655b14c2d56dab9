//! Owns codes and limits in the memory of this process: for one node, lost with it.
//!
//! Both maps are bounded and keyed at random (`HashMap`'s SipHash): a flood of addresses or
//! clients neither fills the memory nor finds colliding keys. Full, they refuse what is new
//! and evict nothing that lives: an attacker cannot push out somebody's code or his own count.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use auth_core::{Admission, Admit, Client, CodeSlot, PutCode, RedeemCode, Redemption, Slot, Time};

use super::clock::Clock;
use crate::port::{Codes, Finding, PortError, Result};

/// Entries of each map: some 30 MB when full.
const CAPACITY: usize = 100_000;
/// Keeps codes and limits in memory.
#[derive(Debug)]
pub struct CodesMemory {
    clock: Clock,
    slots: Mutex<Bounded<CodeSlot, Slot>>,
    clients: Mutex<Bounded<Client, Duration>>,
}

impl CodesMemory {
    /// Starts empty.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self::with_capacity(clock, CAPACITY)
    }

    /// Starts empty with room for so many slots, and so many clients.
    #[must_use]
    pub fn with_capacity(clock: Clock, capacity: usize) -> Self {
        let (slots, clients) = (Bounded::new(capacity), Bounded::new(capacity));
        Self { clock, slots: Mutex::new(slots), clients: Mutex::new(clients) }
    }
}

/// A map with room for so many entries; each one has its end.
#[derive(Debug)]
struct Bounded<K, V> {
    entries: HashMap<K, (V, Duration)>,
    capacity: usize,
    swept: Duration,
}

impl<K: Eq + Hash, V> Bounded<K, V> {
    fn new(capacity: usize) -> Self {
        Self { entries: HashMap::new(), capacity, swept: Duration::ZERO }
    }

    fn live(&mut self, key: &K, now: Duration) -> Option<&mut V> {
        self.entries.get_mut(key).filter(|(_, end)| *end > now).map(|(value, _)| value)
    }

    /// Inserts or replaces, if there is room.
    fn put(&mut self, key: K, value: V, end: Duration, now: Duration) -> std::result::Result<(), Full> {
        if self.entries.len() >= self.capacity && !self.entries.contains_key(&key) {
            // At most once a second: a flood must not make every request walk the map.
            if now.saturating_sub(self.swept) >= Duration::from_secs(1) {
                self.entries.retain(|_, (_, end)| *end > now);
                self.swept = now;
            }
            if self.entries.len() >= self.capacity {
                return Err(Full);
            }
        }
        self.entries.insert(key, (value, end));
        Ok(())
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the map in memory is full; wait, or set AUTH_REDIS_URL")]
struct Full;

/// This process' clock as the core counts time.
fn time(now: Duration) -> Time {
    Time::from_micros(0).after(now)
}

/// A panic while a lock is held leaves no half-made value here: every change is one assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Codes for CodesMemory {
    /// Generic cell rate algorithm: the entry is the time at which the client's bucket is full again.
    async fn admit(&self, order: &Admit) -> Result<Admission> {
        let now = self.clock.monotonic();
        let mut clients = lock(&self.clients);
        let interval = order.rate.period / order.rate.requests.get();
        let full_at = clients.live(&order.client, now).map_or(now, |full_at| *full_at);
        let next = full_at + interval;
        let limit = now + order.rate.period;
        if next > limit {
            return Ok(Admission::Limited { retry_after: next - limit });
        }
        clients
            .put(order.client, next, next, now)
            .map_err(|full| PortError::not_done("count a request", full))?;
        Ok(Admission::Admitted)
    }

    async fn put(&self, order: &PutCode) -> Result<()> {
        let now = self.clock.monotonic();
        let mut slots = lock(&self.slots);
        let mut slot = slots.live(&order.slot, now).cloned().unwrap_or_default();
        slot.put(order, time(now));
        let end = Duration::from_micros(slot.forgotten().as_micros());
        slots.put(order.slot, slot, end, now).map_err(|full| PortError::not_done("store a code", full))
    }

    async fn redeem(&self, order: &RedeemCode) -> Result<Redemption> {
        let now = self.clock.monotonic();
        let mut slots = lock(&self.slots);
        Ok(slots.live(&order.slot, now).map_or(Redemption::Missing, |slot| slot.redeem(order, time(now))))
    }

    async fn ping(&self) -> Result<()> {
        Ok(())
    }

    async fn examine(&self) -> Vec<Finding> {
        vec![Finding::good("codes", "in this process: lost with it, for one node")]
    }
}
