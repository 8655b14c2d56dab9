//! The firmware of `examples/cortex-m` under QEMU: replays the scripts, is used as by a person, and its
//! size is measured.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::conversation::Conversation;
use super::report::StepResult;
use crate::apt;
use crate::shell::{Shell, line, on_path};

const FOLDER: &str = "examples/cortex-m";
const QEMU: &str = "qemu-system-arm";
/// The limits, in bytes.
const FLASH: usize = 84 << 10;
const HEAP: usize = 5 << 10;

pub(super) fn run(shell: &Shell) -> Result<StepResult> {
    if let Some(advice) = missing(shell)? {
        return Ok(StepResult::Incomplete(advice));
    }
    for variant in [BARE, REPLAY, WHOLE] {
        let mut build = cargo(shell, "build", variant);
        if !shell.run(&mut build)? {
            return Ok(StepResult::Failed(line(&build)));
        }
    }
    let mut lint = cargo(shell, "clippy", WHOLE);
    lint.args(["--", "-D", "warnings"]);
    if !shell.run(&mut lint)? {
        return Ok(StepResult::Failed(line(&lint)));
    }
    if shell.dry_run {
        return Ok(StepResult::Passed);
    }
    let flash = |variant| -> Result<usize> { number(&part(shell, variant)?.does("flash")?) };
    let core = flash(REPLAY)? - flash(BARE)?;
    ensure!(core <= FLASH, "the core takes {core} bytes of flash, more than {FLASH}");

    let mut part = self::part(shell, WHOLE)?;
    let replayed = part.does("replay")?;
    let heap = number(replayed.split_once("takes ").context("it does not say what a flow takes")?.1)?;
    ensure!(heap <= HEAP, "a flow takes {heap} bytes of heap, more than {HEAP}");
    let mail = part.does("register Ada@example.org correct-horse-battery")?;
    let code = mail.strip_prefix("mail to Ada@example.org: ").context("no mail came")?.to_owned();
    ensure!(part.line()?.starts_with("Ok(Accepted)"), "the registration was not accepted");
    let wrong = format!("{:06}", (number(&code)? + 1) % 1_000_000);
    for (code, told) in [(&wrong, "Ok(Refused)"), (&code, "Ok(Activated("), (&code, "Ok(Activated(")] {
        let answer = part.does(&format!("activate ada@example.org correct-horse-battery {code}"))?;
        ensure!(answer.starts_with(told), "`{told}` was expected, not `{answer}`");
    }
    ensure!(part.does("register ada short")?.starts_with("Err("), "an impossible address was not refused");
    part.ends()?;
    println!("{replayed}");
    println!("flash: {core} of {FLASH} bytes for the core; heap: {heap} of {HEAP} bytes for a flow");
    Ok(StepResult::Passed)
}

/// Builds the firmware for `run`.
pub(super) fn prepare(shell: &Shell) -> Result<()> {
    for variant in [BARE, REPLAY, WHOLE] {
        let mut build = cargo(shell, "build", variant);
        ensure!(shell.run(&mut build)?, "{}", line(&build));
    }
    Ok(())
}

type Variant = &'static [&'static str];
/// The builds: without the core, with the core and the scripts, and with the toy host as well.
const BARE: Variant = &["--no-default-features"];
const REPLAY: Variant = &["--no-default-features", "--features", "replay"];
const WHOLE: Variant = &[];

fn cargo(shell: &Shell, command: &str, variant: Variant) -> Command {
    let mut cargo = shell.cargo(&[command, "--locked", "--release"]);
    cargo.args(variant).current_dir(shell.root.join(FOLDER));
    cargo.env("CARGO_TARGET_DIR", shell.target().join("cortex-m"));
    cargo
}

/// Starts a microcontroller.
fn part(shell: &Shell, variant: Variant) -> Result<Conversation> {
    let mut run = cargo(shell, "run", variant);
    Conversation::start(&mut run)
}

fn number(text: &str) -> Result<usize> {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().with_context(|| format!("{text} does not begin with a number"))
}

/// Installs QEMU if it is missing; returns what to do where that is impossible.
fn missing(shell: &Shell) -> Result<Option<String>> {
    let there = || on_path(QEMU);
    if !there() && on_path("apt-get") {
        // Other parts of QEMU may be installed from backports; they must stay.
        apt::install(shell, &["--no-remove", QEMU])?;
        if !there()
            && !shell.dry_run
            && let Some(sources) = backports(shell)?
        {
            apt::install_from(shell, &sources, &["--no-remove", QEMU])?;
        }
    }
    Ok((!there() && !shell.dry_run).then(|| apt::advice(&[QEMU])))
}

/// Writes a list of sources with the backports of the system's own mirror.
fn backports(shell: &Shell) -> Result<Option<apt::Sources>> {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let sources = fs::read_to_string("/etc/apt/sources.list.d/debian.sources").unwrap_or_default();
    let named = |text: &str, name: &str| {
        text.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
    };
    let (Some(codename), Some(mirror)) = (named(&release, "VERSION_CODENAME="), named(&sources, "URIs:"))
    else {
        return Ok(None);
    };
    let suite = format!("{codename}-backports");
    let file = shell.target().join("backports.list");
    fs::write(&file, format!("deb {mirror} {suite} main\n"))?;
    Ok(Some(apt::Sources { file, suite }))
}
