//! Tests of the layer rules: each on the smallest text that breaks it.

use super::*;

fn file(path: &str, text: &str) -> File {
    File { path: path.to_owned(), text: text.to_owned() }
}

fn lines(violations: &[Violation]) -> Vec<usize> {
    violations.iter().map(|violation| violation.line).collect()
}

fn found(path: &str, text: &str) -> Vec<usize> {
    lines(&check(&file(path, text)))
}

#[test]
fn the_core_depends_on_the_list_alone() {
    let manifest = "[package]\nname = \"auth-core\"\n\n[dependencies]\nsha2 = \"1\"\n\
        tokio = \"1\"\nlibc.workspace = true\n\n[dev-dependencies]\nrand = \"1\"\n\n\
        [target.'cfg(unix)'.dependencies]\nnix = \"1\"\n\n[dependencies.mio]\nversion = \"1\"\n\n\
        [dependencies.serde]\nversion = \"1\"\n\n[build-dependencies]\ncc = \"1\"\n";
    assert_eq!(found(CORE_MANIFEST, manifest), [6, 7, 13, 15, 22]);
}

#[test]
fn a_renamed_dependency_of_the_core_is_found() {
    let manifest = "[dependencies]\nserde = { package = \"tokio\", version = \"1\" }\n";
    assert_eq!(found(CORE_MANIFEST, manifest), [2]);
}

#[test]
fn features_of_a_dependency_are_no_dependency() {
    let manifest = "[features]\ndefault = [\"unicode\"]\n[dependencies]\nidna = { version = \"1\", \
        features = [\n    \"alloc\",\n] }\n";
    assert_eq!(found(CORE_MANIFEST, manifest), [0; 0]);
}

#[test]
fn the_core_forbids_std_and_unsafe_code() {
    let whole = "//! The core.\n#![no_std]\n#![forbid(unsafe_code)]\n";
    assert_eq!(check_tree(&[file(CORE_ROOT, whole)]), []);
    assert_eq!(check_tree(&[file(CORE_ROOT, "#![no_std]\n")]).len(), 1);
    assert_eq!(check_tree(&[]).len(), 2);
}

#[test]
fn http_names_no_adapter() {
    let text = "use crate::adapter::mail;\nuse crate::{port, adapter};\n// an adapter\nadapters();\n";
    assert_eq!(found("auth-http/src/http/register.rs", text), [1, 2]);
    assert_eq!(found("auth-http/src/main.rs", text), [0; 0]);
}

#[test]
fn only_the_driver_matches_on_effects() {
    let text = "Effect::SendMail(ticket, order) => {}\nSideEffect::None\nuse auth_core::Effect;\n";
    assert_eq!(found("auth-http/src/http/register.rs", text), [1]);
    assert_eq!(found("auth-http/src/driver.rs", text), [0; 0]);
    assert_eq!(found("tests/tests/integration/main.rs", text), [0; 0]);
}

#[test]
fn a_flow_names_no_other_flow() {
    let core = "#![no_std]\n#![forbid(unsafe_code)]\n";
    let files = [
        file(CORE_ROOT, core),
        file("auth-core/src/flow/activate.rs", "use super::shared;\nlet x = Purpose::Resend;\n"),
        file("auth-core/src/flow/mod.rs", "mod activate;\npub use activate::Activate;\n"),
        file("auth-core/src/flow/register.rs", "use super::activate::f;\nrun(Activate);\n// Activate\n"),
        file("auth-core/src/flow/resend.rs", "use crate::flow::register;\nlet register = 1;\n"),
        file("auth-core/src/flow/shared.rs", ""),
    ];
    let violations = check_tree(&files);
    let paths: Vec<&str> = violations.iter().map(|violation| violation.path.as_str()).collect();
    assert_eq!(lines(&violations), [1, 2, 1]);
    assert!(paths[0].ends_with("register.rs") && paths[2].ends_with("resend.rs"));
}

#[test]
fn a_test_target_that_nothing_runs_is_found() {
    let text = "//! Tests.\n";
    assert_eq!(found("tests/tests/extra.rs", text), [1]);
    assert_eq!(found("tests/tests/extra/main.rs", text), [1]);
    assert_eq!(found("tests/tests/browser.rs", text), [0; 0]);
    assert_eq!(found("tests/tests/integration/main.rs", text), [0; 0]);
    assert_eq!(found("tests/tests/integration/register.rs", text), [0; 0]);
}
