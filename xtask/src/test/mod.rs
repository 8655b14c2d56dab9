//! `test`, the one test command: runs the steps in order, each on its own, and ends with
//! one table. The steps are in `test/`; a failed step never hides a later one, except
//! where the later one needs its result.

mod axe;
mod checks;
mod client;
mod conversation;
mod deny;
mod firmware;
mod hosts;
mod package;
pub(crate) mod prepare;
mod report;
mod server;
mod setup;
mod stack;
mod step;

use std::env;
use std::process::ExitCode;

use anyhow::Result;

use crate::api;
use crate::c;
use crate::component;
use crate::counts;
use crate::dist;
use crate::images;
use crate::panics;
use crate::playground;
use crate::shell::{Shell, now};
use crate::tidy;
pub(crate) use conversation::registers_a_person;
use prepare::Prepared;
use report::Report;
pub(crate) use report::StepResult;
pub(crate) use setup::targets;
use stack::Servers;
use step::{Step, Want};

#[derive(clap::Args)]
pub(crate) struct TestArgs {
    /// Run only the tests whose name contains this
    filter: Option<String>,
    /// Leave out the steps that need this; without the option a missing browser makes the run incomplete
    #[arg(long, value_enum)]
    without: Vec<Want>,
    /// Leave out all steps that need a container engine
    #[arg(long)]
    embedded: bool,
    /// End as incomplete where no container engine answers, as on CI
    #[arg(long, conflicts_with = "embedded")]
    require_containers: bool,
    /// Run only this step and those that it needs; may be repeated
    #[arg(long, value_enum)]
    only: Vec<Step>,
    /// Print the steps and end
    #[arg(long)]
    list: bool,
}

pub(crate) fn run(shell: &Shell, options: &TestArgs) -> Result<ExitCode> {
    let plan = step::plan(&options.only);
    if options.list {
        for step in plan {
            println!("{:12} {}", step.name(), step.about());
        }
        return Ok(ExitCode::SUCCESS);
    }
    let without_engine = without_engine(shell, options, &plan);
    let mut report = Report::default();
    let mut servers = None;
    let mut prepared = None;
    for &step in &plan {
        println!("\n== {}: {}", step.name(), step.about());
        let (started, built_before) = (now(), shell.time_building());
        if prepared.is_none() && step != Step::Setup {
            let runs = plan.iter().filter(|&&step| not_run(options, without_engine.as_ref(), step).is_none());
            let wanted = runs.filter_map(|step| step.prepared());
            prepared = Some(Prepared::start(shell, &wanted.collect())?);
        }
        if let (Some(Some(prepared)), Some(part)) = (&mut prepared, step.prepared()) {
            shell.building(|| prepared.wait(part));
        }
        let outcome = not_run(options, without_engine.as_ref(), step)
            .unwrap_or_else(|| run_step(shell, options, &plan, step, &report, &mut servers));
        let seconds = started.elapsed().as_secs_f64();
        if !shell.dry_run {
            println!("== {}: {outcome}, {seconds:.1} s", step.name());
        }
        report.add(step, outcome, seconds, (shell.time_building() - built_before).as_secs_f64());
    }
    if shell.dry_run {
        println!("\ndry run: nothing was run");
        return Ok(report.exit_code());
    }
    print!("{report}");
    if let Some(versions) = servers.as_ref().map(Servers::versions) {
        println!("servers: {versions}");
    }
    println!("{}", compiler(&shell.ask("rustc", &["--version"])?, env!("CARGO_PKG_RUST_VERSION")));
    // Their output while they end comes before the last lines.
    drop(servers);
    print!("{}", report.closing(&narrowed(options)));
    Ok(report.exit_code())
}

/// Names the compiler, and says whether it has the minimum Rust version.
fn compiler(rustc: &str, minimum: &str) -> String {
    let rustc = rustc.trim();
    let version = rustc.split(' ').nth(1).unwrap_or("");
    if version == minimum || version.starts_with(&format!("{minimum}.")) {
        format!("{rustc}: the minimum Rust version")
    } else {
        format!("{rustc}: NOT the minimum Rust version, which is {minimum}")
    }
}

/// Returns what `--only` and the filter leave out.
fn narrowed(options: &TestArgs) -> Vec<String> {
    let steps = (!options.only.is_empty()).then(|| "all other steps (--only)".to_owned());
    let tests = options.filter.as_ref().map(|filter| format!("tests without `{filter}` in their names"));
    steps.into_iter().chain(tests).collect()
}

/// Returns the outcome of the steps that need a container engine if they cannot run, and prints why.
fn without_engine(shell: &Shell, options: &TestArgs, plan: &[Step]) -> Option<StepResult> {
    if options.embedded {
        return Some(StepResult::LeftOut("--embedded".to_owned()));
    }
    if shell.dry_run || !plan.iter().any(|step| step.wants_engine()) {
        return None;
    }
    let advice = images::engine(shell)?;
    let outcome = missing_engine(requires_all(options, env::var("CI").ok()));
    println!("{advice}\nsteps that need a container engine: {outcome}");
    Some(outcome)
}

fn missing_engine(required: bool) -> StepResult {
    match required {
        true => StepResult::Incomplete("no container engine answers".to_owned()),
        false => {
            StepResult::LeftOut("no container engine; --require-containers makes that an error".to_owned())
        }
    }
}

