//! The distribution's packages for the browser tests: whether they are needed, whether they
//! may be installed without asking anybody, and what to say where they may not.

use std::fs;

use anyhow::Result;

use crate::shell::{Shell, on_path};

const DRIVER: &str = "chromedriver";

/// The names under which the driver looks for a browser.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Their names in Debian; without a font, pages come out blank in pictures.
const PACKAGES: [&str; 3] = ["chromium", "chromium-driver", "fonts-dejavu-core"];

const INSTALL: [&str; 4] = ["apt-get", "install", "-y", "--no-install-recommends"];

/// Installs what is missing where that is possible. Whether it helped is told by `advice`.
pub(super) fn install(shell: &Shell) -> Result<()> {
    if is_there() || !has_debian_names() {
        return Ok(());
    }
    let Some(prefix) = privilege(shell) else {
        return Ok(());
    };
    // Once more on failure: a mirror may be in the middle of an update.
    for _ in 0..2 {
        // Its failure may not matter: the lists that are there can be recent enough.
        apt(shell, prefix, &["apt-get", "update"])?;
        if apt(shell, prefix, &[&INSTALL[..], &PACKAGES].concat())? {
            break;
        }
    }
    Ok(())
}

/// What to do about a missing browser; none if there is one.
pub(super) fn advice() -> Option<String> {
    if is_there() {
        return None;
    }
    Some(if has_debian_names() {
        let install = INSTALL.join(" ");
        let packages = PACKAGES.join(" ");
        format!("sudo apt-get update && sudo {install} {packages}")
    } else {
        format!(
            "put `{DRIVER}` and one of {} on PATH, from your system's packages",
            BROWSERS.map(|name| format!("`{name}`")).join(", ")
        )
    })
}

fn is_there() -> bool {
    on_path(DRIVER) && BROWSERS.into_iter().any(on_path)
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
    shell.run(&mut shell.command(program[0], arguments))
}

fn has_debian_names() -> bool {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    on_path("apt-get") && !is_ubuntu(&release)
}

/// Ubuntu and what is made of it have Chromium as a snap, not under Debian's names.
fn is_ubuntu(os_release: &str) -> bool {
    os_release
        .lines()
        .filter(|line| line.starts_with("ID=") || line.starts_with("ID_LIKE="))
        .any(|line| line.contains("ubuntu"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ubuntu_and_its_like_are_told_from_debian() {
        assert!(is_ubuntu("NAME=\"Ubuntu\"\nID=ubuntu\nID_LIKE=debian\n"));
        assert!(is_ubuntu("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"));
        assert!(!is_ubuntu("ID=debian\nHOME_URL=\"ubuntu\"\n"));
    }
}
