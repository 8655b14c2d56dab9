//! `bench`: how fast the server is on this machine, side by side with what limits it. `soak`: whether it stays so while
//! one thing after another fails.
//!
//! They build server and load with optimisation; the tests' `bench` and `soak` start everything. This file makes the table, writes the figures, and compares them with earlier ones: on a shared machine only ratios of one run count.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::images;
use crate::shell::{Shell, line};

#[derive(clap::Args)]
pub(crate) struct BenchArgs {
    /// Where accounts are stored; sqlite needs no container engine
    #[arg(long, value_parser = ["mariadb", "mysql", "sqlite"], default_value = "mariadb")]
    store: String,
    /// What to measure: `closed` loops for throughput, an `open` one for latency, the default hash and `/livez` beside it,
    /// whose `sessions` they are, `logins` with wrong passwords at addresses of each state, the limits to compare with, and
    /// OWASP's settings of `scrypt`
    #[arg(long, value_delimiter = ',', value_parser = ["limits", "closed", "open", "hashing", "sessions", "logins", "scrypt"],
          default_value = "limits,closed,open,hashing,sessions")]
    part: Vec<String>,
    /// How long each measurement registers
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// How often each measurement is repeated
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    repetitions: u32,
    /// Accounts that are stored before a closed loop begins, in MariaDB or MySQL
    #[arg(long, default_value_t = 0)]
    stored: u64,
    /// Mails that wait in the outbox meanwhile, in MariaDB or MySQL
    #[arg(long, default_value_t = 0)]
    backlog: u64,
    /// Registrations per second of the open loop
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// Connections of the closed loops, each with one request at a time
    #[arg(long, value_delimiter = ',', default_value = "1,8,64", value_parser = clap::value_parser!(u32).range(1..=1000))]
    connections: Vec<u32>,
    /// Write the figures to this file
    #[arg(long)]
    json: Option<PathBuf>,
    /// Print ratios to the figures in this file, which --json has written
    #[arg(long)]
    compare: Option<PathBuf>,
}

#[derive(clap::Args)]
pub(crate) struct SoakArgs {
    /// Where accounts are stored; sqlite needs no container engine
    #[arg(long, value_parser = ["mariadb", "mysql", "sqlite"], default_value = "mariadb")]
    store: String,
    /// How long people keep coming
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    minutes: u32,
    /// How many people come at a time
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=500))]
    people: u32,
}

/// The limits that a figure, by the end of its name, is printed beside.
const LIMITS: [(&str, &str); 5] = [
    ("sessions_per_second", "bare_answers_per_second"),
    ("registered_per_second", "bare_commits_per_second"),
    ("mailed_per_second", "bare_mails_per_second"),
    ("activated_per_second", "bare_commits_per_second"),
    ("hashed_registrations_per_second", "bare_hashes_per_second"),
];

/// Figures by name: connections and what was measured.
type Figures = BTreeMap<String, Vec<f64>>;

