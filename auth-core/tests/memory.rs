//! Owns what reading costs: octets from outside never make the core allocate more than an order of their length.

use std::alloc::System;

use auth_core::{CodeKey, CodeKeys, Policy, Rules, Secret, wire::Machine};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What a run needs by itself: its first order, its stamps, the octets that a stamp is made of.
const ITS_OWN: usize = 4096;

/// Returns how many octets something has allocated, freed since or not.
fn allocated<T>(does: impl FnOnce() -> T) -> usize {
    let region = Region::new(COUNTED);
    let result = does();
    let allocated = region.change().bytes_allocated;
    drop(result);
    allocated
}

// One test: another one's allocations would count.
#[test]
fn octets_that_lie_about_lengths_allocate_nothing() {
    let keys = CodeKeys::new([CodeKey::new(Secret::new([7; 32]))]).expect("it is one key");
    let rules = Rules::new(Policy::default(), keys).expect("the policy is a good one");
    let address = [b"\x0fada@example.org".as_slice(), b"\x00\x7f\x00\x00\x01"].concat();
    let input = [b"\x01\x02".as_slice(), &address].concat();
    let machine = Machine::start_from_bytes(&input, &rules).expect("it asks for a mail");
    let snapshot = machine.snapshot().expose().clone();

    // Lengths and numbers of 2^32 and more in every place.
    let huge = [0xff, 0xff, 0xff, 0xff, 0x0f];
    for right in [&input, &snapshot] {
        for place in 0..right.len() {
            let mut lies = right.clone();
            lies.splice(place..=place, huge);
            for cut in [place + huge.len(), lies.len()] {
                let lies = &lies[..cut];
                let most = ITS_OWN + 16 * lies.len();
                let start = allocated(|| Machine::start_from_bytes(lies, &rules).is_ok());
                assert!(start <= most, "{start} octets for {} at {place}", lies.len());
                let restore = allocated(|| Machine::restore(lies, &rules).is_ok());
                assert!(restore <= most, "{restore} octets for {} at {place}", lies.len());
                let mut machine = machine.clone();
                let accept = allocated(|| machine.accept_bytes(lies, &rules).is_ok());
                assert!(accept <= most, "{accept} octets for {} at {place}", lies.len());
            }
        }
    }
}
