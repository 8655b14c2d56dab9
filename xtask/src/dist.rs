//! `dist`: writes the artefacts of a release to one folder: the component with its WIT, the C library with its header,
//! the package for JavaScript, licences with the notices of third-party crates, versions and checksums.
//!
//! It uses what the steps `component`, `c` and `playground` build, so the tests compile nothing for it.

use std::fs;
use std::path::{Path, PathBuf, absolute};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;

use crate::c;
use crate::component;
use crate::notices;
use crate::playground;
use crate::shell::{Shell, line};
use crate::test::StepResult;

const SUMS: &str = "SHA256SUMS";
const NOTICES: &str = "THIRD-PARTY-NOTICES.txt";
const LICENSES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];
/// The version of the workspace.
const VERSION: &str = env!("CARGO_PKG_VERSION");

#[derive(clap::Args)]
pub(crate) struct DistArgs {
    /// The folder to write; by default `dist` in the target folder
    #[arg(long)]
    out: Option<PathBuf>,
}

pub(crate) fn run(shell: &Shell, options: &DistArgs) -> Result<ExitCode> {
    component::run(shell, &component::ComponentArgs::default())?;
    let out = options.out.as_deref().map(absolute).transpose()?;
    make(shell, &out.unwrap_or_else(|| folder(shell)))?;
    Ok(ExitCode::SUCCESS)
}

/// Makes the artefacts as a step of the tests, with the component that was built before. The step `node` uses its package.
pub(crate) fn step(shell: &Shell) -> Result<StepResult> {
    make(shell, &folder(shell))?;
    Ok(StepResult::Passed)
}

/// Returns the folder of the package for JavaScript.
pub(crate) fn node_package(shell: &Shell) -> PathBuf {
    folder(shell).join("node")
}

fn folder(shell: &Shell) -> PathBuf {
    shell.target().join("dist")
}

fn make(shell: &Shell, out: &Path) -> Result<()> {
    c::build(shell, false)?;
    playground::build(shell)?;
    if shell.dry_run {
        return Ok(());
    }
    if out.exists() {
        // Only what this command has made is deleted.
        let is_ours = [SUMS, "auth_core.h"].iter().all(|name| out.join(name).is_file());
        let is_ours = is_ours || fs::read_dir(out)?.next().is_none();
        ensure!(is_ours, "{} contains other files: choose another folder", out.display());
        fs::remove_dir_all(out)?;
    }
    copy(&component::artefact(shell), &out.join("auth-core.wasm"))?;
    copy(&shell.root.join(component::WIT), &out.join("auth-core.wit"))?;
    copy(&shell.root.join(c::HEADER.path), &out.join("auth_core.h"))?;
    for library in [c::STATIC, c::SHARED] {
        copy(&c::folder(shell).join(library), &out.join(library))?;
    }
    let modules = playground::modules(shell);
    let package = out.join("node");
    for module in files(&modules)? {
        copy(&modules.join(&module), &package.join(&module))?;
    }
    fs::write(package.join("package.json"), manifest()?)?;
    for license in LICENSES {
        copy(&shell.root.join(license), &out.join(license))?;
        copy(&shell.root.join(license), &package.join(license))?;
    }
    let notices = notices::notices(shell)?;
    for folder in [out, &package] {
        fs::write(folder.join(NOTICES), &notices)?;
    }
    let rustc = shell.ask("rustc", &["--version", "--verbose"])?;
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names its host")?;
    let rustc = rustc.lines().next().unwrap_or_default();
    fs::write(out.join("VERSION"), format!("auth-core {VERSION}\nC library for {host}\n{rustc}\n"))?;
    write_sums(shell, out)
}

/// Writes the checksums of all files, and prints their sizes.
fn write_sums(shell: &Shell, out: &Path) -> Result<()> {
    let names = files(out)?;
    let mut sums = shell.command("sha256sum", &[]);
    let output = sums.args(&names).current_dir(out).output().context("cannot start sha256sum")?;
    if !output.status.success() {
        bail!("{}: {}", line(&sums), String::from_utf8_lossy(&output.stderr));
    }
    fs::write(out.join(SUMS), output.stdout)?;
    println!("{}", out.display());
    for name in names {
        println!("{:>9}  {}", fs::metadata(out.join(&name))?.len(), name.display());
    }
    Ok(())
}

/// Returns the package's manifest: a module without dependencies, with its types beside it.
fn manifest() -> Result<String> {
    let manifest = json!({
        "name": "auth-core",
        "version": VERSION,
        "description": "Accounts as a machine without I/O, made of its WebAssembly component",
        "license": "MIT OR Apache-2.0",
        "type": "module",
        "exports": "./auth-core.js",
        "types": "./auth-core.d.ts",
        "engines": { "node": ">=18" },
    });
    Ok(format!("{}\n", serde_json::to_string_pretty(&manifest)?))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(from, to)
        .map(|_| ())
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

/// Returns the paths of all files below a folder, relative to it and in order.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(below) = folders.pop() {
        let path = folder.join(&below);
        for entry in fs::read_dir(&path).with_context(|| format!("cannot read {}", path.display()))? {
            let entry = entry?;
            let name = below.join(entry.file_name());
            if entry.file_type()?.is_dir() { folders.push(name) } else { found.push(name) }
        }
    }
    found.sort();
    Ok(found)
}
