//! Work without a place in the order of the steps: container images, and builds with their own target folders.
//!
//! A second process of this program does it at low priority while the steps run, one part after another, and writes a
//! log. It goes on beside tests, which wait for events and not for time. A step waits for the part that it needs. A
//! failure shows in the step itself, which tries again.

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use anyhow::{Context, Result};

use super::{deny, firmware, hosts};
use crate::images;
use crate::playground;
use crate::shell::{Shell, on_path};

/// The parts, in the order in which they are made: that of the steps that need them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Part {
    /// The program that checks licences and sources
    Deny,
    /// The container images of the servers
    Images,
    /// The firmware for the Cortex-M4
    Firmware,
    /// The host of the component in wasmtime
    Wasmtime,
    /// The tool that makes JavaScript of the component
    Playground,
    /// The container image of the server under test
    App,
}

#[derive(clap::Args)]
pub(crate) struct PrepareArgs {
    #[arg(value_enum)]
    parts: Vec<Part>,
}

/// Makes the parts, and prints when each is done. Failures are left to the steps.
pub(crate) fn run(shell: &Shell, options: &PrepareArgs) -> Result<ExitCode> {
    for &part in &options.parts {
        let made = match part {
            Part::Images => images::ensure(shell).map(|_| ()),
            Part::App => images::build_app(shell),
            Part::Deny => deny::prepare(shell),
            Part::Firmware => firmware::prepare(shell),
            Part::Wasmtime => hosts::prepare_wasmtime(shell),
            Part::Playground => playground::prepare(shell),
        };
        if let Err(error) = made {
            eprintln!("{part:?}: {error:#}");
        }
        println!("{OVER}{part:?}");
    }
    Ok(ExitCode::SUCCESS)
}

/// The prefix of the line that says that a part is done.
const OVER: &str = "== over: ";

/// The process that makes the parts; dropping this ends it.
pub(crate) struct Prepared {
    child: Child,
    over: Receiver<String>,
    waits: BTreeSet<Part>,
    log: PathBuf,
}

impl Prepared {
    pub(crate) fn start(shell: &Shell, parts: &BTreeSet<Part>) -> Result<Option<Self>> {
        if parts.is_empty() || shell.dry_run {
            return Ok(None);
        }
        let log = shell.target().join("prepare.log");
        fs::create_dir_all(shell.target())?;
        let this = env::current_exe().context("cannot find this program's own file")?;
        // Tests that run in the meantime come first.
        let mut command = if on_path("nice") { Command::new("nice") } else { Command::new(&this) };
        if on_path("nice") {
            command.args(["-n", "19"]).arg(&this);
        }
        command.arg("prepare").args(parts.iter().map(|part| format!("{part:?}").to_lowercase()));
        command.current_dir(&shell.root).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut written = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        command.stderr(written.try_clone()?);
        let mut child = command.spawn().context("cannot start a second process")?;
        let lines = BufReader::new(child.stdout.take().context("its output")?).lines();
        let (tell, over) = mpsc::channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some(part) = line.strip_prefix(OVER) {
                    // A closed channel means that the receiver has ended.
                    let _ = tell.send(part.to_owned());
                }
                // The log is for a person; it is complete unless the disk is full.
                let _ = writeln!(written, "{line}");
            }
        });
        println!("in the background: {parts:?}, see {}", log.display());
        Ok(Some(Self { child, over, waits: parts.clone(), log }))
    }

    /// Waits until a part is done.
    pub(crate) fn wait(&mut self, part: Part) {
        while self.waits.contains(&part) {
            match self.over.recv() {
                Ok(over) => self.waits.retain(|waits| format!("{waits:?}") != over),
                Err(_) => {
                    println!("the preparation ended early, see {}", self.log.display());
                    self.waits.clear();
                }
            }
        }
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        if !self.waits.is_empty() {
            // It has ended already, or nobody needs what it builds.
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}
