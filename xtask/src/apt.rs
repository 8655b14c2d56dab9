//! Installing packages with apt: whether that can be done without asking anybody, and the line
//! to paste where it cannot. Knows no package; whether it helped is seen by the caller.

use std::fs::{self, File};
use std::path::PathBuf;

use anyhow::Result;

use crate::shell::{Shell, on_path};

const INSTALL: [&str; 4] = ["apt-get", "install", "-y", "--no-install-recommends"];

/// Installs the packages where that is possible without a question.
pub(crate) fn install(shell: &Shell, packages: &[&str]) -> Result<()> {
    let Some(prefix) = privilege(shell) else {
        return Ok(());
    };
    // Once more on failure: a mirror may be in the middle of an update.
    for _ in 0..2 {
        // Its failure may not matter: the lists that are there can be recent enough.
        apt(shell, prefix, &["apt-get", "update"])?;
        if apt(shell, prefix, &[&INSTALL[..], packages].concat())? {
            break;
        }
    }
    Ok(())
}

/// Installs the packages of what is not there where that is possible; returns what to do where it is not.
pub(crate) fn provide(
    shell: &Shell,
    packages: &[&str],
    is_there: impl Fn() -> bool,
) -> Result<Option<String>> {
    if !is_there() && on_path("apt-get") {
        install(shell, packages)?;
    }
    Ok((!is_there() && !shell.dry_run).then(|| advice(packages)))
}

/// Package sources beside the system's own, and the suite to take from them.
pub(crate) struct Sources {
    pub(crate) file: PathBuf,
    pub(crate) suite: String,
}

/// Installs the packages from other sources, without changing the system's own.
pub(crate) fn install_from(shell: &Shell, sources: &Sources, packages: &[&str]) -> Result<()> {
    let Some(prefix) = privilege(shell) else {
        return Ok(());
    };
    let list = format!("Dir::Etc::SourceList={}", sources.file.display());
    apt(shell, prefix, &["apt-get", "-o", &list, "update"])?;
    let from = ["-o", &list, "-t", &sources.suite];
    apt(shell, prefix, &[&INSTALL[..], &from, packages].concat())?;
    Ok(())
}

/// The line that installs the packages by hand.
pub(crate) fn advice(packages: &[&str]) -> String {
    format!("sudo apt-get update && sudo {} {}", INSTALL.join(" "), packages.join(" "))
}

/// What to put before a command to run it as root without a question; none if that cannot be.
fn privilege(shell: &Shell) -> Option<&'static [&'static str]> {
    let is_root = || shell.ask("id", &["-u"]).is_ok_and(|id| id.trim() == "0");
    if is_root() {
        Some(&[])
    } else if on_path("sudo") && shell.succeeds("sudo", &["-n", "true"]) {
        Some(&["sudo", "-n"])
    } else {
        None
    }
}

fn apt(shell: &Shell, prefix: &[&str], command: &[&str]) -> Result<bool> {
    // Through `env`, because sudo drops the caller's variables.
    let quiet = ["env", "DEBIAN_FRONTEND=noninteractive"];
    let words = [prefix, &quiet, command].concat();
    let (program, arguments) = words.split_at(1);
    // apt gives up where another apt is at work; two processes of this program may want packages.
    fs::create_dir_all(shell.target())?;
    let lock = File::create(shell.target().join("apt.lock"))?;
    lock.lock()?;
    shell.run(&mut shell.command(program[0], arguments))
}
