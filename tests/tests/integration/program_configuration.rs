//! The reference of all settings: the page that is checked in, and the rows of it that the README repeats.

use std::fs;

use auth_tests::Program;

const REFERENCE: &str = include_str!("../../../docs/configuration.md");
const README: &str = include_str!("../../../README.md");

#[test]
fn checked_in_reference_is_what_the_program_prints() {
    let program = Program::plain(&[("AUTH_CODE_LENGTH", "1")]);
    let ran = program.run(&["configuration"]);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    assert!(REFERENCE == ran.out, "docs/configuration.md is stale: run `cargo xtask config`");
    assert_eq!(fs::read_dir(program.folder()).unwrap().count(), 0, "no database is made");
}

#[test]
fn rows_of_the_readme_are_those_of_the_reference() {
    let reference = REFERENCE.replace("](../", "](").replace("](operating.md", "](docs/operating.md");
    let rows: Vec<&str> = README.lines().filter(|line| line.starts_with("| `AUTH_")).collect();
    assert_eq!(rows.len(), 10);
    for row in rows {
        assert!(reference.lines().any(|line| line == row), "run `cargo xtask config`: {row}");
    }
}
