//! `counts`: the instructions and allocations of auth-core's flows, counted by callgrind and compared with the recorded
//! ones. Other than times, they are the same on a busy machine.
//!
//! SHA-256 is built without the processor's own instructions, so that they are the same on another processor, too.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::apt;
use crate::shell::{Shell, line, on_path};
use crate::test::StepResult;

const RECORDED: &str = "auth-core/counts.txt";
const HEAD: &str = "flow | instructions | allocations | bytes allocated";
/// One of each kind: as the README's host runs it, then those that bytes pass through.
const FLOWS: [&str; 7] = [
    "register",
    "register-new_address",
    "register-active_account",
    "resend-after_the_interval",
    "activate-right_code",
    "activate-codes_refused-1",
    "deliver-accepted",
];
/// The standard library chooses how to copy by the processor. Allocations must be equal.
const TOLERANCE: f64 = 0.01;
/// The rounds that are counted; what a program does once is taken off.
const ROUNDS: u64 = 10;

#[derive(clap::Args)]
pub(crate) struct CountsArgs {
    /// Record what is counted now
    #[arg(long)]
    record: bool,
}

/// Instructions, allocations and bytes allocated of a run of a flow.
type Counts = [u64; 3];

pub(crate) fn run(shell: &Shell, options: &CountsArgs) -> Result<ExitCode> {
    if let Some(advice) = provide(shell)? {
        bail!(advice);
    }
    let counted = count(shell)?;
    if options.record && !shell.dry_run {
        fs::write(shell.root.join(RECORDED), print(&counted)).context(RECORDED)?;
        println!("{RECORDED} is written");
        return Ok(ExitCode::SUCCESS);
    }
    Ok(if holds(shell, &counted)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the comparison as a step of the tests.
pub(crate) fn step(shell: &Shell) -> Result<StepResult> {
    if let Some(advice) = provide(shell)? {
        return Ok(StepResult::Incomplete(advice));
    }
    Ok(match holds(shell, &count(shell)?)? {
        true => StepResult::Passed,
        false => {
            StepResult::Failed(format!("{RECORDED} differs: `cargo xtask counts --record`, after a review"))
        }
    })
}

/// Has cargo build without the processor's instructions for SHA-256, and returns the folder that it builds into.
pub(crate) fn in_software(shell: &Shell, cargo: &mut Command) -> PathBuf {
    let folder = shell.target().join("software");
    cargo.env("RUSTFLAGS", "--cfg sha2_backend=\"soft\"").env("CARGO_TARGET_DIR", &folder);
    folder
}

fn provide(shell: &Shell) -> Result<Option<String>> {
    apt::provide(shell, &["valgrind"], || on_path("valgrind"))
}

fn count(shell: &Shell) -> Result<BTreeMap<String, Counts>> {
    let mut build = shell.cargo(&["build", "--locked", "--release", "-p", "auth-core", "--example", "count"]);
    let folder = in_software(shell, &mut build);
    if !shell.run(&mut build)? {
        bail!("{}", line(&build));
    }
    let mut counted = BTreeMap::new();
    for flow in FLOWS.iter().filter(|_| !shell.dry_run) {
        let (once, _) = callgrind(&folder, flow, 1)?;
        let (more, [allocations, bytes]) = callgrind(&folder, flow, 1 + ROUNDS)?;
        counted.insert((*flow).to_owned(), [(more - once) / ROUNDS, allocations, bytes]);
    }
    Ok(counted)
}

/// Runs the flow so many times; returns the instructions of the whole program, and what the last run allocated.
fn callgrind(folder: &Path, flow: &str, rounds: u64) -> Result<(u64, [u64; 2])> {
    let written = folder.join("callgrind.out");
    let mut command = Command::new("valgrind");
    command
        .args(["--quiet", "--tool=callgrind"])
        .arg(format!("--callgrind-out-file={}", written.display()))
        .arg(folder.join("release/examples/count"))
        .args([flow, &rounds.to_string()]);
    let output = command.stderr(Stdio::inherit()).output().context("valgrind")?;
    ensure!(output.status.success(), "{} ended with {}", line(&command), output.status);
    let text = fs::read_to_string(&written).with_context(|| format!("cannot read {}", written.display()))?;
    let summary = text.lines().find_map(|line| line.strip_prefix("summary: "));
    let instructions = summary.context("callgrind wrote no summary")?.trim().parse()?;
    let said = String::from_utf8(output.stdout)?;
    let (allocations, bytes) = said.trim().split_once(' ').context("the program printed no counts")?;
    Ok((instructions, [allocations.parse()?, bytes.parse()?]))
}

fn print(counted: &BTreeMap<String, Counts>) -> String {
    let row = |(flow, [instructions, allocations, bytes]): (&String, &Counts)| {
        format!("{flow} | {instructions} | {allocations} | {bytes}\n")
    };
    format!("{HEAD}\n") + &counted.iter().map(row).collect::<String>()
}

/// Compares with the recorded counts, and prints each that differs.
fn holds(shell: &Shell, counted: &BTreeMap<String, Counts>) -> Result<bool> {
    let recorded =
        fs::read_to_string(shell.root.join(RECORDED)).with_context(|| format!("cannot read {RECORDED}"))?;
    let changes = if shell.dry_run { Vec::new() } else { changes(&read(&recorded)?, counted) };
    print!("{}", print(counted));
    changes.iter().for_each(|change| println!("{change}"));
    Ok(changes.is_empty())
}

fn read(recorded: &str) -> Result<BTreeMap<String, Counts>> {
    let mut rows = recorded.lines();
    ensure!(rows.next() == Some(HEAD), "{RECORDED}: the first line is `{HEAD}`");
    let row = |line: &str| {
        let mut cells = line.split(" | ");
        let flow = cells.next().unwrap_or_default().to_owned();
        let counts: Vec<u64> =
            cells.map(str::parse).collect::<Result<_, _>>().with_context(|| line.to_owned())?;
        Ok((flow, Counts::try_from(counts).map_err(|_| anyhow::anyhow!("{line}: three numbers"))?))
    };
    rows.map(row).collect()
}

fn changes(before: &BTreeMap<String, Counts>, now: &BTreeMap<String, Counts>) -> Vec<String> {
    let mut changes = Vec::new();
    for flow in before.keys().chain(now.keys().filter(|flow| !before.contains_key(*flow))) {
        let (Some(before), Some(now)) = (before.get(flow), now.get(flow)) else {
            changes.push(format!("{flow}: counted in one of both only"));
            continue;
        };
        for (index, what) in ["instructions", "allocations", "bytes allocated"].iter().enumerate() {
            let (before, now) = (before[index], now[index]);
            let ratio = now as f64 / before as f64;
            let differs = if index == 0 { (ratio - 1.0).abs() > TOLERANCE } else { before != now };
            if differs {
                changes.push(format!("{flow}: {before} {what} before, {now} now: {ratio:.3}"));
            }
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_named() {
        let before = read(&format!("{HEAD}\na | 10000 | 5 | 100\nb | 7 | 1 | 1\n")).unwrap();
        assert_eq!(print(&before), format!("{HEAD}\na | 10000 | 5 | 100\nb | 7 | 1 | 1\n"));
        let now = |counts| BTreeMap::from([("a".to_owned(), counts), ("b".to_owned(), [7, 1, 1])]);
        assert_eq!(changes(&before, &now([10_090, 5, 100])), [""; 0]);
        assert_eq!(
            changes(&before, &now([9_800, 6, 100])),
            ["a: 10000 instructions before, 9800 now: 0.980", "a: 5 allocations before, 6 now: 1.200"],
        );
        assert_eq!(changes(&before, &BTreeMap::from([("a".to_owned(), before["a"])])).len(), 1);
        assert!(read("a | 1\n").is_err() && read(&format!("{HEAD}\na | 1\n")).is_err());
    }
}
