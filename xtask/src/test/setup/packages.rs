//! The distribution's packages for the browser tests: whether they are needed, and what to print
//! where they cannot be installed. `apt.rs` installs packages.

use std::fs;

use anyhow::Result;

use crate::apt;
use crate::shell::{Shell, on_path};

const DRIVER: &str = "chromedriver";

/// The names under which the driver looks for a browser.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Their names in Debian; without a font, screenshots of pages are blank.
const PACKAGES: [&str; 3] = ["chromium", "chromium-driver", "fonts-dejavu-core"];

/// Installs what is missing where that is possible. `advice` tells whether it helped.
pub(super) fn install(shell: &Shell) -> Result<()> {
    if is_there() || !has_debian_names() {
        return Ok(());
    }
    apt::install(shell, &PACKAGES)
}

/// Returns what to do about a missing browser; none if there is one.
pub(super) fn advice() -> Option<String> {
    if is_there() {
        return None;
    }
    Some(if has_debian_names() {
        apt::advice(&PACKAGES)
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

fn has_debian_names() -> bool {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    on_path("apt-get") && !is_ubuntu(&release)
}

/// Returns whether this is Ubuntu or a derivative: they have Chromium as a snap, not under Debian's names.
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
