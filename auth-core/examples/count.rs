//! Runs a flow, and prints how many allocations the last run made, and of how many bytes.
//!
//!     cargo run --release -p auth-core --example count -- FLOW ROUNDS
//!
//! FLOW is the name of a script, as a host in another language runs it, or `register`: the same flow as in
//! `measure.rs`, without bytes. `cargo xtask counts` runs it under callgrind, which counts the instructions.

#[path = "measure.rs"]
#[expect(dead_code, reason = "it measures the time, too")]
mod measure;

use std::{alloc::System, env, error::Error, fs};

use auth_core::{CodeKey, CodeKeys, Policy, Rules, Secret, wire::Machine};
use serde_json::Value;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[expect(clippy::print_stdout, reason = "a program prints its result")]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [flow, rounds] = &arguments[..] else { return Err("FLOW ROUNDS".into()) };
    let once: Box<dyn Fn()> = if flow == "register" {
        let rules = measure::rules();
        Box::new(move || measure::register(&rules))
    } else {
        scripted(flow)?
    };
    let mut used = (0, 0);
    for _ in 0..rounds.parse()? {
        let region = Region::new(COUNTED);
        once();
        let change = region.change();
        used = (change.allocations + change.reallocations, change.bytes_allocated);
    }
    println!("{} {}", used.0, used.1);
    Ok(())
}

/// Returns a function that replays a script.
fn scripted(name: &str) -> Result<Box<dyn Fn()>, Box<dyn Error>> {
    let path = format!("{}/scripts/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let script: Value = serde_json::from_str(&fs::read_to_string(path)?)?;
    let policy: Policy = serde_json::from_value(script["policy"].clone())?;
    let keys = script["code_keys"].as_array().ok_or("no keys")?;
    let keys = keys.iter().map(|key| {
        let key = <[u8; 32]>::try_from(bytes(key)).expect("a key has 32 bytes");
        CodeKey::new(Secret::new(key))
    });
    let rules = Rules::new(policy, CodeKeys::new(keys).map_err(|_| "the keys are equal")?)?;
    let input = bytes(&script["input_wire"]);
    let steps = script["steps"].as_array().ok_or("no steps")?;
    let answers: Vec<Vec<u8>> = steps.iter().map(|step| bytes(&step["answer_wire"])).collect();
    Ok(Box::new(move || {
        let mut machine = Machine::start_from_bytes(&input, &rules).expect("the input is valid");
        for answer in &answers {
            machine.take_bytes().expect("an effect waits");
            machine.accept_bytes(answer, &rules).expect("the answer matches");
        }
        machine.outcome_bytes().expect("the flow has ended");
    }))
}

fn bytes(hex: &Value) -> Vec<u8> {
    let byte = |two| u8::from_str_radix(std::str::from_utf8(two).expect("ASCII"), 16).expect("hex");
    hex.as_str().expect("a text").as_bytes().chunks(2).map(byte).collect()
}
