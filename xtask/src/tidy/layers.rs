//! The rules about dependencies: the invariants of ARCHITECTURE.md that show in the text of
//! one file. The lists below are the rules; a change to them is a change of architecture.

use super::{File, Violation};

/// The crates that the core may depend on; tests may use more.
const CORE_DEPENDENCIES: [&str; 9] =
    ["hmac", "sha2", "subtle", "zeroize", "serde", "postcard", "base64ct", "idna", "unicode-normalization"];

const CORE_MANIFEST: &str = "auth-core/Cargo.toml";
const CORE_ROOT: &str = "auth-core/src/lib.rs";
const CORE_ATTRIBUTES: [&str; 2] = ["#![no_std]", "#![forbid(unsafe_code)]"];

const FLOWS: &str = "auth-core/src/flow/";

/// The files in the flows' folder that any flow may use.
const SHARED_BY_FLOWS: [&str; 2] = ["mod", "shared"];

const HTTP: &str = "auth-http/src/http/";
const SERVER: &str = "auth-http/src/";
const DRIVER: &str = "auth-http/src/driver.rs";

/// The folder where cargo finds test targets by itself, and the targets that `cargo xtask test` runs.
const TEST_TARGETS: &str = "tests/tests/";
const TESTS_RUN: [&str; 4] = ["integration", "faults", "compose", "browser"];

/// Checks the rules that need one file alone.
pub(super) fn check(file: &File) -> Vec<Violation> {
    let path = file.path.as_str();
    if path == CORE_MANIFEST {
        return core_dependencies(file);
    }
    let mut violations = Vec::new();
    if let Some(target) = test_target(path).filter(|target| !TESTS_RUN.contains(target)) {
        let what =
            format!("`cargo xtask test` does not run the target `{target}`: make it a module of another");
        violations.push(Violation::new(path, 1, what));
    }
    if path.starts_with(HTTP) {
        let what = "http/ must not use an adapter: use the driver or a port";
        violations.extend(lines_with(file, what, |line| has_word(line, "adapter")));
    }
    if path.starts_with(SERVER) && path != DRIVER {
        let what = format!("only {DRIVER} matches on effects: move this there");
        violations.extend(lines_with(file, &what, |line| {
            words(line).any(|(word, _, after)| word == "Effect" && after.starts_with("::"))
        }));
    }
    violations
}

/// Checks the rules that need the list of all files.
pub(super) fn check_tree(files: &[File]) -> Vec<Violation> {
    let mut violations = core_attributes(files);
    let mut flows: Vec<&str> = files.iter().filter_map(|file| flow(&file.path)).collect();
    flows.dedup();
    for file in files {
        let Some(own) = flow(&file.path) else {
            continue;
        };
        for other in flows.iter().filter(|&&other| other != own) {
            let what = format!("flows never call flows, and `{own}` names `{other}`: share a function");
            let found = lines_with(file, &what, |line| names_flow(line, other));
            violations.extend(found);
        }
    }
    violations
}

fn test_target(path: &str) -> Option<&str> {
    let file = path.strip_prefix(TEST_TARGETS)?;
    let target = file.strip_suffix("/main.rs").or(file.strip_suffix(".rs"))?;
    (!target.contains('/')).then_some(target)
}

fn core_attributes(files: &[File]) -> Vec<Violation> {
    let root = files.iter().find(|file| file.path == CORE_ROOT);
    let text = root.map_or("", |file| &file.text);
    CORE_ATTRIBUTES
        .iter()
        .filter(|attribute| !text.lines().any(|line| line == **attribute))
        .map(|attribute| Violation::new(CORE_ROOT, 1, format!("lacks `{attribute}`: add it")))
        .collect()
}

/// Returns dependencies and build dependencies that are not on the list.
fn core_dependencies(file: &File) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut in_table = false;
    for (index, line) in file.text.lines().enumerate() {
        let name = if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_end().trim_end_matches(']');
            let header = header.rsplit_once("'.").map_or(header, |(_, rest)| rest);
            let (table, name) = header.split_once('.').unwrap_or((header, ""));
            let is_list = table == "dependencies" || table == "build-dependencies";
            in_table = is_list && name.is_empty();
            if is_list { name } else { "" }
        } else if in_table && line.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            line.split(['=', '.', ' ']).next().unwrap_or("")
        } else {
            ""
        };
        if !name.is_empty() && (!CORE_DEPENDENCIES.contains(&name) || line.contains("package")) {
            let what = format!(
                "the core must not depend on `{name}`: do without, or add it to the list in \
                 xtask with its reason in the core's README"
            );
            violations.push(Violation::new(&file.path, index + 1, what));
        }
    }
    violations
}

/// Returns the flow that a file belongs to: the same for `flow/register.rs` and `flow/register/tests.rs`.
fn flow(path: &str) -> Option<&str> {
    let name = path.strip_prefix(FLOWS)?.split('/').next()?;
    let name = name.strip_suffix(".rs").unwrap_or(name);
    (!SHARED_BY_FLOWS.contains(&name)).then_some(name)
}

/// Returns whether the line names the flow's module (`activate::`) or its type (`Activate`). A
/// variant of that name (`Purpose::Activate`) does not count.
fn names_flow(line: &str, flow: &str) -> bool {
    let type_name: String = flow.split('_').map(capitalised).collect();
    words(line).any(|(word, before, after)| {
        let is_path = after.starts_with("::") || before.ends_with("::");
        (word == flow && is_path) || (word == type_name && !before.ends_with("::"))
    })
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

fn lines_with(file: &File, what: &str, is_wrong: impl Fn(&str) -> bool) -> Vec<Violation> {
    file.text
        .lines()
        .enumerate()
        .filter(|(_, line)| is_wrong(code(line)))
        .map(|(index, _)| Violation::new(&file.path, index + 1, what))
        .collect()
}

/// Returns the line without its comment. It also cuts strings that contain `//`, which hides nothing here.
fn code(line: &str) -> &str {
    line.split_once("//").map_or(line, |(code, _)| code)
}

fn has_word(line: &str, wanted: &str) -> bool {
    words(line).any(|(word, _, _)| word == wanted)
}

/// Returns each identifier of the line, with the text before and after it.
fn words(line: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    let mut at = 0;
    line.split(|c: char| !c.is_alphanumeric() && c != '_')
        .map(move |word| {
            let start = at;
            let end = start + word.len();
            let separator = line[end..].chars().next().map_or(0, char::len_utf8);
            at = end + separator;
            (word, &line[..start], &line[end..])
        })
        .filter(|(word, _, _)| !word.is_empty())
}

#[cfg(test)]
mod tests;
