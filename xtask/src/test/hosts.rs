//! The hosts in `examples/` that are not members of the workspace, each with its own test. What they need is
//! installed here; where that is impossible, the step is incomplete.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};

use super::conversation::registers_a_person;
use super::report::StepResult;
use crate::apt;
use crate::component;
use crate::counts;
use crate::dist;
use crate::shell::{Shell, line, on_path};

/// wasmtime from Rust: its test, the program itself, and what a flow costs.
pub(super) fn wasmtime(shell: &Shell) -> Result<StepResult> {
    let component = component::artefact(shell);
    let cargo = |arguments: &[&str]| wasmtime_cargo(shell, arguments);
    // Not by `cargo run`: without the tests' dependencies it would build everything again.
    let built = shell.target().join("wasmtime-rust/debug");
    let mut program = Command::new(built.join("wasmtime-rust"));
    let mut measure = Command::new(built.join("examples/measure"));
    program.arg(&component);
    measure.arg(&component).args(in_software(shell)?);
    all(shell, [cargo(&["fmt", "--check"]), cargo(&["test", "--locked"]), program, measure])
}

/// Builds the host for `wasmtime`.
pub(super) fn prepare_wasmtime(shell: &Shell) -> Result<()> {
    let mut build = wasmtime_cargo(shell, &["build", "--locked", "--all-targets"]);
    ensure!(shell.run(&mut build)?, "{}", line(&build));
    Ok(())
}

fn wasmtime_cargo(shell: &Shell, arguments: &[&str]) -> Command {
    let mut command = shell.cargo(arguments);
    command.current_dir(shell.root.join("examples/wasmtime-rust"));
    // In the workspace's target folder, so that what takes minutes is built once.
    command.env("CARGO_TARGET_DIR", shell.target().join("wasmtime-rust"));
    command.env("AUTH_COMPONENT", component::artefact(shell));
    command
}

/// Measures a flow natively, without the processor's instructions for SHA-256, as in WebAssembly.
fn in_software(shell: &Shell) -> Result<Option<String>> {
    let mut native =
        shell.cargo(&["run", "--locked", "--quiet", "--release", "-p", "auth-core", "--example", "measure"]);
    counts::in_software(shell, &mut native);
    println!("$ {}", line(&native));
    if shell.dry_run {
        return Ok(None);
    }
    let output = native.stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "{} ended with {}", line(&native), output.status);
    Ok(Some(String::from_utf8(output.stdout)?.trim().to_owned()))
}

/// wasmtime from Python: a virtual environment with its package, and its tests.
pub(super) fn python(shell: &Shell) -> Result<StepResult> {
    let folder = shell.root.join("examples/wasmtime-python");
    let python = match environment(shell, "wasmtime-python", &folder, &[])? {
        Ok(programs) => programs.join("python"),
        Err(advice) => return Ok(StepResult::Incomplete(advice)),
    };
    let mut test = Command::new(&python);
    test.args(["-m", "unittest"]).current_dir(&folder).env("AUTH_COMPONENT", component::artefact(shell));
    all(shell, [test])
}

/// Replays all scripts and runs the host in Node, with the package of `dist` linked as `npm install` links it.
pub(super) fn node(shell: &Shell) -> Result<StepResult> {
    let is_there =
        || shell.succeeds("node", &["-e", "process.exit(+(parseInt(process.versions.node) < 18))"]);
    if let Some(advice) = apt::provide(shell, &["nodejs"], is_there)? {
        return Ok(StepResult::Incomplete(format!("no Node 18 or newer: {advice}")));
    }
    let folder = shell.root.join("examples/node");
    let modules = folder.join("node_modules");
    fs::create_dir_all(&modules)?;
    let mut link = shell.command("ln", &["--symbolic", "--force", "--no-dereference"]);
    link.arg(dist::node_package(shell)).arg(modules.join("auth-core"));
    let node = |arguments: &[&str]| {
        let mut node = Command::new("node");
        node.args(arguments).current_dir(&folder);
        node
    };
    let outcome = all(shell, [link, node(&["--version"]), node(&["--test", "--test-reporter", "dot"])])?;
    if outcome == StepResult::Passed && !shell.dry_run {
        registers_a_person(|arguments| node(&[&["register.js"], arguments].concat()))?;
    }
    Ok(outcome)
}

/// Makes a virtual environment in the target folder with the folder's `requirements.txt`, and these options of pip; returns the folder of its
/// programs, or what to do if that is impossible.
pub(super) fn environment(
    shell: &Shell,
    name: &str,
    folder: &Path,
    options: &[&str],
) -> Result<std::result::Result<PathBuf, String>> {
    if !on_path("python3") && !shell.dry_run {
        return Ok(Err("no python3 on PATH: install Python 3.10 or newer".to_owned()));
    }
    let environment = shell.target().join(name);
    let programs = environment.join("bin");
    let mut make = shell.command("python3", &["-m", "venv"]);
    make.arg(&environment);
    let mut install = Command::new(programs.join("python"));
    install
        .args(["-m", "pip", "install", "--quiet", "--requirement", "requirements.txt"])
        .args(options)
        .current_dir(folder);
    // A failed installation is not a defect of what is tested with it.
    for mut command in [make, install] {
        if !shell.run(&mut command)? {
            let needs = "python3 with venv, 3.10 or newer, and a package index";
            return Ok(Err(format!("{} failed: it needs {needs}", line(&command))));
        }
    }
    Ok(Ok(programs))
}

pub(super) fn all<const N: usize>(shell: &Shell, commands: [Command; N]) -> Result<StepResult> {
    for mut command in commands {
        if !shell.run(&mut command)? {
            return Ok(StepResult::Failed(line(&command)));
        }
    }
    Ok(StepResult::Passed)
}
