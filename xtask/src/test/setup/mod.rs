//! Installs what a machine with only Rust lacks: the rustup targets and, where that needs no
//! prompt, the distribution's Chromium and its driver. Elsewhere it prints the line
//! to paste, and the run ends as incomplete.

mod packages;

use std::path::Path;

use anyhow::{Result, bail};

use super::report::StepResult;
use crate::shell::{Shell, on_path};

/// Targets without an operating system: code that builds for them does no I/O.
pub(crate) const TARGETS: [&str; 2] = ["wasm32v1-none", "thumbv7em-none-eabihf"];

pub(crate) fn run(shell: &Shell, targets: bool, browser: bool) -> Result<StepResult> {
    let mut advice = Vec::new();
    if targets {
        add_targets(shell)?;
        advice.extend(targets_advice(shell)?);
    }
    if browser {
        packages::install(shell)?;
        advice.extend(packages::advice());
    }
    if advice.is_empty() || shell.dry_run {
        return Ok(StepResult::Passed);
    }
    Ok(StepResult::Incomplete(advice.join("; ")))
}

/// Adds the targets for a command other than `test`; says what to paste where that is impossible.
pub(crate) fn targets(shell: &Shell) -> Result<()> {
    add_targets(shell)?;
    match targets_advice(shell)? {
        Some(advice) if !shell.dry_run => bail!("a target is missing: {advice}"),
        _ => Ok(()),
    }
}

/// Runs the step if the targets are installed.
pub(crate) fn targets_or(
    shell: &Shell,
    step: impl FnOnce(&Shell) -> Result<StepResult>,
) -> Result<StepResult> {
    match targets_advice(shell)? {
        Some(_) if !shell.dry_run => Ok(StepResult::Incomplete("targets are missing".to_owned())),
        _ => step(shell),
    }
}

/// Runs the step if a browser and its driver are installed.
pub(crate) fn browser_or(
    shell: &Shell,
    step: impl FnOnce(&Shell) -> Result<StepResult>,
) -> Result<StepResult> {
    match packages::advice() {
        Some(_) if !shell.dry_run => Ok(StepResult::Incomplete("no browser".to_owned())),
        _ => step(shell),
    }
}

fn add_targets(shell: &Shell) -> Result<()> {
    let missing = missing_targets(shell)?;
    if missing.is_empty() || !on_path("rustup") {
        return Ok(());
    }
    // Retries once: a download may break. What is missing in the end is found by
    // looking again, not by the exit status.
    let mut command = shell.command("rustup", &["target", "add"]);
    command.args(&missing);
    if !shell.run(&mut command)? {
        shell.run(&mut command)?;
    }
    Ok(())
}

fn targets_advice(shell: &Shell) -> Result<Option<String>> {
    let missing = missing_targets(shell)?;
    let line = format!("rustup target add {}", missing.join(" "));
    Ok((!missing.is_empty()).then_some(line))
}

/// Returns the missing targets. Looks into the compiler's own folder, which works with and without rustup.
fn missing_targets(shell: &Shell) -> Result<Vec<&'static str>> {
    let sysroot = shell.ask("rustc", &["--print", "sysroot"])?;
    Ok(absent_from(Path::new(sysroot.trim())))
}

fn absent_from(sysroot: &Path) -> Vec<&'static str> {
    let installed = sysroot.join("lib/rustlib");
    TARGETS.into_iter().filter(|target| !installed.join(target).join("lib").is_dir()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_sysroot_lacks_every_target() {
        assert_eq!(absent_from(Path::new("no-such-folder")), TARGETS);
    }
}
