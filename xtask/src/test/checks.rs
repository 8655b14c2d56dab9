//! The steps that are a list of cargo commands. All commands of a list run, so that one run shows
//! everything that is wrong.
//!
//! All commands take the whole workspace and select targets: cargo unites the features of the selected
//! packages, so another selection of packages builds the dependencies again.

use std::env;
use std::ffi::OsStr;
use std::process::Command;
use std::thread;

use anyhow::Result;

use super::axe;
use super::report::StepResult;
use super::server;
use super::setup::TARGETS;
use super::stack::Servers;
use super::step::Step;
use crate::images;
use crate::playground;
use crate::shell::{Shell, line};

/// Runs the tests in a browser, with axe-core if it can be had.
pub(crate) fn in_browser(shell: &Shell, filter: Option<&str>) -> Result<StepResult> {
    let advice = axe::install(shell)?;
    Ok(match (run(shell, Step::Browser, filter, None)?, advice) {
        (StepResult::Passed, Some(advice)) => StepResult::Incomplete(format!("no axe-core: {advice}")),
        (result, _) => result,
    })
}

pub(crate) fn run(
    shell: &Shell,
    step: Step,
    filter: Option<&str>,
    servers: Option<&Servers>,
) -> Result<StepResult> {
    let mut failed = Vec::new();
    for mut command in commands(shell, step, filter) {
        // Built separately, so that the time for it is known.
        if let Some(mut build) = test_build(&command)
            && !shell.run(&mut build)?
        {
            failed.push(line(&build));
            continue;
        }
        if let Some(servers) = servers.filter(|_| step.wants_engine()) {
            servers.tell(&mut command);
        }
        if !shell.run(&mut command)? {
            failed.push(line(&command));
        }
    }
    Ok(if failed.is_empty() { StepResult::Passed } else { StepResult::Failed(failed.join("; ")) })
}

/// Returns the command that builds what a `cargo test` runs; none for documentation tests, which are built one by one.
fn test_build(command: &Command) -> Option<Command> {
    let arguments: Vec<&OsStr> = command.get_args().take_while(|argument| *argument != "--").collect();
    if arguments.first().is_none_or(|first| *first != "test") || arguments.contains(&OsStr::new("--doc")) {
        return None;
    }
    let mut build = Command::new(command.get_program());
    build.args(arguments).arg("--no-run");
    if let Some(folder) = command.get_current_dir() {
        build.current_dir(folder);
    }
    Some(build)
}

