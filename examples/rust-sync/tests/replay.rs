//! Replays every script of auth-core/scripts: bytes in, the same bytes out.

use std::{fs, path::PathBuf};

use auth_core::{
    CodeKey, CodeKeys, Policy, Rules, Secret,
    wire::{Machine, Refusal},
};
use serde_json::Value;

fn bytes(hex: &Value) -> Vec<u8> {
    let byte = |two: &[u8]| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap();
    hex.as_str().unwrap().as_bytes().chunks(2).map(byte).collect()
}

fn replay(script: &Value) {
    let policy: Policy = serde_json::from_value(script["policy"].clone()).unwrap();
    let keys = script["code_keys"].as_array().unwrap().iter();
    let keys = keys.map(|key| CodeKey::new(Secret::new(bytes(key).try_into().unwrap())));
    let rules = Rules::new(policy, CodeKeys::new(keys).unwrap()).unwrap();

    let mut machine = Machine::start_from_bytes(&bytes(&script["input_wire"]), &rules).unwrap();
    for step in script["steps"].as_array().unwrap() {
        assert!(machine.outcome_bytes().is_none());
        machine = Machine::restore(machine.snapshot().expose(), &rules).unwrap();
        assert_eq!(*machine.take_bytes().unwrap().expose(), bytes(&step["order_wire"]));
        let answer = bytes(&step["answer_wire"]);
        machine.accept_bytes(&answer, &rules).unwrap();
        let before = machine.snapshot();
        assert!(matches!(machine.accept_bytes(&answer, &rules), Err(Refusal::Unfit(_))));
        assert_eq!(machine.snapshot(), before, "a refused answer changes nothing");
    }
    assert!(machine.take_bytes().is_none());
    assert_eq!(*machine.outcome_bytes().unwrap().expose(), bytes(&script["outcome_wire"]));
    assert_eq!(*machine.snapshot().expose(), bytes(&script["snapshot"]));
}

#[test]
fn every_script_is_the_same_here() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../auth-core/scripts");
    let mut replayed = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        println!("{}", path.display());
        replay(&serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap());
        replayed += 1;
    }
    assert!(replayed >= 100, "only {replayed} scripts");
}
