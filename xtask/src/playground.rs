//! `playground`: a page that runs the component in a browser, as one file.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::component;
use crate::shell::{Shell, line};

const FOLDER: &str = "examples/playground";

pub(crate) fn run(shell: &Shell) -> Result<ExitCode> {
    component::run(shell, &component::Options::default())?;
    build(shell)?;
    println!("open file://{}", page(shell).display());
    Ok(ExitCode::SUCCESS)
}

/// Makes the page of the component that is there.
pub(crate) fn build(shell: &Shell) -> Result<()> {
    let output = folder(shell);
    let manifest = format!("{FOLDER}/transpile/Cargo.toml");
    let mut format = shell.cargo(&["fmt", "--check", "--manifest-path", &manifest]);
    let mut lint = shell.cargo(&["clippy", "--locked", "--quiet", "--manifest-path", &manifest]);
    lint.args(["--", "-D", "warnings"]).env("CARGO_TARGET_DIR", shell.target().join("transpile"));
    let mut transpile = shell.cargo(&["run", "--locked", "--quiet", "--manifest-path", &manifest, "--"]);
    transpile.arg(component::artefact(shell));
    // What it brings is built once.
    transpile.arg(FOLDER).arg(&output).env("CARGO_TARGET_DIR", shell.target().join("transpile"));
    for command in [&mut format, &mut lint, &mut transpile] {
        if !shell.run(command)? {
            bail!("{}", line(command));
        }
    }
    Ok(())
}

/// Where the page is.
pub(crate) fn page(shell: &Shell) -> PathBuf {
    folder(shell).join("index.html")
}

fn folder(shell: &Shell) -> PathBuf {
    shell.target().join("playground")
}
