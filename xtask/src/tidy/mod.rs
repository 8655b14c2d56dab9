//! `tidy`: reads every file that git knows and prints each violation of a rule, with what to do.
//! Each check in `tidy/` is a pure function of paths and texts; only this file reads files.

mod evidence;
mod image;
mod layers;
mod links;
mod markdown;
mod msrv;
mod sources;
mod traces;

use std::fmt;
use std::fs;
use std::process::ExitCode;

use anyhow::Result;

use crate::shell::Shell;

/// A text file: its path from the root, with `/`, and its content.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) path: String,
    pub(crate) line: usize,
    /// The problem, and what to do.
    pub(crate) what: String,
}

impl Violation {
    pub(crate) fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

pub(crate) fn run(shell: &Shell) -> Result<ExitCode> {
    Ok(if passes(shell)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints the violations; returns whether there are none.
pub(crate) fn passes(shell: &Shell) -> Result<bool> {
    if shell.dry_run {
        return Ok(true);
    }
    let (paths, files) = known_to_git(shell)?;
    let mut violations = Vec::new();
    for file in &files {
        violations.extend(layers::check(file));
        violations.extend(sources::check(file));
        violations.extend(traces::check(file));
    }
    violations.extend(layers::check_tree(&files));
    violations.extend(links::check(&files, &paths));
    violations.extend(traces::check_changelog(&files));
    violations.extend(msrv::check(&files));
    violations.extend(image::check(&files));
    let evidence = evidence::check(&files);
    violations.extend(evidence.violations);

    println!("{} files; {}", paths.len(), sources::lengths(&files));
    println!("{}", sources::brevity(&files));
    for row in &evidence.not_yet_shown {
        println!("not yet shown: {row}");
    }
    println!("rows of evidence: {} shown, {} not yet", evidence.shown, evidence.not_yet_shown.len());
    for violation in &violations {
        println!("{violation}");
    }
    println!("violations: {}", violations.len());
    Ok(violations.is_empty())
}

/// Returns all paths, and the files that are text, without files that were deleted but not yet committed.
fn known_to_git(shell: &Shell) -> Result<(Vec<String>, Vec<File>)> {
    let list = shell.ask("git", &["ls-files", "-z", "--cached", "--others", "--exclude-standard"])?;
    let mut paths: Vec<String> = list
        .split_terminator('\0')
        .filter(|path| shell.root.join(path).is_file())
        .map(str::to_owned)
        .collect();
    paths.sort();
    paths.dedup();
    let files = paths
        .iter()
        .filter_map(|path| {
            let text = fs::read_to_string(shell.root.join(path)).ok()?;
            Some(File { path: path.clone(), text })
        })
        .collect();
    Ok((paths, files))
}
