//! A client that a generator makes from the recorded OpenAPI document: it uses the server as a front end or
//! service of another team would.

use std::fs;
use std::process::Command;

use anyhow::Result;

use super::hosts::{all, environment};
use super::report::StepResult;
use super::server;
use crate::shell::Shell;

const FOLDER: &str = "tests/client";
const DOCUMENT: &str = "auth-http/openapi.json";

pub(super) fn run(shell: &Shell) -> Result<StepResult> {
    let folder = shell.root.join(FOLDER);
    let programs = match environment(shell, "client", &folder, &[])? {
        Ok(programs) => programs,
        Err(advice) => return Ok(StepResult::Incomplete(advice)),
    };
    let made = shell.target().join("client/generated");
    if !shell.dry_run {
        fs::create_dir_all(&made)?;
    }
    let mut generate = Command::new(programs.join("openapi-python-client"));
    generate
        .args(["generate", "--meta", "none", "--overwrite", "--fail-on-warning", "--path"])
        .arg(shell.root.join(DOCUMENT))
        .arg("--output-path")
        .arg(made.join("auth_client"))
        .arg("--config")
        .arg(folder.join("generator.yaml"));
    let mut drive = Command::new(programs.join("python"));
    drive.args(["-m", "unittest"]).current_dir(&folder);
    drive.env("AUTH_HTTP_BIN", server::with_hooks(shell)).env("AUTH_CLIENT", &made);
    // Keeps bytecode out of the sources.
    drive.env("PYTHONDONTWRITEBYTECODE", "1");
    all(shell, [generate, drive])
}
