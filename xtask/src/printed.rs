//! `openapi` and `config`: write or compare the checked-in files that the server prints itself, so this file knows
//! nothing of what is in them.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::shell::Shell;

const DOCUMENT: &str = "auth-http/openapi.json";
const REFERENCE: &str = "docs/configuration.md";
const README: &str = "README.md";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Compare instead of writing; exit 1 when a file is stale
    #[arg(long)]
    check: bool,
}

pub(crate) fn openapi(shell: &Shell, options: &Options) -> Result<ExitCode> {
    let document = print(shell, "openapi")?;
    hold(shell, options, "openapi", &[(DOCUMENT, document)])
}

pub(crate) fn config(shell: &Shell, options: &Options) -> Result<ExitCode> {
    let reference = print(shell, "configuration")?;
    let readme = fs::read_to_string(shell.root.join(README)).context(README)?;
    let readme = with_rows_of(&readme, &reference);
    hold(shell, options, "config", &[(REFERENCE, reference), (README, readme)])
}

fn print(shell: &Shell, command: &str) -> Result<String> {
    let arguments = ["run", "-q", "-p", "auth-http", "--locked", "--", command];
    if shell.dry_run {
        shell.run(&mut shell.cargo(&arguments))?;
        return Ok(String::new());
    }
    shell.ask("cargo", &arguments)
}

/// Writes files, or compares them.
fn hold(
    shell: &Shell,
    options: &Options,
    command: &str,
    files: &[(&'static str, String)],
) -> Result<ExitCode> {
    let mut ended = ExitCode::SUCCESS;
    for (name, fresh) in files.iter().filter(|_| !shell.dry_run) {
        let path = shell.root.join(name);
        // A missing file is a stale one.
        let stale = fs::read_to_string(&path).unwrap_or_default() != *fresh;
        if !stale {
            println!("{name} is up to date");
        } else if options.check {
            println!("{name} is stale: run `cargo xtask {command}` and commit the file");
            ended = ExitCode::FAILURE;
        } else {
            fs::write(&path, fresh).with_context(|| format!("cannot write {name}"))?;
            println!("{name} is written");
        }
    }
    Ok(ended)
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
