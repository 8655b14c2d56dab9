//! Every code store does what the core's own values do: the same orders, drawn at random, to both.

use std::time::Duration;

use auth_core::{Admission, Admit, LeaseToken, MemoryCodes, PutCode, Rate, Subject, SubjectKind, Time};

use super::{harness::CodesHarness, orders::Slot, values::seconds};

const SEEDS: u64 = 6;
const ORDERS: usize = 120;
/// Time passes in steps of a minute, and nothing else is a multiple of one: a store on a slow machine is seconds late,
/// and no comparison is as close as that.
const MINUTE: Duration = Duration::from_secs(60);
const LIFETIMES: [u64; 4] = [0, 100, 200, 1000];
const RETENTION: Duration = Duration::from_secs(2030);
const RATE: u32 = 6;
const PERIOD: Duration = Duration::from_secs(607 * 6);

struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u8 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u8::try_from((self.0 >> 33) % sides).unwrap()
    }
}

pub(super) async fn slots_are_what_the_core_makes_of_them(harness: &impl CodesHarness) {
    for seed in 0..SEEDS {
        let (store, mut core) = (harness.open().await, MemoryCodes::new(1000));
        // Every seed has a slot of its own.
        let slot = Slot::new(&store, u8::try_from(seed).unwrap());
        let (mut dice, mut now) = (Dice(seed), Time::from_micros(0).after(MINUTE));
        for place in 0..ORDERS {
            let what = format!("seed {seed}, order {place}");
            match dice.below(8) {
                0..3 => {
                    let (order, _) = slot.put_order(dice.below(40), dice.below(5));
                    let order = PutCode {
                        mails: 1 + dice.below(4) * 10,
                        lease: LeaseToken::from_bytes([dice.below(2); 16]),
                        ends: dice.below(2) == 0,
                        lifetime: seconds(LIFETIMES[usize::from(dice.below(4))]),
                        tries: dice.below(4),
                        newest: 1 + dice.below(3),
                        retention: RETENTION,
                        ..order
                    };
                    core.put(&order, now).unwrap();
                    store.put(&order).await.unwrap();
                }
                3..7 => {
                    let (_, code) = slot.put_order(1, dice.below(6));
                    let order = slot.redeem_order(&code);
                    let order = auth_core::RedeemCode { newest: 1 + dice.below(3), ..order };
                    let (expected, found) = (core.redeem(&order, now), store.redeem(&order).await.unwrap());
                    assert_eq!(found, expected, "{what}");
                }
                _ => {
                    let by = MINUTE * u32::from(dice.below(12));
                    now = now.after(by);
                    harness.advance(by).await;
                }
            }
        }
    }
}

pub(super) async fn rates_are_what_the_core_makes_of_them(harness: &impl CodesHarness) {
    let (store, mut core) = (harness.open().await, MemoryCodes::new(1000));
    let (mut dice, mut now) = (Dice(7), Time::from_micros(0).after(MINUTE));
    let rate = Rate { requests: RATE.try_into().unwrap(), period: PERIOD };
    for place in 0..ORDERS {
        if dice.below(3) == 0 {
            let by = MINUTE * u32::from(dice.below(20));
            now = now.after(by);
            harness.advance(by).await;
        }
        let subject = Subject::from_parts(SubjectKind::Address, [dice.below(2); 32]);
        let order = Admit { subject, rate, give_back: dice.below(4) == 0 };
        let (expected, found) = (core.admit(&order, now).unwrap(), store.admit(&order).await.unwrap());
        match (&expected, &found) {
            (Admission::Admitted, Admission::Admitted) => {}
            (Admission::Limited { retry_after: expected }, Admission::Limited { retry_after }) => {
                assert!(*retry_after <= *expected && *expected - *retry_after < seconds(4), "order {place}");
            }
            _ => panic!("order {place}: {found:?} in the place of {expected:?}"),
        }
    }
}
