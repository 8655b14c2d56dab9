//! Installing packages with apt: whether that works without a prompt, and the line to paste where
//! it does not. Knows no package; the caller checks whether it helped.

use std::fs::{self, File};
use std::path::PathBuf;

use anyhow::Result;

use crate::shell::{Shell, on_path};

const INSTALL: [&str; 4] = ["apt-get", "install", "-y", "--no-install-recommends"];

/// Installs the packages where that is possible without a prompt.
pub(crate) fn install(shell: &Shell, packages: &[&str]) -> Result<()> {
    let Some(prefix) = privilege(shell) else {
        return Ok(());
    };
    // Retries once: a mirror may be in the middle of an update.
    for _ in 0..2 {
        // Its failure may not matter: the existing lists can be recent enough.
        apt(shell, prefix, &["apt-get", "update"])?;
        if apt(shell, prefix, &[&INSTALL[..], packages].concat())? {
            break;
        }
    }
    Ok(())
}

/// Installs the packages of missing programs where that is possible; otherwise returns what to do.
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

/// Package sources in addition to the system's own, and the suite to take from them.
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

/// Returns the line that installs the packages by hand.
pub(crate) fn advice(packages: &[&str]) -> String {
    format!("sudo apt-get update && sudo {} {}", INSTALL.join(" "), packages.join(" "))
}

/// Returns what to put before a command to run it as root without a prompt; none if that is impossible.
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
    // apt gives up while another apt runs; two processes of this program may need packages.
    fs::create_dir_all(shell.target())?;
    let lock = File::create(shell.target().join("apt.lock"))?;
    lock.lock()?;
    shell.run(&mut shell.command(program[0], arguments))
}
