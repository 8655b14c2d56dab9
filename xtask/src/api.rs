//! `api`: records the public API of auth-core, or compares it with what was recorded.
//!
//! Hosts are written against it, so every change must be seen.

use std::process::ExitCode;

use anyhow::{Result, bail};
use public_api::Builder;

use crate::recorded::Recorded;
use crate::shell::Shell;
use crate::test::StepResult;

const RECORDED: Recorded = Recorded { path: "auth-core/public-api.txt", advice: "cargo xtask api --record" };

#[derive(clap::Args)]
pub(crate) struct ApiArgs {
    /// Record the API as it is now
    #[arg(long)]
    record: bool,
}

pub(crate) fn run(shell: &Shell, options: &ApiArgs) -> Result<ExitCode> {
    RECORDED.record_or_compare(shell, &public_api(shell)?, options.record)
}

/// Runs the comparison as a step of the tests.
pub(crate) fn step(shell: &Shell) -> Result<StepResult> {
    Ok(RECORDED.step(shell, &public_api(shell)?))
}

/// Returns the API, one item per line, without derived items and those that hold for every type.
fn public_api(shell: &Shell) -> Result<String> {
    let folder = shell.target().join("api");
    let mut rustdoc = shell.cargo(&["rustdoc", "--locked", "-p", "auth-core", "--lib", "--features", "wire"]);
    rustdoc.arg("--target-dir").arg(&folder);
    rustdoc.args(["--", "-Zunstable-options", "--output-format", "json"]);
    // The stable rustdoc has the output, behind this.
    rustdoc.env("RUSTC_BOOTSTRAP", "1");
    if !shell.run(&mut rustdoc)? {
        bail!("the documentation of auth-core does not build");
    }
    if shell.dry_run {
        return Ok(String::new());
    }
    let api = Builder::from_rustdoc_json(folder.join("doc/auth_core.json"))
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()?;
    Ok(api.items().map(|item| format!("{item}\n")).collect())
}
