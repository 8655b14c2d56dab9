//! `component`: builds auth-core as a WebAssembly component, checks it, and prints its size.
//!
//! Hosts are written against the WIT, so a change of it needs another version: the last recorded
//! one is in `auth-component/wit/recorded.wit.txt`.

mod types_once;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use wit_component::{ComponentEncoder, DecodedWasm, WitPrinter};
use wit_parser::Resolve;

use crate::apt;
use crate::shell::{Shell, on_path};
use crate::test::{StepResult, targets};

pub(crate) const WIT: &str = "auth-component/wit/auth-core.wit";
const RECORDED: &str = "auth-component/wit/recorded.wit.txt";
/// The maximum size of the component, in bytes.
const BUDGET: usize = 160_000;
/// Bulk copies, and the four lanes of SHA-256's schedule: faster than a loop, and in WebAssembly 2.0.
const FLAGS: &str = "-C target-feature=+bulk-memory,+simd128";
/// wasm-opt, which makes it a tenth smaller.
const PACKAGES: [&str; 1] = ["binaryen"];
/// What it does. Only the end of the stack is in the lowest kibibyte of memory: a program that needed it would soon
/// overflow the stack anyway.
const SHRINK: [&str; 11] = [
    "--enable-bulk-memory",
    "--enable-simd",
    "--low-memory-unused",
    "--merge-similar-functions",
    "--flatten",
    "--rereloop",
    "-Oz",
    "-Oz",
    "--converge",
    "--reorder-functions",
    "-o",
];

#[derive(clap::Args, Default)]
pub(crate) struct ComponentArgs {
    /// Record the WIT as it is now; needs another version than the recorded one
    #[arg(long)]
    record: bool,
}

pub(crate) fn run(shell: &Shell, options: &ComponentArgs) -> Result<ExitCode> {
    if let Some(advice) = missing(shell)? {
        bail!("wasm-opt is missing: {advice}");
    }
    targets(shell)?;
    build_and_check(shell, options.record)?;
    Ok(ExitCode::SUCCESS)
}

/// Runs the command as a step of the tests.
pub(crate) fn step(shell: &Shell) -> Result<StepResult> {
    if let Some(advice) = missing(shell)? {
        return Ok(StepResult::Incomplete(advice));
    }
    build_and_check(shell, false)?;
    Ok(StepResult::Passed)
}

fn missing(shell: &Shell) -> Result<Option<String>> {
    apt::provide(shell, &PACKAGES, || on_path("wasm-opt"))
}

fn build_and_check(shell: &Shell, record: bool) -> Result<()> {
    let target = shell.target();
    let cargo = |command: &str| {
        let mut cargo = shell.cargo(&[command, "--locked", "-p", "auth-component"]);
        cargo.args(["--profile", "component", "--target", "wasm32v1-none"]);
        cargo.env("RUSTFLAGS", format!("{FLAGS} {}", shell.portable()));
        cargo
    };
    // The other lints find nothing to check on the host's own target.
    let mut lint = cargo("clippy");
    lint.args(["--", "-D", "warnings"]);
    let mut build = cargo("build");
    let built = target.join("wasm32v1-none/component/auth_component.wasm");
    let small = target.join("component/auth_component.small.wasm");
    let mut shrink = shell.command("wasm-opt", &SHRINK);
    shrink.args([&small, &built]);
    if !shell.run(&mut lint)? || !shell.run(&mut build)? || !shell.run(&mut shrink)? {
        bail!("the component does not build");
    }
    if shell.dry_run {
        return Ok(());
    }
    let module = read(&small)?;
    let component =
        ComponentEncoder::default().module(&module)?.validate(true).debug_names(false).encode()?;
    let component = types_once::encode(&component)?;

    let DecodedWasm::Component(resolve, world) = wit_component::decode(&component)? else {
        bail!("the result is not a component");
    };
    let imports = resolve.worlds[world].imports.len();
    ensure!(imports == 0, "the component has {imports} imports, which every host would have to provide");
    check_wit(shell, record)?;
    let artefact = artefact(shell);
    fs::write(&artefact, &component).with_context(|| format!("cannot write {}", artefact.display()))?;
    let (size, core) = (component.len(), module.len());
    println!("{}: {size} bytes of {BUDGET}, no imports; {core} of them the core module", artefact.display());
    ensure!(size <= BUDGET, "the component is {} bytes over its budget", size - BUDGET);
    Ok(())
}

/// Returns the path of the component.
pub(crate) fn artefact(shell: &Shell) -> PathBuf {
    shell.target().join("component/auth-core.wasm")
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Compares the WIT, without its comments, with the recorded one: the same version must mean the same WIT.
fn check_wit(shell: &Shell, record: bool) -> Result<()> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(shell.root.join(WIT))?;
    let name = resolve.packages[package].name.to_string();
    let mut printer = WitPrinter::default();
    printer.emit_docs(false);
    printer.print(&resolve, package, &[])?;
    let now = printer.output.to_string();
    let path = shell.root.join(RECORDED);
    let before = fs::read_to_string(&path).unwrap_or_default();
    if now == before {
        return Ok(());
    }
    if before.contains(&format!("package {name};")) {
        bail!("{WIT} has changed and is still {name}: give it another version, then record it");
    }
    ensure!(record, "{name} is not recorded: run `cargo xtask component --record`");
    fs::write(&path, now).with_context(|| format!("cannot write {RECORDED}"))?;
    println!("{RECORDED} is written: {name}");
    Ok(())
}