/// Returns whether a run without a container engine is incomplete: on CI, and where the caller asks for containers.
fn requires_all(options: &TestArgs, ci: Option<String>) -> bool {
    let on_ci = ci.is_some_and(|value| !["", "0", "false"].contains(&value.as_str()));
    options.require_containers || on_ci || options.only.iter().any(|step| step.wants_engine())
}

/// Returns the outcome of a step that is not run: an option leaves it out, or it needs a missing container engine.
fn not_run(options: &TestArgs, without_engine: Option<&StepResult>, step: Step) -> Option<StepResult> {
    match options.without.iter().find(|want| step.wants().contains(want)) {
        Some(want) => Some(StepResult::LeftOut(format!("--without {want:?}").to_lowercase())),
        None => without_engine.filter(|_| step.wants_engine()).cloned(),
    }
}

fn run_step(
    shell: &Shell,
    options: &TestArgs,
    plan: &[Step],
    step: Step,
    report: &Report,
    servers: &mut Option<Servers>,
) -> StepResult {
    if let Some(absent) = report.first_not_passed(step.needs()) {
        return StepResult::Incomplete(format!("needs the result of `{}`", absent.name()));
    }
    let filter = options.filter.as_deref();
    let result = match step {
        Step::Setup => {
            let wanted = |want| {
                options.only.contains(&Step::Setup) || plan.iter().any(|step| step.wants().contains(&want))
            };
            let browser = wanted(Want::Browser) && !options.without.contains(&Want::Browser);
            setup::run(shell, wanted(Want::Targets), browser)
        }
        Step::Targets => setup::targets_or(shell, |shell| checks::run(shell, step, filter, servers.as_ref())),
        Step::Browser => setup::browser_or(shell, |shell| checks::in_browser(shell, filter)),
        Step::Playground => setup::browser_or(shell, |shell| {
            playground::lint(shell)?;
            playground::build(shell)?;
            checks::run(shell, step, filter, servers.as_ref())
        }),
        Step::Component => setup::targets_or(shell, component::step),
        Step::Firmware => setup::targets_or(shell, firmware::run),
        Step::Wasmtime => hosts::wasmtime(shell),
        Step::Python => hosts::python(shell),
        Step::Client => client::run(shell),
        Step::C => c::step(shell),
        Step::Dist => dist::step(shell),
        Step::Node => hosts::node(shell),
        Step::Api => api::step(shell),
        Step::Deny => deny::run(shell),
        Step::Package => package::run(shell),
        Step::Counts => counts::step(shell),
        Step::Panics => setup::targets_or(shell, panics::step),
        Step::Server => server::build(shell),
        Step::Servers => Servers::start(shell).map(|started| {
            *servers = Some(started);
            StepResult::Passed
        }),
        Step::Tidy => tidy::passes(shell).map(|passes| match passes {
            true => StepResult::Passed,
            false => StepResult::Failed("violations, see above".to_owned()),
        }),
        Step::Format
        | Step::Lint
        | Step::Unit
        | Step::Doc
        | Step::Integration
        | Step::Mysql
        | Step::Mariadb
        | Step::Faults
        | Step::Compose => checks::run(shell, step, filter, servers.as_ref()),
    };
    result.unwrap_or_else(|error| StepResult::Failed(format!("{error:#}")))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: TestArgs,
    }

    fn options(words: &str) -> TestArgs {
        Line::try_parse_from(format!("test {words}").split_whitespace()).expect("it is a command").options
    }

    fn missing(words: &str, ci: Option<&str>) -> StepResult {
        missing_engine(requires_all(&options(words), ci.map(str::to_owned)))
    }

    #[test]
    fn without_an_engine_all_else_runs_and_only_ci_or_an_option_asks_for_more() {
        let outcome = |words: &str, ci| not_run(&options(words), Some(&missing(words, ci)), Step::Mysql);
        let incomplete = Some(StepResult::Incomplete("no container engine answers".to_owned()));
        for ci in [None, Some(""), Some("false"), Some("0")] {
            assert!(matches!(outcome("", ci), Some(StepResult::LeftOut(_))), "{ci:?}");
            assert_eq!(outcome("--require-containers", ci), incomplete);
            assert_eq!(outcome("--only mysql", ci), incomplete, "what is named is wanted");
        }
        assert_eq!(outcome("", Some("true")), incomplete);
        assert_eq!(not_run(&options(""), Some(&missing("", Some("true"))), Step::Unit), None);
    }

    #[test]
    fn a_step_is_left_out_by_each_thing_that_it_wants() {
        let left_out = |words: &str| {
            let options = options(words);
            let all = step::plan(&[]).into_iter();
            let steps = all.filter(|&step| not_run(&options, None, step).is_some());
            steps.map(Step::name).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(left_out(""), "");
        assert_eq!(left_out("--without browser"), "browser playground");
        assert_eq!(left_out("--without python --without qemu"), "client python firmware");
        assert_eq!(left_out("--without c --without wasmtime --without node"), "c wasmtime node");
    }

    #[test]
    fn a_compiler_that_is_not_the_minimum_is_told_apart() {
        assert_eq!(
            compiler("rustc 1.95.0 (59 2026)\n", "1.95"),
            "rustc 1.95.0 (59 2026): the minimum Rust version"
        );
        for other in ["rustc 1.950.0", "rustc 1.96.0-nightly (59 2026)", ""] {
            assert!(
                compiler(other, "1.95").contains("NOT the minimum Rust version, which is 1.95"),
                "{other}"
            );
        }
    }

    #[test]
    fn options_that_contradict_each_other_are_refused() {
        assert!(Line::try_parse_from(["test", "--embedded", "--require-containers"]).is_err());
    }
}
