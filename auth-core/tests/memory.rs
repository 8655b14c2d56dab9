//! The cost of reading: bytes from outside never make the core allocate more than an order of their length.

use std::alloc::System;

use auth_core::{CodeKey, CodeKeys, Policy, Rules, Secret, wire::Machine};
use serde_json::Value;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The allocations of one more step: an order, and the bytes that its stamp is made of.
const ITS_OWN: usize = 4096;

/// Returns how many bytes `does` allocates, freed since or not.
fn allocated<T>(does: impl FnOnce() -> T) -> usize {
    let region = Region::new(COUNTED);
    let result = does();
    let allocated = region.change().bytes_allocated;
    drop(result);
    allocated
}

fn bytes(hex: &Value) -> Vec<u8> {
    let byte = |two| u8::from_str_radix(std::str::from_utf8(two).expect("ASCII"), 16).expect("hex");
    hex.as_str().expect("a text").as_bytes().chunks(2).map(byte).collect()
}

// A single test: the allocations of another one would count.
#[test]
fn bytes_that_lie_about_lengths_allocate_nothing() {
    let keys = [0x11, 0x22].map(|byte| CodeKey::new(Secret::new([byte; 32])));
    let keys = CodeKeys::new(keys).expect("they differ");
    let rules = Rules::new(Policy::default(), keys).expect("the policy is valid");
    for name in ["activate-right_code", "deliver-accepted"] {
        let path = format!("{}/scripts/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let script = std::fs::read_to_string(path).expect("the script exists");
        let script: Value = serde_json::from_str(&script).expect("the script is JSON");
        let input = bytes(&script["input_wire"]);
        let mut machine = Machine::start_from_bytes(&input, &rules).expect("the input is valid");
        lie(&input, |lies| _ = Machine::start_from_bytes(lies, &rules));
        for step in script["steps"].as_array().expect("a list") {
            let answer = bytes(&step["answer_wire"]);
            lie(&answer, |lies| _ = machine.clone().accept_bytes(lies, &rules));
            machine.accept_bytes(&answer, &rules).expect("the answer matches");
        }
        let snapshot = machine.snapshot().expose().clone();
        Machine::restore(&snapshot, &rules).expect("the snapshot is valid");
        lie(&snapshot, |lies| _ = Machine::restore(lies, &rules));
    }
}

/// Replaces each byte by the bytes of 2^32 - 1, with and without the bytes after it.
fn lie(right: &[u8], read: impl Fn(&[u8])) {
    let its_own = allocated(|| read(right));
    for place in 0..right.len() {
        let mut lies = right.to_vec();
        lies.splice(place..=place, [0xff, 0xff, 0xff, 0xff, 0x0f]);
        for lies in [&lies[..], &lies[..place + 5]] {
            let cost = allocated(|| read(lies));
            let most = its_own + ITS_OWN + 16 * lies.len();
            assert!(
                cost <= most,
                "{cost} bytes for {} at {place}, {its_own} for the unchanged bytes",
                lies.len()
            );
        }
    }
}
