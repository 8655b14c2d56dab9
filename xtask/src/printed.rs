//! `openapi` and `config`: write or compare the checked-in files that the server prints itself, so this file knows
//! nothing of what is in them.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::recorded::Recorded;
use crate::shell::Shell;

const README: &str = "README.md";

#[derive(clap::Args)]
pub(crate) struct PrintedArgs {
    /// Compare instead of writing; exit 1 when a file is stale
    #[arg(long)]
    check: bool,
}

pub(crate) fn openapi(shell: &Shell, options: &PrintedArgs) -> Result<ExitCode> {
    let document = print(shell, "openapi")?;
    let recorded = Recorded { path: "auth-http/openapi.json", advice: "cargo xtask openapi" };
    recorded.record_or_compare(shell, &document, !options.check)
}

pub(crate) fn config(shell: &Shell, options: &PrintedArgs) -> Result<ExitCode> {
    let advice = "cargo xtask config";
    let reference = print(shell, "configuration")?;
    let readme = fs::read_to_string(shell.root.join(README)).context(README)?;
    let readme = with_rows_of(&readme, &reference);
    let mut ended = ExitCode::SUCCESS;
    for (path, fresh) in [("docs/configuration.md", reference), (README, readme)] {
        let compared = Recorded { path, advice }.record_or_compare(shell, &fresh, !options.check)?;
        ended = if compared == ExitCode::SUCCESS { ended } else { compared };
    }
    Ok(ended)
}

fn print(shell: &Shell, command: &str) -> Result<String> {
    let arguments = ["run", "-q", "-p", "auth-http", "--locked", "--", command];
    if shell.dry_run {
        shell.run(&mut shell.cargo(&arguments))?;
        return Ok(String::new());
    }
    shell.ask("cargo", &arguments)
}

/// Replaces each row of a table by the reference's row about the same variable. Links of the reference are seen
/// from `docs/`, those of the text from the root.
fn with_rows_of(text: &str, reference: &str) -> String {
    let fresh = |line: &str| {
        let (variable, _) = line.strip_prefix("| `AUTH_")?.split_once('`')?;
        let start = format!("| `AUTH_{variable}` |");
        let row = reference.lines().find(|row| row.starts_with(&start))?;
        Some(row.replace("](../", "](").replace("](operating.md", "](docs/operating.md"))
    };
    text.lines().map(|line| fresh(line).unwrap_or_else(|| line.to_owned()) + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_about_the_same_variable_are_replaced() {
        let reference = "| `AUTH_A` | 1 | [One](../x). |\n| `AUTH_A_B` | 2 | Two. |\n";
        let text = "Text.\n| `AUTH_A` | 0 | old |\n| `AUTH_C` | 3 | Three. |\n";
        let expected = "Text.\n| `AUTH_A` | 1 | [One](x). |\n| `AUTH_C` | 3 | Three. |\n";
        assert_eq!(with_rows_of(text, reference), expected);
    }
}
