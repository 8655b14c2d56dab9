//! The papers that name the test which shows each line: every named test exists, and no line
//! goes without one unless it says what it waits for.

use super::markdown::{Table, code_spans, tables};
use super::{File, Violation};

/// The security table has these ids, each once.
const REQUIREMENTS: std::ops::RangeInclusive<u32> = 1..=56;
const REQUIREMENTS_PAPER: &str = "docs/security-requirements.md";
const CONTRACT_PAPER: &str = "docs/http-contract.md";

/// Opens what stands in place of a test: `— (needs the SMTP adapter)`.
const NOT_YET: &str = "— (";

#[derive(Default)]
pub(super) struct Evidence {
    pub(super) shown: usize,
    /// Rows that wait for something, as `path:line: cell`.
    pub(super) not_yet_shown: Vec<String>,
    pub(super) violations: Vec<Violation>,
}

pub(super) fn check(files: &[File]) -> Evidence {
    let mut evidence = Evidence::default();
    for path in [REQUIREMENTS_PAPER, CONTRACT_PAPER] {
        let Some(paper) = files.iter().find(|file| file.path == path) else {
            evidence.violations.push(Violation::new(path, 1, "is not there: write it"));
            continue;
        };
        evidence.read(paper, files);
        if path == REQUIREMENTS_PAPER {
            evidence.violations.extend(ids(paper));
        }
    }
    evidence
}

impl Evidence {
    /// Reads every table of the paper that has a column of tests.
    fn read(&mut self, paper: &File, files: &[File]) {
        let mut rows = 0;
        for table in tables(&paper.text) {
            let Some(column) = table.column("test") else {
                continue;
            };
            for (line, cells) in &table.rows {
                rows += 1;
                let cell = cells.get(column).copied().unwrap_or("");
                self.read_cell(paper, *line, cell, files);
            }
        }
        if rows == 0 {
            let what = "has no table with a column `tests`: add it";
            self.violations.push(Violation::new(&paper.path, 1, what));
        }
    }

    fn read_cell(&mut self, paper: &File, line: usize, cell: &str, files: &[File]) {
        let mut named = 0;
        for (path, test) in code_spans(cell).filter_map(test_name) {
            named += 1;
            if !exists(files, path, test) {
                let what = format!("names `{path}::{test}`, which is not there: mend the name");
                self.violations.push(Violation::new(&paper.path, line, what));
            }
        }
        if cell.contains(NOT_YET) {
            self.not_yet_shown.push(format!("{}:{line}: {cell}", paper.path));
        } else if named > 0 {
            self.shown += 1;
        } else {
            let what =
                format!("names no test: add `path/to/file.rs::test_name`, or `{NOT_YET}what it needs)`");
            self.violations.push(Violation::new(&paper.path, line, what));
        }
    }
}

/// Path and function of `path/to/file.rs::module::test_name`.
fn test_name(span: &str) -> Option<(&str, &str)> {
    let end = span.find(".rs::")? + ".rs".len();
    let (path, rest) = span.split_at(end);
    Some((path, rest.rsplit("::").next()?))
}

fn exists(files: &[File], path: &str, test: &str) -> bool {
    let declares = |line: &str| {
        let after = line.split_once("fn ").and_then(|(_, rest)| rest.strip_prefix(test));
        after.is_some_and(|rest| rest.starts_with(['(', '<']))
    };
    files.iter().filter(|file| file.path == path).any(|file| file.text.lines().any(declares))
}

/// Ids that are missing, doubled or unknown.
fn ids(paper: &File) -> Vec<Violation> {
    let tables = tables(&paper.text);
    let found: Vec<(usize, &str)> = tables.iter().flat_map(ids_of).collect();
    let mut violations = Vec::new();
    for (index, (line, id)) in found.iter().enumerate() {
        let mut add = |what: String| violations.push(Violation::new(&paper.path, *line, what));
        if !id.parse().is_ok_and(|id| REQUIREMENTS.contains(&id)) {
            add(format!("`{id}` is no id of a requirement: use 1 to {}", REQUIREMENTS.end()));
        } else if found[..index].iter().any(|(_, earlier)| earlier == id) {
            add(format!("id {id} stands here for the second time: keep one row"));
        }
    }
    for id in REQUIREMENTS.map(|id| id.to_string()) {
        if !found.iter().any(|(_, present)| *present == id) {
            let what = format!("requirement {id} has no row: add it");
            violations.push(Violation::new(&paper.path, 1, what));
        }
    }
    violations
}

fn ids_of<'a>(table: &Table<'a>) -> Vec<(usize, &'a str)> {
    let Some(column) = table.column("id") else {
        return Vec::new();
    };
    let rows = table.rows.iter();
    rows.map(|(line, cells)| (*line, cells.get(column).copied().unwrap_or(""))).collect()
}

#[cfg(test)]
mod tests;
