//! `playground`: a page that runs the component in a browser, as one file.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Result, bail};

use crate::component;
use crate::shell::{Shell, line};

const EXAMPLES: &str = "examples";
const MANIFEST: &str = "examples/playground/transpile/Cargo.toml";

pub(crate) fn run(shell: &Shell) -> Result<ExitCode> {
    component::run(shell, &component::ComponentArgs::default())?;
    build(shell)?;
    println!("open file://{}", page(shell).display());
    Ok(ExitCode::SUCCESS)
}

/// Translates the existing component to JavaScript, and makes the page from that.
pub(crate) fn build(shell: &Shell) -> Result<()> {
    let mut transpile = tool(shell, "run");
    transpile.arg("--").arg(component::artefact(shell)).arg(EXAMPLES).arg(folder(shell));
    must(shell, transpile)
}

/// Builds the tool that makes the page.
pub(crate) fn prepare(shell: &Shell) -> Result<()> {
    must(shell, tool(shell, "build"))
}

/// Lints the tool that makes the page, which is not a member of the workspace.
pub(crate) fn lint(shell: &Shell) -> Result<()> {
    must(shell, shell.cargo(&["fmt", "--check", "--manifest-path", MANIFEST]))?;
    let mut lint = tool(shell, "clippy");
    lint.args(["--", "-D", "warnings"]);
    must(shell, lint)
}

fn tool(shell: &Shell, command: &str) -> Command {
    let mut cargo = shell.cargo(&[command, "--locked", "--quiet", "--manifest-path", MANIFEST]);
    // Its dependencies are built once.
    cargo.env("CARGO_TARGET_DIR", shell.target().join("transpile"));
    cargo
}

fn must(shell: &Shell, mut command: Command) -> Result<()> {
    if !shell.run(&mut command)? {
        bail!("{}", line(&command));
    }
    Ok(())
}

/// Returns the folder of the component as JavaScript, with its types.
pub(crate) fn modules(shell: &Shell) -> PathBuf {
    folder(shell).join("js")
}

/// Returns the path of the page.
pub(crate) fn page(shell: &Shell) -> PathBuf {
    folder(shell).join("index.html")
}

fn folder(shell: &Shell) -> PathBuf {
    shell.target().join("playground")
}
