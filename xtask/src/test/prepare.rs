//! What needs no place in the order of the steps: container images, and the builds with target folders of their own.
//!
//! A second process of this program makes it at low priority while the steps run, one part after another, and writes to
//! a log. The first step that wants a part, or whose tests depend on time, waits for all of them; what went wrong shows in
//! the step itself, which tries again.

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

/// In the order in which they are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Part {
    /// The container images of the servers
    Images,
    /// The container image of the server under test
    App,
    /// The program that checks licences and sources
    Deny,
    /// The firmware for the Cortex-M4
    Firmware,
    /// The host of the component in wasmtime
    Wasmtime,
    /// The tool that makes JavaScript of the component
    Playground,
}

#[derive(clap::Args)]
pub(crate) struct Options {
    #[arg(value_enum)]
    parts: Vec<Part>,
}

/// Makes the parts, and says of each when it is over. Failures are for the steps.
pub(crate) fn run(shell: &Shell, options: &Options) -> Result<ExitCode> {
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

/// What a line begins with that says that a part is over.
const OVER: &str = "== over: ";

/// The process that makes the parts; it ends with this.
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
        // Tests that run meanwhile come first.
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
                    // Whoever does not listen any more has ended.
                    let _ = tell.send(part.to_owned());
                }
                // The log is for a person, and is complete where the disk is not full.
                let _ = writeln!(written, "{line}");
            }
        });
        println!("in the background: {parts:?}, see {}", log.display());
        Ok(Some(Self { child, over, waits: parts.clone(), log }))
    }

    /// Waits until every part is over.
    pub(crate) fn wait(&mut self) {
        while !self.waits.is_empty() {
            match self.over.recv() {
                Ok(over) => self.waits.retain(|waits| format!("{waits:?}") != over),
                Err(_) => {
                    println!("what was prepared ended early, see {}", self.log.display());
                    self.waits.clear();
                }
            }
        }
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        if !self.waits.is_empty() {
            // It has ended already, or what it builds nobody wants.
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}
