//! Owns codes and rates, in the memory of this process: a restart forgets them, and whoever waits for
//! his account to become active asks for another mail.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
};

use auth_core::{
    Admission, Admit, Client, CodeSlot, CodeStored, Fault, PutCode, RedeemCode, Redemption, Slot, Time,
};
use tokio::time::Instant;

/// Entries of each map. Full, they refuse what is new: a flood pushes nobody's code out.
const CAPACITY: usize = 100_000;
pub struct Codes {
    began: Instant,
    slots: Mutex<HashMap<CodeSlot, Slot>>,
    /// When a client has his whole rate again.
    clients: Mutex<HashMap<Client, Instant>>,
}

impl Codes {
    pub fn new() -> Self {
        Self { began: Instant::now(), slots: Mutex::default(), clients: Mutex::default() }
    }

    /// The generic cell rate algorithm: one time a client.
    pub fn admit(&self, Admit { client, rate }: &Admit) -> Result<Admission, Fault> {
        let (mut clients, now) = (lock(&self.clients), Instant::now());
        let next = clients.get(client).map_or(now, |full| now.max(*full)) + rate.period / rate.requests.get();
        let limit = now + rate.period;
        if next > limit {
            return Ok(Admission::Limited { retry_after: next - limit });
        }
        make_room(&mut clients, client, |full| *full > now)?;
        clients.insert(*client, next);
        Ok(Admission::Admitted)
    }

    pub fn put(&self, order: &PutCode) -> Result<CodeStored, Fault> {
        let (mut slots, now) = (lock(&self.slots), self.now());
        make_room(&mut slots, &order.slot, |slot| now < slot.forgotten())?;
        slots.entry(order.slot).or_default().put(order, now);
        Ok(CodeStored)
    }

    pub fn redeem(&self, order: &RedeemCode) -> Redemption {
        let (mut slots, now) = (lock(&self.slots), self.now());
        slots.get_mut(&order.slot).map_or(Redemption::Missing, |slot| slot.redeem(order, now))
    }

    /// The time since the process began: no code lives longer.
    fn now(&self) -> Time {
        Time::from_micros(0).after(self.began.elapsed())
    }
}

fn make_room<K: Eq + Hash, V>(
    map: &mut HashMap<K, V>,
    key: &K,
    lives: impl Fn(&V) -> bool,
) -> Result<(), Fault> {
    if map.len() < CAPACITY || map.contains_key(key) {
        return Ok(());
    }
    map.retain(|_, value| lives(value));
    if map.len() < CAPACITY { Ok(()) } else { Err(Fault::NotDone) }
}

/// No change here is left half made by a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
