//! The pages that name the test which shows each row: every named test exists, and every row
//! names one or says what it waits for.

use super::markdown::{Table, code_spans, tables};
use super::{File, Violation};

/// The ids of the security requirements; each has one row.
const REQUIREMENTS: std::ops::RangeInclusive<u32> = 1..=92;
const REQUIREMENTS_PAGE: &str = "docs/security-requirements.md";
const CONTRACT_PAGE: &str = "docs/evidence-http.md";

/// The beginning of what replaces a test: `— (needs the SMTP adapter)`.
const NOT_YET: &str = "— (";

#[derive(Default)]
pub(super) struct Evidence {
    pub(super) shown: usize,
    /// The rows that wait for something, as `path:line: cell`.
    pub(super) not_yet_shown: Vec<String>,
    pub(super) violations: Vec<Violation>,
}

pub(super) fn check(files: &[File]) -> Evidence {
    let mut evidence = Evidence::default();
    for path in [REQUIREMENTS_PAGE, CONTRACT_PAGE] {
        let Some(page) = files.iter().find(|file| file.path == path) else {
            evidence.violations.push(Violation::new(path, 1, "is missing: write it"));
            continue;
        };
        evidence.read(page, files);
        if path == REQUIREMENTS_PAGE {
            evidence.violations.extend(ids(page));
        }
    }
    evidence
}

impl Evidence {
    /// Reads every table of the page that has a column of tests.
    fn read(&mut self, page: &File, files: &[File]) {
        let mut rows = 0;
        for table in tables(&page.text) {
            let Some(column) = table.column("test") else {
                continue;
            };
            for (line, cells) in &table.rows {
                rows += 1;
                let cell = cells.get(column).copied().unwrap_or("");
                self.read_cell(page, *line, cell, files);
            }
        }
        if rows == 0 {
            let what = "has no table with a column `tests`: add it";
            self.violations.push(Violation::new(&page.path, 1, what));
        }
    }

    fn read_cell(&mut self, page: &File, line: usize, cell: &str, files: &[File]) {
        let mut named = 0;
        for (path, test) in code_spans(cell).filter_map(test_name) {
            named += 1;
            if !exists(files, path, test) {
                let what = format!("names `{path}::{test}`, which does not exist: correct the name");
                self.violations.push(Violation::new(&page.path, line, what));
            }
        }
        if cell.contains(NOT_YET) {
            self.not_yet_shown.push(format!("{}:{line}: {cell}", page.path));
        } else if named > 0 {
            self.shown += 1;
        } else {
            let what =
                format!("names no test: add `path/to/file.rs::test_name`, or `{NOT_YET}what it needs)`");
            self.violations.push(Violation::new(&page.path, line, what));
        }
    }
}

/// Returns path and function of `path/to/file.rs::module::test_name`.
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

/// Returns ids that are missing, repeated or unknown.
fn ids(page: &File) -> Vec<Violation> {
    let tables = tables(&page.text);
    let found: Vec<(usize, &str)> = tables.iter().flat_map(ids_of).collect();
    let mut violations = Vec::new();
    for (index, (line, id)) in found.iter().enumerate() {
        let mut add = |what: String| violations.push(Violation::new(&page.path, *line, what));
        if !id.parse().is_ok_and(|id| REQUIREMENTS.contains(&id)) {
            add(format!("`{id}` is not the id of a requirement: use 1 to {}", REQUIREMENTS.end()));
        } else if found[..index].iter().any(|(_, earlier)| earlier == id) {
            add(format!("id {id} has a second row here: keep one"));
        }
    }
    for id in REQUIREMENTS.map(|id| id.to_string()) {
        if !found.iter().any(|(_, present)| *present == id) {
            let what = format!("requirement {id} has no row: add it");
            violations.push(Violation::new(&page.path, 1, what));
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
