//! `test`, the one test command: runs the steps in order, each on its own, and closes with
//! one table. What a step does is in `test/`; a failed step never hides a later one, except
//! where the later one needs what it makes.

mod checks;
mod report;
mod server;
mod setup;
mod step;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;

use crate::shell::Shell;
use crate::tidy;
use report::{Outcome, Report};
use step::Step;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run only the tests whose name contains this
    filter: Option<String>,
    /// Leave a part out; without this a missing browser makes the run incomplete
    #[arg(long, value_enum)]
    without: Vec<Part>,
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
    for &step in &plan {
        println!("\n== {}: {}", step.name(), step.about());
        let started = now();
        let outcome = run_step(shell, options, &plan, step, &report);
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
    if let Some(filter) = &options.filter {
        println!("tests narrowed to names that contain `{filter}`");
    }
    Ok(report.exit_code())
}

fn run_step(shell: &Shell, options: &Options, plan: &[Step], step: Step, report: &Report) -> Outcome {
    let without_browser = options.without.contains(&Part::Browser);
    if step == Step::Browser && without_browser {
        return Outcome::LeftOut("--without browser".to_owned());
    }
    if let Some(absent) = report.first_not_passed(step.needs()) {
        return Outcome::Incomplete(format!("needs what `{}` makes", absent.name()));
    }
    let filter = options.filter.as_deref();
    let result = match step {
        Step::Setup => {
            let wants = |other| plan.contains(&other) || options.only.contains(&Step::Setup);
            let browser = wants(Step::Browser) && !without_browser;
            setup::run(shell, wants(Step::Targets), browser)
        }
        Step::Targets => setup::targets_or(shell, |shell| checks::run(shell, step, filter)),
        Step::Browser => setup::browser_or(shell, |shell| checks::run(shell, step, filter)),
        Step::Server => server::build(shell),
        Step::Tidy => tidy::passes(shell).map(|passes| match passes {
            true => Outcome::Passed,
            false => Outcome::Failed("violations, see above".to_owned()),
        }),
        Step::Format | Step::Lint | Step::Unit | Step::Doc | Step::Integration => {
            checks::run(shell, step, filter)
        }
    };
    result.unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")))
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a step took is told to a person; nothing is decided by it"
)]
fn now() -> Instant {
    Instant::now()
}
