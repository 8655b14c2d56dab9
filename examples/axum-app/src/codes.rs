//! Owns codes and rates, in the memory of this process: a restart forgets them, and whoever waits for
//! his account to become active asks for another mail.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
};

use auth_core::{
    Admission, Admit, Client, CodeMac, CodeSlot, CodeStored, Fault, MailId, PutCode, RedeemCode, Redemption,
};
use tokio::time::Instant;

/// Entries of each map. Full, they refuse what is new: a flood pushes nobody's code out.
const CAPACITY: usize = 100_000;
/// Mails that a slot remembers.
const MAILS: usize = 32;

#[derive(Default)]
pub struct Codes {
    slots: Mutex<HashMap<CodeSlot, Slot>>,
    /// When a client has his whole rate again.
    clients: Mutex<HashMap<Client, Instant>>,
}

struct Slot {
    /// MAC, expiry, whether it was redeemed.
    codes: Vec<(CodeMac, Instant, bool)>,
    tries: u8,
    mails: Vec<MailId>,
    forgotten: Instant,
}

impl Codes {
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

    pub fn put(&self, order: PutCode) -> Result<CodeStored, Fault> {
        let (mut slots, now) = (lock(&self.slots), Instant::now());
        make_room(&mut slots, &order.slot, |slot| slot.forgotten > now)?;
        let forgotten = now + order.retention;
        let new = || Slot { codes: Vec::new(), tries: 0, mails: Vec::new(), forgotten };
        let slot = slots.entry(order.slot).or_insert_with(new);
        slot.forgotten = forgotten;
        if !slot.mails.contains(&order.mail) {
            slot.tries = order.tries; // once for each mail
            slot.mails.push(order.mail);
        }
        slot.codes.retain(|(_, expires, _)| now < *expires);
        match slot.codes.iter_mut().find(|code| code.0 == order.mac) {
            Some(code) => code.1 = now + order.lifetime,
            None => slot.codes.push((order.mac, now + order.lifetime, false)),
        }
        let (codes, mails) = (slot.codes.len(), slot.mails.len());
        slot.codes.drain(..codes.saturating_sub(order.newest.into()));
        slot.mails.drain(..mails.saturating_sub(MAILS));
        Ok(CodeStored)
    }

    pub fn redeem(&self, RedeemCode { slot, macs }: &RedeemCode) -> Redemption {
        let (mut slots, now) = (lock(&self.slots), Instant::now());
        let Some(slot) = slots.get_mut(slot) else { return Redemption::Missing };
        slot.codes.retain(|(_, expires, _)| now < *expires);
        let empty = slot.codes.is_empty();
        match slot.codes.iter_mut().find(|(mac, ..)| macs.contains(mac)) {
            None if empty => Redemption::Missing,
            Some((.., true)) => Redemption::Redeemed, // once more, at no cost
            _ if slot.tries == 0 => Redemption::Exhausted,
            code => {
                slot.tries -= 1; // before the visitor learns anything
                code.map(|code| code.2 = true).map_or(Redemption::Wrong, |()| Redemption::Redeemed)
            }
        }
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
