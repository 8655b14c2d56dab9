//! Licences, bans and sources of all dependencies by cargo-deny, and advisories where their database can be fetched.

use std::process::Command;

use anyhow::{Result, ensure};

use super::report::StepResult;
use crate::shell::{Shell, line};

const VERSION: &str = "0.20.2";

pub(super) fn run(shell: &Shell) -> Result<StepResult> {
    if !shell.run(&mut install(shell))? {
        // A missing network says nothing about the dependencies: they are unchecked, not wrong.
        return Ok(StepResult::Incomplete("cargo-deny cannot be installed, see above".to_owned()));
    }
    let mut checks = vec!["licenses", "bans", "sources"];
    let mut fetch = cargo_deny(shell);
    if shell.run(fetch.args(["--log-level", "off", "fetch", "db"]))? {
        checks.push("advisories");
    } else {
        println!("advisories are NOT checked: their database cannot be fetched from here");
    }
    let mut failed = Vec::new();
    for manifest in manifests(shell)? {
        let mut check = cargo_deny(shell);
        check
            .args(["--locked", "--config", "deny.toml", "--manifest-path", &manifest, "check"])
            .args(&checks);
        if !shell.run(&mut check)? {
            failed.push(manifest);
        }
    }
    Ok(if failed.is_empty() { StepResult::Passed } else { StepResult::Failed(failed.join(", ")) })
}

/// Installs cargo-deny for `run`.
pub(super) fn prepare(shell: &Shell) -> Result<()> {
    let mut install = install(shell);
    ensure!(shell.run(&mut install)?, "{}", line(&install));
    Ok(())
}

/// Returns the command that installs cargo-deny; it does nothing if this version is installed. Without optimisation the
/// build takes a minute of a processor, with it several; a check takes 3 s at most either way.
fn install(shell: &Shell) -> Command {
    let mut install =
        shell.cargo(&["install", "--quiet", "--locked", "--debug", "--version", VERSION, "cargo-deny"]);
    install.arg("--root").arg(shell.target().join("tools")).env("CARGO_PROFILE_DEV_DEBUG", "false");
    // Built in a temporary folder, not in a shared one.
    install.env_remove("CARGO_TARGET_DIR");
    install
}

fn cargo_deny(shell: &Shell) -> Command {
    let mut program = Command::new(shell.target().join("tools/bin/cargo-deny"));
    program.current_dir(&shell.root);
    program
}

/// Returns the manifest beside each lock file: of this workspace, and of those that it excludes.
fn manifests(shell: &Shell) -> Result<Vec<String>> {
    let locks = shell.ask("git", &["ls-files", "Cargo.lock", "*/Cargo.lock"])?;
    Ok(locks.lines().map(|lock| lock.replace(".lock", ".toml")).collect())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_workspace_is_checked_for_licences_and_sources() {
        let shell = Shell::new(true).unwrap();
        let checked = manifests(&shell).unwrap();
        assert!(checked.contains(&"Cargo.toml".to_owned()));
        let manifest = fs::read_to_string(shell.root.join("Cargo.toml")).unwrap();
        let excluded = manifest.lines().find_map(|line| line.strip_prefix("exclude = ")).unwrap();
        let excluded: Vec<&str> = serde_json::from_str(excluded).unwrap();
        assert!(!excluded.is_empty());
        for folder in excluded {
            assert!(checked.contains(&format!("{folder}/Cargo.toml")), "{folder} has no lock file in git");
        }
    }
}
