//! Text files that record what a command finds: rewritten on demand, compared otherwise.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::shell::Shell;
use crate::test::StepResult;

/// A file that git keeps, by its path from the root.
pub(crate) struct Recorded {
    pub(crate) path: &'static str,
    /// The command to run where the results differ.
    pub(crate) advice: &'static str,
}

impl Recorded {
    /// Records what was found, or compares it.
    pub(crate) fn record_or_compare(&self, shell: &Shell, found: &str, record: bool) -> Result<ExitCode> {
        if record && !shell.dry_run {
            fs::write(shell.root.join(self.path), found)
                .with_context(|| format!("cannot write {}", self.path))?;
            println!("{} is written", self.path);
            return Ok(ExitCode::SUCCESS);
        }
        if self.holds(shell, found) {
            println!("{} is up to date", self.path);
            return Ok(ExitCode::SUCCESS);
        }
        println!("{} differs: `{}`", self.path, self.advice);
        Ok(ExitCode::FAILURE)
    }

    /// Runs the comparison as a step of the tests.
    pub(crate) fn step(&self, shell: &Shell, found: &str) -> StepResult {
        if self.holds(shell, found) {
            return StepResult::Passed;
        }
        StepResult::Failed(format!("{} differs: `{}`", self.path, self.advice))
    }

    /// Returns whether the file holds this text; prints the lines that are gone and those that are new.
    pub(crate) fn holds(&self, shell: &Shell, found: &str) -> bool {
        let before = fs::read_to_string(shell.root.join(self.path)).unwrap_or_default();
        let only = |mark: &str, these: &str, those: &str| {
            let those: Vec<&str> = those.lines().collect();
            these.lines().filter(|line| !those.contains(line)).for_each(|line| println!("{mark} {line}"));
        };
        // A dry run finds nothing.
        if shell.dry_run {
            return true;
        }
        only("-", &before, found);
        only("+", found, &before);
        found == before
    }
}
