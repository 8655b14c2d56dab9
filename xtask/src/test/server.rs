//! The builds of the server that the integration tests start: as released and with test
//! hooks, each copied elsewhere because cargo gives both the same name.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::report::StepResult;
use crate::shell::{Shell, line};

pub(crate) fn build(shell: &Shell) -> Result<StepResult> {
    // The plain one last: it stays under the usual name.
    let builds: [(&[&str], PathBuf); 2] =
        [(&["--features", "auth-http/test-hooks"], with_hooks(shell)), (&[], plain(shell))];
    for (features, copy) in builds {
        let mut command = shell.cargo(&["build", "--locked", "--workspace", "--bin", "auth-http"]);
        if !shell.run(command.args(features))? {
            return Ok(StepResult::Failed(line(&command)));
        }
        if !shell.dry_run {
            put_aside(&shell.built.join(executable("auth-http")), &copy)?;
        }
    }
    Ok(StepResult::Passed)
}

/// Returns the path of the server as it is released.
pub(crate) fn plain(shell: &Shell) -> PathBuf {
    folder(shell).join(executable("auth-http"))
}

/// Returns the path of the server that tests can stop at an effect and whose clock they can shift.
pub(crate) fn with_hooks(shell: &Shell) -> PathBuf {
    folder(shell).join(executable("auth-http-hooks"))
}

fn folder(shell: &Shell) -> PathBuf {
    shell.built.with_file_name("test-bin")
}

fn executable(name: &str) -> String {
    format!("{name}{}", std::env::consts::EXE_SUFFIX)
}

/// Copies the server. Removes the old copy first: one that still runs cannot be overwritten.
fn put_aside(from: &Path, to: &Path) -> Result<()> {
    println!("copied to {}", to.display());
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    if to.exists() {
        fs::remove_file(to)?;
    }
    fs::copy(from, to)
        .map(|_| ())
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}
