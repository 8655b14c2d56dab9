//! `openapi`: writes or compares the recorded document. The server's own `openapi`
//! command makes it, so this file knows nothing about the contract.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::shell::Shell;

const DOCUMENT: &str = "auth-http/openapi.json";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Compare instead of writing; exit 1 when the file is stale
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(shell: &Shell, options: &Options) -> Result<ExitCode> {
    let arguments = ["run", "-q", "-p", "auth-http", "--locked", "--", "openapi"];
    if shell.dry_run {
        shell.run(&mut shell.cargo(&arguments))?;
        return Ok(ExitCode::SUCCESS);
    }
    let fresh = shell.ask("cargo", &arguments)?;
    let path = shell.root.join(DOCUMENT);
    // A missing file counts as stale.
    let stale = fs::read_to_string(&path).unwrap_or_default() != fresh;
    if !stale {
        println!("{DOCUMENT} is up to date");
    } else if options.check {
        println!("{DOCUMENT} is stale: run `cargo xtask openapi` and commit the file");
        return Ok(ExitCode::FAILURE);
    } else {
        fs::write(&path, fresh).with_context(|| format!("cannot write {DOCUMENT}"))?;
        println!("{DOCUMENT} is written");
    }
    Ok(ExitCode::SUCCESS)
}
