//! Rules of the in-process store's bounds: when full, it refuses new entries and evicts nothing.
//!
//! Threat: a flood of addresses or clients that fills the memory, or evicts somebody's code or
//! the attacker's own count.

use std::{sync::Arc, time::Duration};

use auth_core::{Admission, Admit, Fault, Rate, Redemption, Subject, SubjectKind};
use auth_http::{
    adapter::{clock::Clock, codes_memory::CodesMemory},
    port::Codes,
};

use super::orders::{Slot, TRIES};

const HOUR: Duration = Duration::from_secs(3600);

fn with_room_for(capacity: usize) -> (Arc<dyn Codes>, Clock) {
    let clock = Clock::default();
    (Arc::new(CodesMemory::with_capacity(clock.clone(), capacity)), clock)
}

fn request(n: u8) -> Admit {
    let rate = Rate { requests: 3.try_into().unwrap(), period: HOUR };
    Admit { subject: Subject::from_parts(SubjectKind::Client, [n; 32]), rate, give_back: false }
}

#[tokio::test]
async fn a_full_limiter_refuses_new_clients_and_goes_on_counting_the_others() {
    let (codes, _clock) = with_room_for(2);
    for n in [1, 2] {
        assert_eq!(codes.admit(&request(n)).await.unwrap(), Admission::Admitted);
    }
    for n in 3..=255 {
        let refused = codes.admit(&request(n)).await.unwrap_err();
        assert_eq!(refused.fault, Fault::NotDone, "a full limiter fails closed");
    }
    for expected in [true, true, false] {
        for n in [1, 2] {
            assert_eq!(codes.admit(&request(n)).await.unwrap() == Admission::Admitted, expected);
        }
    }
}

#[tokio::test]
async fn a_full_limiter_has_room_again_when_clients_are_forgotten() {
    let (codes, clock) = with_room_for(2);
    for n in [1, 2] {
        codes.admit(&request(n)).await.unwrap();
    }
    clock.shift(600);
    assert!(codes.admit(&request(3)).await.is_err(), "both still count");
    clock.shift(600);
    assert_eq!(codes.admit(&request(3)).await.unwrap(), Admission::Admitted);
}

#[tokio::test]
async fn a_full_store_refuses_new_slots_and_evicts_no_live_code() {
    let (codes, _clock) = with_room_for(2);
    let slots = [1, 2].map(|n| Slot::new(&codes, n));
    let mut kept = Vec::new();
    for slot in &slots {
        kept.push(slot.put(1, 1).await);
    }
    for n in 3..=100 {
        let refused = codes.put(&Slot::new(&codes, n).put_order(1, 1).0).await.unwrap_err();
        assert_eq!(refused.fault, Fault::NotDone);
    }
    for (slot, code) in slots.iter().zip(&kept) {
        assert_eq!(slot.redeem(code).await, Redemption::Redeemed);
        let newer = slot.put(2, 2).await;
        assert_eq!(slot.redeem(&newer).await, Redemption::Redeemed, "a slot that is there takes more codes");
        assert_eq!(slot.use_up().await, TRIES - 1);
    }
}

#[tokio::test]
async fn a_full_store_has_room_again_when_slots_are_forgotten() {
    let (codes, clock) = with_room_for(1);
    Slot::new(&codes, 1).put(1, 1).await;
    let (order, _) = Slot::new(&codes, 2).put_order(1, 1);
    let retention = i64::try_from(order.retention.as_secs()).unwrap();
    clock.shift(retention - 100);
    assert!(codes.put(&order).await.is_err(), "its codes are dead, its tries still count");
    clock.shift(100);
    codes.put(&order).await.unwrap();
}

#[tokio::test]
async fn misses_take_no_room() {
    let (codes, _clock) = with_room_for(1);
    for n in 2..=50 {
        assert_eq!(Slot::new(&codes, n).guess(1).await, Redemption::Missing);
    }
    let slot = Slot::new(&codes, 1);
    let code = slot.put(1, 1).await;
    assert_eq!(slot.redeem(&code).await, Redemption::Redeemed);
}

#[tokio::test]
async fn clients_take_no_room_from_codes() {
    let (codes, _clock) = with_room_for(1);
    codes.admit(&request(1)).await.unwrap();
    let slot = Slot::new(&codes, 1);
    let code = slot.put(1, 1).await;
    assert_eq!(slot.redeem(&code).await, Redemption::Redeemed);
}
