//! Rules for every Rust source: how it begins, how long it may be, and which words it must
//! not contain.

use super::{File, Violation};

/// The style guide recommends about 250; a longer file than this is split.
const MOST_LINES: usize = 400;

/// How a file begins: with its documentation or, for a crate whose README is its documentation,
/// by including that.
const OPENINGS: [&str; 2] = ["//!", "#![doc = include_str!("];

/// Words that mark unfinished or skipped work, with what to do. Concatenated here so that this
/// file does not contain them.
const FORBIDDEN: [(&str, &str); 5] = [
    (concat!("FIX", "ME"), "finish it, or open an issue"),
    (concat!("XX", "X"), "finish it, or open an issue"),
    (concat!("todo", "!"), "finish it"),
    (concat!("unimplemented", "!"), "finish it"),
    (concat!("#[", "ignore"), "no test may be skipped: make it run or remove it"),
];

/// The hosts that must stay short, and their maximum number of lines, without blank ones and comments.
const BRIEF: [(&str, usize); 2] = [("examples/rust-sync/src/main.rs", 110), ("examples/c/register.c", 100)];
const COMMENTS: [&str; 3] = ["//", "/*", "* "];

/// The two reasons to sleep: a test asks again, or a load that is no test keeps its pace.
const SLEEPS: [&str; 2] = ["// polling interval", "// pace of the load"];

pub(super) fn check(file: &File) -> Vec<Violation> {
    if let Some((lines, most)) = brief(file).filter(|(lines, most)| lines > most) {
        let what = format!("has {lines} lines without blank ones and comments; the limit is {most}");
        return vec![Violation::new(&file.path, 1, what)];
    }
    if !file.path.ends_with(".rs") {
        return Vec::new();
    }
    let mut violations = opening_and_length(file);
    for (index, line) in file.text.lines().enumerate() {
        let mut add = |what: String| violations.push(Violation::new(&file.path, index + 1, what));
        for (word, advice) in FORBIDDEN {
            if line.contains(word) {
                add(format!("contains `{word}`: {advice}"));
            }
        }
        let sleeps = file.path.starts_with("tests/") && line.contains("sleep(");
        if sleeps && !SLEEPS.iter().any(|reason| line.contains(reason)) {
            add(format!(
                "a test that sleeps is slow or flaky: wait for the event, or say on the line `{}`",
                SLEEPS.join("` or `")
            ));
        }
    }
    violations
}

fn opening_and_length(file: &File) -> Vec<Violation> {
    let mut violations = Vec::new();
    if !OPENINGS.iter().any(|opening| file.text.starts_with(opening)) {
        let what = "does not begin with `//!`: say what is in the file";
        violations.push(Violation::new(&file.path, 1, what));
    }
    let length = file.text.lines().count();
    if length > MOST_LINES {
        let what = format!("has {length} lines, the limit is {MOST_LINES}: split it");
        violations.push(Violation::new(&file.path, MOST_LINES + 1, what));
    }
    violations
}

/// Returns how many lines a brief host has, and may have.
fn brief(file: &File) -> Option<(usize, usize)> {
    let (_, most) = BRIEF.into_iter().find(|(path, _)| *path == file.path)?;
    let is_code = |line: &&str| {
        !line.trim().is_empty() && !COMMENTS.iter().any(|comment| line.trim_start().starts_with(comment))
    };
    Some((file.text.lines().filter(is_code).count(), most))
}

/// Returns the brief hosts' lengths, for a person to read.
pub(super) fn brevity(files: &[File]) -> String {
    let told = |file: &File| brief(file).map(|(lines, most)| format!("{} {lines} of {most}", file.path));
    let told: Vec<String> = files.iter().filter_map(told).collect();
    format!("lines without blank ones and comments: {}", told.join(", "))
}

/// Returns the median length and the longest files, for a person to read.
pub(super) fn lengths(files: &[File]) -> String {
    let mut lengths: Vec<(usize, &str)> = files
        .iter()
        .filter(|file| file.path.ends_with(".rs"))
        .map(|file| (file.text.lines().count(), file.path.as_str()))
        .collect();
    lengths.sort_unstable();
    let Some((median, _)) = lengths.get(lengths.len() / 2) else {
        return "no Rust sources".to_owned();
    };
    let longest: Vec<String> =
        lengths.iter().rev().take(3).map(|(length, path)| format!("{path} ({length})")).collect();
    format!("{} Rust sources, median {median} lines, longest {}", lengths.len(), longest.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<usize> {
        let (path, text) = (path.to_owned(), text.to_owned());
        let violations = check(&File { path, text });
        violations.iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn a_source_opens_with_its_purpose() {
        assert_eq!(found("a.rs", "//! About a.\n"), [0; 0]);
        assert_eq!(found("a.rs", "use a;\n//! About a.\n"), [1]);
        assert_eq!(found("a.rs", ""), [1]);
        assert_eq!(found("a.rs", "#![doc = include_str!(\"../README.md\")]\n"), [0; 0]);
        assert_eq!(found("a.md", "# A\n"), [0; 0]);
    }

    #[test]
    fn a_source_of_more_than_400_lines_is_too_long() {
        let lines = |count: usize| "//! About a.\n".repeat(count);
        assert_eq!(found("a.rs", &lines(400)), [0; 0]);
        assert_eq!(found("a.rs", &lines(401)), [401]);
    }

    #[test]
    fn a_brief_host_is_brief() {
        let (path, most) = BRIEF[0];
        let host = |lines: usize| format!("//! A host.\n\n// why\n{}", "x\n".repeat(lines));
        assert_eq!(found(path, &host(most)), [0; 0]);
        assert_eq!(found(path, &host(most + 1)), [1]);
    }

    #[test]
    fn every_word_for_unfinished_work_is_found() {
        for (word, _) in FORBIDDEN {
            assert_eq!(found("a.rs", &format!("//! About a.\n{word}")), [2], "{word}");
        }
    }

    #[test]
    fn only_polling_may_sleep_and_only_in_tests_is_that_checked() {
        let naps = "//! About a.\nsleep(x);\nsleep(x); // polling interval\nsleep(x); // pace of the load\n";
        assert_eq!(found("tests/src/a.rs", naps), [2]);
        assert_eq!(found("auth-http/src/a.rs", naps), [0; 0]);
    }

    #[test]
    fn lengths_name_the_median_and_the_longest() {
        let file = |path: &str, lines: usize| File { path: path.to_owned(), text: "x\n".repeat(lines) };
        let files = [file("a.rs", 1), file("b.rs", 30), file("c.rs", 7), file("d.md", 99)];
        let text = lengths(&files);
        assert!(text.contains("3 Rust sources, median 7 lines, longest b.rs (30)"), "{text}");
    }
}
