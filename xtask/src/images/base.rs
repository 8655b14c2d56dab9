//! The base image of all stand-ins: a minimal Debian, from the mirror and with the
//! certificates of this machine. Neither is recorded anywhere.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::{FOLDER, digest, is_here, stand_in};
use crate::apt;
use crate::shell::{Shell, on_path};

/// Debian's newest packages: older releases lack Valkey and a recent Rust.
const SUITE: &str = "sid";

/// Where Debian keeps added certificate authorities, such as that of a proxy which
/// intercepts TLS.
const CERTIFICATES: &str = "/usr/local/share/ca-certificates";

const MAKER: &str = "mmdebstrap";

/// The image's name also depends on the certificates: with old ones a build could not reach its mirror.
pub(super) fn name(shell: &Shell) -> Result<String> {
    let mut parts = digest::read(&shell.root.join(FOLDER).join("base"))?;
    parts.insert("suite".to_owned(), SUITE.into());
    if Path::new(CERTIFICATES).is_dir() {
        for (file, bytes) in digest::read(Path::new(CERTIFICATES))? {
            parts.insert(format!("certificate {file}"), bytes);
        }
    }
    Ok(stand_in("base", &parts))
}

/// Builds the image unless it exists.
pub(super) fn ensure(shell: &Shell) -> Result<String> {
    let name = name(shell)?;
    if is_here(shell, &name) {
        return Ok(name);
    }
    if !on_path("apt-get") {
        bail!(
            "stand-ins are built on Debian and its relatives alone: make a registry reachable, or name the \
             images by environment (the variables are in {FOLDER}/README.md)"
        );
    }
    if !on_path(MAKER) {
        apt::install(shell, &[MAKER])?;
    }
    if !on_path(MAKER) && !shell.dry_run {
        bail!("{MAKER} is missing: {}", apt::advice(&[MAKER]));
    }
    let archive = shell.built.join("stand-in-base.tar");
    let result = make(shell, &archive, &name);
    // The archive has some 180 MB, and the engine has a copy.
    if !shell.dry_run && archive.exists() {
        fs::remove_file(&archive).with_context(|| format!("cannot remove {}", archive.display()))?;
    }
    result.map(|()| name)
}

fn make(shell: &Shell, archive: &Path, name: &str) -> Result<()> {
    let folder = shell.root.join(FOLDER).join("base");
    let mut command = shell.command(MAKER, &["--quiet", "--variant=minbase", "--include=ca-certificates"]);
    // Where this machine reads a frozen archive, whose lists have expired, the image must as well.
    let frozen = shell.ask("apt-config", &["dump", "Acquire::Check-Valid-Until"])?;
    for option in frozen.lines() {
        command.arg(format!("--aptopt={option}"));
    }
    // From the start, or the manuals of the first packages would be installed.
    command.arg(format!("--dpkgopt={}", folder.join("etc/dpkg/dpkg.cfg.d/90stand-in").display()));
    if Path::new(CERTIFICATES).is_dir() {
        command.arg(format!("--customize-hook=copy-in {CERTIFICATES} /usr/local/share"));
        command.arg("--customize-hook=chroot \"$1\" update-ca-certificates");
    }
    // Last: with apt's caches off the program would not find its own downloads.
    command.arg(format!("--customize-hook=sync-in '{}' /", folder.display()));
    command.arg(SUITE).arg(archive).arg(mirror(shell)?);
    if !shell.run(&mut command)? {
        bail!("the base image of the stand-ins cannot be built, see above");
    }
    if !shell.run(shell.command("docker", &["import"]).arg(archive).arg(name))? {
        bail!("the engine did not import the base image of the stand-ins, see above");
    }
    Ok(())
}

/// Returns the mirror from which this machine gets Debian's packages.
fn mirror(shell: &Shell) -> Result<String> {
    let format = "$(ORIGIN)/$(LABEL) $(REPO_URI)";
    let targets = shell.ask("apt-get", &["indextargets", "--format", format, "Created-By: Packages"])?;
    first_of_debian(&targets).context(
        "apt knows no mirror of Debian: `apt-get update` on a Debian, or name the images by environment",
    )
}

/// The security archive has a label of its own, and no sid.
fn first_of_debian(targets: &str) -> Option<String> {
    targets.lines().find_map(|line| line.strip_prefix("Debian/Debian ")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_that_of_debian_itself() {
        let targets = "Google/cloud https://a.example/apt/\n\
                       Debian/Debian-Security http://b.example/security/\n\
                       Debian/Debian http://c.example/debian/\n\
                       Debian/Debian http://d.example/debian/\n";
        assert_eq!(first_of_debian(targets).unwrap(), "http://c.example/debian/");
        assert_eq!(first_of_debian("Ubuntu/Ubuntu http://e.example/ubuntu/\n"), None);
    }
}
