//! The steps that are a list of cargo commands. All of a list runs, so that one look shows
//! everything that is wrong.
//!
//! Packages are chosen with care: cargo unites the features of what it builds together, so
//! each other choice builds the dependencies again. Lints and docs take the workspace, unit
//! tests and the server take the two crates, the integration tests theirs.

use std::process::Command;

use anyhow::Result;

use super::report::Outcome;
use super::server;
use super::setup::TARGETS;
use super::step::Step;
use crate::shell::{Shell, line};

pub(crate) fn run(shell: &Shell, step: Step, filter: Option<&str>) -> Result<Outcome> {
    let mut failed = Vec::new();
    for mut command in commands(shell, step, filter) {
        if !shell.run(&mut command)? {
            failed.push(line(&command));
        }
    }
    Ok(if failed.is_empty() { Outcome::Passed } else { Outcome::Failed(failed.join("; ")) })
}

fn commands(shell: &Shell, step: Step, filter: Option<&str>) -> Vec<Command> {
    let cargo = |line: &str| shell.cargo(&line.split(' ').collect::<Vec<_>>());
    let test = |line: &str| {
        let mut command = cargo(&format!("test --locked --no-fail-fast {line}"));
        command.args(filter);
        command
    };
    match step {
        Step::Format => vec![cargo("fmt --all --check")],
        Step::Lint => ["--workspace", HOOKS, "-p auth-core --no-default-features"]
            .map(|what| cargo(&format!("clippy --locked --all-targets {what} -- -D warnings")))
            .into(),
        Step::Targets => TARGETS
            .iter()
            .flat_map(|target| ["--no-default-features ", ""].map(|features| (target, features)))
            .map(|(target, features)| {
                cargo(&format!("build --locked -p auth-core {features}--target {target}"))
            })
            .collect(),
        Step::Unit => vec![
            test("-p auth-core -p auth-http --tests"),
            test("-p auth-http --features test-hooks --tests"),
            test("-p xtask"),
        ],
        Step::Doc => {
            let mut docs = cargo("doc --locked --workspace --no-deps");
            docs.env("RUSTDOCFLAGS", "-Dwarnings");
            vec![test("-p auth-core -p auth-http --doc"), docs]
        }
        Step::Integration => vec![against_server(shell, test("-p auth-tests --lib --test integration"))],
        Step::Browser => vec![against_server(shell, test("-p auth-tests --test browser"))],
        Step::Setup | Step::Server | Step::Tidy => vec![],
    }
}

const HOOKS: &str = "--workspace --features auth-http/test-hooks";

/// Tells the tests which programs to start.
fn against_server(shell: &Shell, mut command: Command) -> Command {
    command.env("AUTH_HTTP_BIN", server::plain(shell)).env("AUTH_HTTP_HOOKS_BIN", server::with_hooks(shell));
    command
}
