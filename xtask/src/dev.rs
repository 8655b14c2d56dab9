//! `dev`: starts the server from this tree, with a log level of its own.

use std::env;
use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::shell::Shell;

#[derive(clap::Args)]
pub(crate) struct DevArgs {
    /// Arguments of `auth-http serve`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub(crate) fn run(shell: &Shell, options: &DevArgs) -> Result<ExitCode> {
    let mut command = shell.cargo(&["run", "-p", "auth-http", "--", "serve"]);
    command.args(&options.arguments);
    if env::var_os("AUTH_LOG").is_none() {
        command.env("AUTH_LOG", "debug");
    }
    if shell.dry_run {
        shell.run(&mut command)?;
        return Ok(ExitCode::SUCCESS);
    }
    replace(shell, &mut command)
}

/// Replaces this process by the command, so that Ctrl-C reaches the server alone and the prompt comes back
/// only when it has stopped.
#[cfg(unix)]
fn replace(_: &Shell, command: &mut Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    Err(command.exec().into())
}

#[cfg(not(unix))]
fn replace(shell: &Shell, command: &mut Command) -> Result<ExitCode> {
    Ok(if shell.run(command)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
