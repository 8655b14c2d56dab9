//! `test`, the one test command: runs the steps in order, each on its own, and closes with
//! one table. What a step does is in `test/`; a failed step never hides a later one, except
//! where the later one needs what it makes.

mod checks;
mod client;
mod conversation;
mod firmware;
mod hosts;
pub(crate) mod prepare;
mod report;
mod server;
mod setup;
mod stack;
mod step;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;

use crate::api;
use crate::c;
use crate::component;
use crate::dist;
use crate::images;
use crate::panics;
use crate::playground;
use crate::shell::Shell;
use crate::tidy;
pub(crate) use conversation::registers_a_person;
use prepare::Prepared;
pub(crate) use report::Outcome;
use report::Report;
pub(crate) use setup::targets;
use stack::Servers;
use step::Step;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run only the tests whose name contains this
    filter: Option<String>,
    /// Leave a part out; without this a missing browser makes the run incomplete
    #[arg(long, value_enum)]
    without: Vec<Part>,
    /// Leave out all that needs a container engine
    #[arg(long)]
    embedded: bool,
    /// Run only this step and those that it needs; may be repeated
    #[arg(long, value_enum)]
    only: Vec<Step>,
    /// Print the steps and end
    #[arg(long)]
    list: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    Browser,
    Wasmtime,
    Python,
    Node,
    Qemu,
    C,
}

pub(crate) fn run(shell: &Shell, options: &Options) -> Result<ExitCode> {
    let plan = step::plan(&options.only);
    if options.list {
        for step in plan {
            println!("{:12} {}", step.name(), step.about());
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut report = Report::default();
    // What an engine is needed for is told before anything else takes its time.
    let engine = images::engine(shell);
    if let Some(advice) =
        engine.as_ref().filter(|_| !options.embedded && plan.iter().any(|s| s.wants_engine()))
    {
        println!("{advice}");
    }
    let mut servers = None;
    let mut prepared = None;
    for &step in &plan {
        println!("\n== {}: {}", step.name(), step.about());
        let started = now();
        if prepared.is_none() && step != Step::Setup {
            let left_out = |step: Step| {
                step.wants_engine() && (options.embedded || engine.is_some())
                    || part_left_out(options, step).is_some()
            };
            let wanted = plan.iter().filter(|step| !left_out(**step)).filter_map(|step| step.prepared());
            prepared = Some(Prepared::start(shell, &wanted.collect())?);
        }
        if let Some(Some(prepared)) = &mut prepared
            && (step.prepared().is_some() || step.depends_on_time())
        {
            prepared.wait();
        }
        let outcome = match &engine {
            _ if step.wants_engine() && options.embedded => Outcome::LeftOut("--embedded".to_owned()),
            Some(advice) if step.wants_engine() && !shell.dry_run => Outcome::Incomplete(advice.clone()),
            _ => run_step(shell, options, &plan, step, &report, &mut servers),
        };
        let seconds = started.elapsed().as_secs_f64();
        if !shell.dry_run {
            println!("== {}: {outcome}, {seconds:.1} s", step.name());
        }
        report.add(step, outcome, seconds);
    }
    if shell.dry_run {
        println!("\ndry run: nothing was run");
    } else {
        print!("{report}");
    }
    if let Some(versions) = servers.as_ref().map(Servers::versions) {
        println!("servers: {versions}");
    }
    if let Some(filter) = &options.filter {
        println!("tests narrowed to names that contain `{filter}`");
    }
    Ok(report.exit_code())
}

fn run_step(
    shell: &Shell,
    options: &Options,
    plan: &[Step],
    step: Step,
    report: &Report,
    servers: &mut Option<Servers>,
) -> Outcome {
    let without = |part| options.without.contains(&part);
    if let Some(option) = part_left_out(options, step) {
        return Outcome::LeftOut(option.to_owned());
    }
    if let Some(absent) = report.first_not_passed(step.needs()) {
        return Outcome::Incomplete(format!("needs what `{}` makes", absent.name()));
    }
    let filter = options.filter.as_deref();
    let result = match step {
        Step::Setup => {
            let wants = |other| plan.contains(&other) || options.only.contains(&Step::Setup);
            let browser = [Step::Browser, Step::Playground].into_iter().any(wants) && !without(Part::Browser);
            setup::run(
                shell,
                [Step::Targets, Step::Panics, Step::Component, Step::Firmware].into_iter().any(wants),
                browser,
            )
        }
        Step::Targets => setup::targets_or(shell, |shell| checks::run(shell, step, filter, servers.as_ref())),
        Step::Browser => setup::browser_or(shell, |shell| checks::run(shell, step, filter, servers.as_ref())),
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
        Step::Panics => setup::targets_or(shell, panics::step),
        Step::Server => server::build(shell),
        Step::Servers => Servers::start(shell).map(|started| {
            *servers = Some(started);
            Outcome::Passed
        }),
        Step::Tidy => tidy::passes(shell).map(|passes| match passes {
            true => Outcome::Passed,
            false => Outcome::Failed("violations, see above".to_owned()),
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
    result.unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")))
}

/// The option that leaves a step out, if it was given.
fn part_left_out(options: &Options, step: Step) -> Option<&'static str> {
    let parts = [
        (Step::Browser, Part::Browser, "--without browser"),
        (Step::Playground, Part::Browser, "--without browser"),
        (Step::Wasmtime, Part::Wasmtime, "--without wasmtime"),
        (Step::Python, Part::Python, "--without python"),
        (Step::Client, Part::Python, "--without python"),
        (Step::Node, Part::Node, "--without node"),
        (Step::Firmware, Part::Qemu, "--without qemu"),
        (Step::C, Part::C, "--without c"),
    ];
    let given = |(of, part, _): &(Step, Part, &str)| *of == step && options.without.contains(part);
    parts.into_iter().find(given).map(|(_, _, option)| option)
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a step took is told to a person; nothing is decided by it"
)]
fn now() -> Instant {
    Instant::now()
}
