//! Files that no compiler holds to the core: each must name every effect or every flow.

use std::{fs, path::Path};

use auth_core::{Class, Kind};

use crate::catalogue::FLOWS;

/// What must stand in a file for each effect: its number, its name in snake case, and its class.
type ForEffect = fn(usize, &str, Class) -> String;
/// What must stand in a file for each flow: its type, and its name in snake case.
type ForFlow = fn(&str, &str) -> String;

const OF_EFFECTS: [(&str, ForEffect); 7] = [
    ("docs/embedding.md", |_, name, class| {
        format!("\n| {} | {} | ", name.replace('_', " "), format!("{class:?}").to_lowercase())
    }),
    ("auth-c/src/lib.rs", |number, name, _| format!(" {number} {}", name.replace('_', "-"))),
    ("examples/c/register.c", |number, _, _| format!("\n    case {number}: ")),
    ("examples/node/host.js", |_, name, _| format!("\n      case \"{name}\":")),
    ("examples/node/values.js", |_, name, _| format!("\n  {name}: ")),
    ("examples/playground/page.js", |_, name, class| {
        let class = format!("{class:?}").to_lowercase();
        format!("\n  {name}: {{ class: \"{class}\",")
    }),
    ("examples/wasmtime-python/host.py", |_, name, _| format!("{{\"{name}\": ")),
];

const OF_FLOWS: [(&str, ForFlow); 3] = [
    ("auth-core/README.md", |flow, _| format!("[`{flow}`]")),
    ("auth-core/probe/src/lib.rs", |flow, name| format!("\n    {flow}: {name}_start, ")),
    ("examples/node/values.js", |_, name| format!("\n  {name}: record(")),
];

/// Fails with the files that lack what must stand in them.
fn stand_there(wanted: impl Iterator<Item = (&'static str, String)>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let is_there = |path: &str, wanted: &str| {
        let text = fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        // The class of an effect may stand on a line of its own, and comments are wrapped.
        text.replace("{\n    class", "{ class").replace("\n/// ", " ").contains(wanted)
    };
    let lacking: Vec<String> = wanted
        .filter(|(path, wanted)| !is_there(path, wanted))
        .map(|(path, wanted)| format!("{path}: {wanted:?}"))
        .collect();
    assert!(lacking.is_empty(), "not there:\n{}", lacking.join("\n"));
}

#[test]
fn every_effect_stands_in_each_place() {
    stand_there(Kind::ALL.iter().enumerate().flat_map(|(number, kind)| {
        let name = serde_json::to_value(kind).expect("it is a name");
        let name = name.as_str().expect("it is text");
        OF_EFFECTS.map(|(path, form)| (path, form(number, name, kind.class())))
    }));
}

#[test]
fn every_flow_stands_in_each_place() {
    stand_there(FLOWS.iter().flat_map(|(flow, name)| OF_FLOWS.map(|(path, form)| (path, form(flow, name)))));
}
