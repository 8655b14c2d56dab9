//! The command `openapi`: it prints the recorded document.

use std::fs;

use auth_tests::Program;
use serde_json::Value;

const CHECKED_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../auth-http/openapi.json");

#[test]
fn checked_in_document_is_what_the_program_prints() {
    let ran = Program::plain(&[]).run(&["openapi"]);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    let document: Value = serde_json::from_str(&ran.out).unwrap();
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.")), "{document}");
    let checked_in = fs::read_to_string(CHECKED_IN).unwrap_or_default();
    assert!(checked_in == ran.out, "auth-http/openapi.json is stale: run `cargo xtask openapi`");
}

#[test]
fn document_needs_no_configuration() {
    let program = Program::plain(&[("AUTH_CODE_LENGTH", "1"), ("AUTH_NONSENSE", "1")]);
    let ran = program.run(&["openapi"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert_eq!(fs::read_dir(program.folder()).unwrap().count(), 0, "no database is made");
}

#[test]
fn served_document_is_the_printed_one() {
    let program = Program::plain(&[]);
    let printed: Value = serde_json::from_str(&program.run(&["openapi"]).out).unwrap();
    assert_eq!(program.serve(&[]).get("/openapi.json").json(), printed);
}