pub(crate) fn run(shell: &Shell, options: &BenchArgs) -> Result<ExitCode> {
    if options.store == "sqlite" && options.stored + options.backlog > 0 {
        bail!("--stored and --backlog fill MariaDB or MySQL: leave --store sqlite out");
    }
    let earlier: Option<Figures> = options.compare.as_ref().map(read).transpose()?;
    let mut bench = built(shell, "bench", &options.store)?;
    for (variable, number) in [("AUTH_BENCH_STORED", options.stored), ("AUTH_BENCH_BACKLOG", options.backlog)]
    {
        bench.env(variable, number.to_string());
    }
    bench
        .args([&options.part.join(","), &options.store])
        .args([options.seconds, options.repetitions, options.rate].iter().map(u32::to_string))
        .args(options.connections.iter().map(u32::to_string));
    println!("$ {}", line(&bench));
    if shell.dry_run {
        return Ok(ExitCode::SUCCESS);
    }
    let output = bench.stderr(Stdio::inherit()).output().context("cannot start the measurements")?;
    let said = String::from_utf8(output.stdout)?;
    if !output.status.success() {
        bail!("the measurements ended early, after:\n{said}");
    }
    let figures = figures(&said)?;
    print!("{}", table(&figures, earlier.as_ref()));
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&figures)?;
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn soak(shell: &Shell, options: &SoakArgs) -> Result<ExitCode> {
    let mut soak = built(shell, "soak", &options.store)?;
    soak.arg(&options.store).args([60 * options.minutes, options.people].map(|number| number.to_string()));
    Ok(if shell.run(&mut soak)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds server and load with optimisation; returns the command that measures, with what it needs.
fn built(shell: &Shell, binary: &str, store: &str) -> Result<Command> {
    let mut builds = [
        shell.cargo(&["build", "--locked", "--release", "-p", "auth-http"]),
        shell.cargo(&["build", "--locked", "--workspace", "--bin", binary]),
        shell.cargo(&["build", "--locked", "--release", "-p", "auth-load"]),
    ];
    for build in &mut builds {
        if !shell.run(build)? {
            bail!("{}", line(build));
        }
    }
    let mut command = shell.command(&shell.built.join(binary).to_string_lossy(), &[]);
    command
        .env("AUTH_HTTP_BIN", shell.target().join("release/auth-http"))
        .env("AUTH_BENCH_LOAD", shell.target().join("release/auth-load"));
    if store != "sqlite" {
        command.envs(images::ensure(shell)?);
    }
    Ok(command)
}

fn read(path: &PathBuf) -> Result<Figures> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{}: not written by --json", path.display()))
}

/// Collects what the lines say, each a measurement.
fn figures(said: &str) -> Result<Figures> {
    let mut figures = Figures::new();
    for line in said.lines() {
        let measured: BTreeMap<String, Value> =
            serde_json::from_str(line).with_context(|| line.to_owned())?;
        let connections = measured.get("connections").and_then(Value::as_u64);
        let place = connections.map_or_else(String::new, |connections| format!("c={connections:>4} "));
        let mut add = |name: String, value: &Value| {
            let value = value.as_f64().with_context(|| format!("{name} is no number"))?;
            figures.entry(name).or_default().push(value);
            anyhow::Ok(())
        };
        for (name, value) in measured.iter().filter(|(name, _)| *name != "connections") {
            match value.as_array() {
                // Of server, database and Redis, as far as they are processes of their own.
                Some(parts) => {
                    for (part, value) in ["server", "database", "redis"].iter().zip(parts) {
                        add(format!("{place}{name} {part}"), value)?;
                    }
                }
                None => add(format!("{place}{name}"), value)?,
            }
        }
    }
    Ok(figures)
}

/// Returns the least, the middle and the greatest of each figure, and the ratios of the middle to its limit and to an
/// earlier one.
fn table(figures: &Figures, earlier: Option<&Figures>) -> String {
    let mut table = format!("{:44} {:>10} {:>10} {:>10}\n", "", "min", "median", "max");
    for (name, values) in figures {
        let [least, middle, greatest] = summary(values);
        table += &format!("{name:44} {least:10.2} {middle:10.2} {greatest:10.2}");
        let limit = LIMITS.iter().find(|(figure, _)| name.ends_with(figure)).map(|(_, limit)| *limit);
        if let Some((limit, values)) = limit.and_then(|limit| figures.get_key_value(limit)) {
            table += &format!("   {:.2} of {limit}", middle / summary(values)[1]);
        }
        if let Some(before) = earlier.and_then(|earlier| earlier.get(name)) {
            table += &format!("   {:.2} x {:.2}", middle / summary(before)[1], summary(before)[1]);
        }
        table.push('\n');
    }
    table
}

fn summary(values: &[f64]) -> [f64; 3] {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    let last = values.len().saturating_sub(1);
    [at(0), f64::midpoint(at(last / 2), at(last.div_ceil(2))), at(last)]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = r#"{"bare_commits_per_second": 100.0}
{"connections": 8, "mails_lost": 0, "cpu_ms_per_registration": [1.0, 2.0]}
{"connections": 8, "mails_lost": 2, "cpu_ms_per_registration": [3.0, 4.0]}
{"connections": 8, "mails_lost": 1, "registered_per_second": 25.0, "cpu_ms_per_registration": [5.0, 6.0]}"#;

    #[test]
    fn figures_are_collected_by_name_and_compared_by_their_medians() {
        let figures = figures(SAID).unwrap();
        assert_eq!(figures["c=   8 mails_lost"], [0.0, 2.0, 1.0]);
        assert_eq!(figures["c=   8 cpu_ms_per_registration database"], [2.0, 4.0, 6.0]);
        assert_eq!(summary(&figures["c=   8 mails_lost"]), [0.0, 1.0, 2.0]);
        assert_eq!(summary(&[4.0, 1.0]), [1.0, 2.5, 4.0]);
        let earlier = Figures::from([("bare_commits_per_second".to_owned(), vec![50.0])]);
        let table = table(&figures, Some(&earlier));
        assert!(
            table.lines().any(|line| line.starts_with("bare") && line.ends_with("2.00 x 50.00")),
            "{table}"
        );
        assert!(table.contains("0.25 of bare_commits_per_second"), "{table}");
        assert!(!table.contains("NaN"), "{table}");
    }

    #[test]
    fn what_is_no_measurement_is_an_error() {
        assert!(figures("warning: something").is_err());
    }
}
