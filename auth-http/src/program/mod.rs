//! The program: its command line, its commands, its exit statuses.
//!
//! 0 is success, 1 a refusal or failure, 2 a wrong command line. What goes wrong is said on standard
//! error in a sentence that says what to do.

mod account;
mod account_text;
mod check;
mod command_line;
mod foreign_hash;
mod healthcheck;
mod import;
mod mail;
mod serve;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use command_line::{AccountCommand, MailCommand, Parsed, ProgramCommand};

use crate::{
    config::{self, ConfigError, Settings},
    node::{self, StartError},
    preflight::UNKNOWN_VARIABLE,
    telemetry::Telemetry,
    wiring,
};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error("{0}")]
    Config(#[from] ConfigError),
    #[error("{0}")]
    Start(#[from] StartError),
    #[error("{0}")]
    Refused(String),
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    node::choose_tls();
    let parsed = match command_line::parse() {
        Ok(parsed) => parsed,
        Err(code) => return code,
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&CommandError::Refused(format!("no threads: {error}"))),
    };
    let ended = runtime.block_on(run(parsed));
    // What blocks, an exporter whose collector hangs for example, is not waited for.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => fail(&failure),
    }
}

/// Prints the warnings that `serve` logs, for the other commands.
fn warn(unknown_variables: &[String]) {
    for variable in unknown_variables {
        // Threat: a name that forges a line or colours a terminal. Where standard error is closed, nobody listens.
        let name = variable.escape_debug();
        let _ = writeln!(io::stderr(), "auth-http: warning: {name}: {UNKNOWN_VARIABLE}");
    }
}

fn fail(failure: &CommandError) -> ExitCode {
    // Whoever reads has seen enough, `head` for example, which is no mistake of theirs.
    if matches!(failure, CommandError::Output(error) if error.kind() == io::ErrorKind::BrokenPipe) {
        return ExitCode::FAILURE;
    }
    // Nothing is left to do where standard error is closed.
    let _ = writeln!(io::stderr(), "auth-http: {failure}");
    ExitCode::FAILURE
}

async fn run(parsed: Parsed) -> Result<(), CommandError> {
    if matches!(parsed.command, ProgramCommand::OpenApi) {
        return print(&crate::http::document());
    }
    if matches!(parsed.command, ProgramCommand::Configuration) {
        return print(config::reference().trim_end());
    }
    let layers = parsed.layers()?;
    if parsed.print_config || !matches!(parsed.command, ProgramCommand::Serve) {
        warn(layers.unknown_variables());
    }
    if parsed.print_config {
        Settings::parse(&layers)?;
        return print(layers.print().trim_end());
    }
    if let ProgramCommand::Healthcheck { url } = &parsed.command {
        return healthcheck::run(url.as_deref(), &layers).await;
    }
    let settings = Settings::parse(&layers)?;
    match parsed.command {
        ProgramCommand::Serve => serve::run(settings).await,
        ProgramCommand::Migrate => migrate(&settings).await,
        ProgramCommand::Check { mail_to } => check::run(&settings, mail_to.as_deref()).await,
        ProgramCommand::Mail(MailCommand::List { json }) => mail::list(&settings, json).await,
        ProgramCommand::Mail(MailCommand::Retry(which)) => mail::retry(&settings, which).await,
        ProgramCommand::Mail(MailCommand::Drop(which)) => mail::drop_mails(&settings, which).await,
        ProgramCommand::Account(command) => {
            let telemetry = Telemetry::start(&settings)?;
            let done = account(settings, command).await;
            telemetry.finish();
            done
        }
        ProgramCommand::Purge => mail::purge(&settings).await,
        ProgramCommand::OpenApi | ProgramCommand::Configuration | ProgramCommand::Healthcheck { .. } => {
            Ok(())
        }
    }
}

async fn account(settings: Settings, command: AccountCommand) -> Result<(), CommandError> {
    match command {
        AccountCommand::Show { who, json } => account::show(settings, &who, json).await,
        AccountCommand::List { json } => account::list(settings, json).await,
        AccountCommand::Act { who, action, json, yes } => {
            account::act(settings, &who, action, json, yes).await
        }
        AccountCommand::LogoutAll { json } => account::logout_all(settings, json).await,
        AccountCommand::Import { file, dry_run, json } => import::run(settings, &file, dry_run, json).await,
    }
}

async fn migrate(settings: &Settings) -> Result<(), CommandError> {
    let accounts = wiring::accounts(settings, wiring::clock()?).await?;
    wiring::migrate(accounts.as_ref()).await?;
    accounts.close().await;
    print("the schema is up to date")
}

fn print(text: &str) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()?;
    Ok(())
}