fn commands(shell: &Shell, step: Step, filter: Option<&str>) -> Vec<Command> {
    let cargo = |line: &str| shell.cargo(&line.split(' ').collect::<Vec<_>>());
    let test = |line: &str| {
        let mut command = cargo(&format!("test --locked --no-fail-fast {line}"));
        command.args(filter);
        command
    };
    let on_stack = |stack: &str, other: &[&str]| {
        let mut command = against_server(shell, test("--workspace --test integration"));
        command.env("AUTH_TEST_STACK", stack);
        without(command, &[STORELESS, other].concat())
    };
    match step {
        Step::Format => vec![cargo("fmt --all --check")],
        Step::Lint => ["--workspace", HOOKS, "-p auth-core --no-default-features", MYSQL_ALONE, SQLITE_ALONE]
            .map(|what| cargo(&format!("clippy --locked --all-targets {what} -- -D warnings")))
            .into(),
        Step::Targets => TARGETS
            .iter()
            .flat_map(|target| ["--no-default-features ", ""].map(|features| (target, features)))
            .map(|(target, features)| {
                cargo(&format!("build --locked -p auth-core {features}--target {target}"))
            })
            .collect(),
        Step::Unit => {
            let tests = ["flows", "memory", "readme", "bound", "replay", "as_a_person"]
                .map(|name| format!("--test {name}"));
            vec![
                test(&format!("--workspace --lib --bins {}", tests.join(" "))),
                test(&format!("{HOOKS} --lib")),
            ]
        }
        Step::Doc => {
            let mut docs = cargo("doc --locked --workspace --no-deps");
            docs.env("RUSTDOCFLAGS", "-Dwarnings");
            vec![test("--workspace --doc"), docs]
        }
        Step::Integration => {
            let all = test("--workspace --test integration");
            vec![against_server(shell, without(all, &["contract::stack::", "stack_"]))]
        }
        Step::Mysql => vec![on_stack("mysql", &["contract::stack::mariadb", "contract::stack::valkey"])],
        Step::Mariadb => {
            vec![on_stack("mariadb", &["contract::stack::mysql", "contract::stack::redis", "stack_"])]
        }
        Step::Faults => vec![against_server(shell, test("--workspace --test faults"))],
        Step::Compose => {
            let mut all = test("--workspace --test compose");
            all.env("AUTH_TEST_APP_PROFILE", images::APP_PROFILE);
            vec![all]
        }
        Step::Browser => {
            let mut all = against_server(shell, test("--workspace --test browser"));
            match axe::path(shell) {
                Some(axe) => {
                    all.env("AUTH_AXE", axe);
                    vec![without(all, &["playground::"])]
                }
                None => vec![without(all, &["playground::", "accessibility::"])],
            }
        }
        Step::Playground => {
            let mut all = test("--workspace --test browser");
            all.env("AUTH_PLAYGROUND", playground::page(shell));
            vec![without(
                all,
                &["accessibility::", "account_pages::", "api_page::", "credentials::", "mailbox_page::"],
            )]
        }
        Step::Setup
        | Step::Api
        | Step::Panics
        | Step::Counts
        | Step::Server
        | Step::Client
        | Step::Component
        | Step::Wasmtime
        | Step::Python
        | Step::Firmware
        | Step::C
        | Step::Dist
        | Step::Node
        | Step::Deny
        | Step::Package
        | Step::Servers
        | Step::Tidy => vec![],
    }
}

const HOOKS: &str = "--workspace --features auth-http/test-hooks";

const MYSQL_ALONE: &str = "-p auth-http --no-default-features --features mysql";
const SQLITE_ALONE: &str = "-p auth-http --no-default-features --features sqlite";

/// Tests that choose their store themselves, or have none.
const STORELESS: &[&str] = &[
    "codes::codes_in_memory",
    "config_",
    "contract::accounts_",
    "contract::codes_",
    "contract::mail",
    "faults::",
    "program_check",
    "program_command_line",
    "program_configuration",
    "program_database",
    "program_mail",
    "program_openapi",
    "program_serve",
    "smtp::",
    "smtp_check",
    "smtp_connections",
    "smtp_faults",
    "smtp_hello",
    "smtp_messages",
    "smtp_tls",
    "sqlite_",
    "worker::",
];

fn without(mut command: Command, names: &[&str]) -> Command {
    command.arg("--").args(names.iter().flat_map(|name| ["--skip", name]));
    command
}

/// The tests that run at the same time for each processor. They wait for servers and timers more than they compute.
const TESTS_PER_PROCESSOR: usize = 3;

/// Passes the programs to start to the tests, and how many of them to run at the same time.
fn against_server(shell: &Shell, mut command: Command) -> Command {
    if env::var_os("RUST_TEST_THREADS").is_none() {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        command.env("RUST_TEST_THREADS", (processors * TESTS_PER_PROCESSOR).to_string());
    }
    command.env("AUTH_HTTP_BIN", server::plain(shell)).env("AUTH_HTTP_HOOKS_BIN", server::with_hooks(shell));
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tested_is_built_before() {
        let shell = Shell::new(true).unwrap();
        let builds = |step| {
            let commands = commands(&shell, step, Some("filter"));
            commands.iter().filter_map(test_build).map(|build| line(&build)).collect::<Vec<_>>()
        };
        let build = "cargo test --locked --no-fail-fast --workspace --test integration filter --no-run";
        assert_eq!(builds(Step::Integration), [build]);
        assert_eq!(builds(Step::Doc), [""; 0]);
        assert_eq!(builds(Step::Lint), [""; 0]);
    }
}
