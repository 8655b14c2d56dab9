//! The scripts as files, which every host replays: `scripts/*.json`.
//!
//! `AUTH_CORE_WRITE_SCRIPTS=1` writes them; without it they must equal the existing files. Runs longer than `LONGEST`
//! repeat themselves and are not written.

use std::{collections::BTreeMap, env, fmt::Debug, fs, path::PathBuf};

use auth_core::wire::{Machine, Response};
use serde_json::{Value, json};

use crate::{
    catalogue::{Visitor, Wired, visit_all},
    fixture::{CODE_KEY, OLD_CODE_KEY},
    script::Script,
};

const LONGEST: usize = 12;

#[derive(Default)]
struct Writing {
    files: BTreeMap<String, Value>,
}

impl Visitor for Writing {
    fn visit<F: Wired>(&mut self, script: &Script<F>)
    where
        F::Outcome: Clone + Debug + PartialEq,
    {
        if script.steps.len() > LONGEST {
            return;
        }
        let ended = script.ended.clone().map(F::output);
        let name = format!("{}-{}", F::NAME, script.name);
        let input = script.flow.clone().input();
        let mut machine = Machine::start(input.clone(), &script.rules).expect("the input is valid");
        let mut steps = Vec::new();
        for step in &script.steps {
            let mut copy = machine.clone();
            let ordered = machine.take().expect("an order waits");
            let response = Response { ticket: ordered.ticket, answer: step.reply() };
            steps.push(json!({
                "order": plain(&ordered.order),
                "order_wire": hex(copy.take_bytes().expect("it waits").expose()),
                "answer": plain(&response.answer),
                "answer_wire": hex(response.to_bytes().expose()),
            }));
            machine.accept(response, &script.rules).expect("the answer matches");
        }
        let file = json!({
            "flow": F::NAME,
            "policy": plain(script.rules.policy()),
            "code_keys": [hex(&CODE_KEY), hex(&OLD_CODE_KEY)],
            "input": plain(&input),
            "input_wire": hex(input.to_bytes().expose()),
            "steps": steps,
            "outcome": plain(&ended),
            "outcome_wire": hex(machine.outcome_bytes().expect("the run has ended").expose()),
            "snapshot": hex(machine.snapshot().expose()),
        });
        assert!(self.files.insert(name, file).is_none(), "two scripts of {} are {}", F::NAME, script.name);
    }
}

/// Returns a value as hosts without types see it: bytes are hexadecimal.
fn plain(value: &impl serde::Serialize) -> Value {
    fn readable(value: Value) -> Value {
        match value {
            Value::Array(list) => match bytes(&list) {
                Some(bytes) => Value::String(hex(&bytes)),
                None => Value::Array(list.into_iter().map(readable).collect()),
            },
            Value::Object(map) => {
                Value::Object(map.into_iter().map(|(name, value)| (name, readable(value))).collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
        }
    }
    readable(serde_json::to_value(value).expect("it serializes"))
}

/// Every list of numbers here is one of bytes: ids of 16, or hashes, seeds and MACs of 32.
fn bytes(list: &[Value]) -> Option<Vec<u8>> {
    let byte = |value: &Value| value.as_u64().and_then(|number| u8::try_from(number).ok());
    list.iter().map(byte).collect::<Option<Vec<u8>>>().filter(|bytes| [16, 32].contains(&bytes.len()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn scripts_are_the_ones_that_hosts_replay() {
    let mut writing = Writing::default();
    visit_all(&mut writing);
    assert!(writing.files.len() >= 80, "only {} scripts", writing.files.len());
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let expected: BTreeMap<String, Value> =
        writing.files.into_iter().map(|(name, file)| (format!("{name}.json"), file)).collect();
    if env::var_os("AUTH_CORE_WRITE_SCRIPTS").is_some() {
        if folder.exists() {
            fs::remove_dir_all(&folder).expect("the folder can be emptied");
        }
        fs::create_dir_all(&folder).expect("the folder can be made");
        for (name, file) in &expected {
            fs::write(folder.join(name), format!("{file:#}\n")).expect("the file can be written");
        }
    }
    let there: BTreeMap<String, Value> = fs::read_dir(&folder)
        .expect("the folder exists")
        .map(|entry| entry.expect("the folder can be listed"))
        .map(|entry| {
            let file = fs::read_to_string(entry.path()).expect("the file can be read");
            (
                entry.file_name().into_string().expect("names are text"),
                serde_json::from_str(&file).expect("the file is JSON"),
            )
        })
        .collect();
    for (name, file) in &expected {
        assert_eq!(
            there.get(name),
            Some(file),
            "{name} has changed; write it with AUTH_CORE_WRITE_SCRIPTS=1"
        );
    }
    assert!(there.keys().eq(expected.keys()), "there are files without a script");
}
