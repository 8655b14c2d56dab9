//! `api`: records the public API of auth-core, or compares it with what was recorded.
//!
//! Hosts are written against it, so no change of it goes by unseen.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use public_api::Builder;

use crate::shell::Shell;
use crate::test::Outcome;

const RECORDED: &str = "auth-core/public-api.txt";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Record the API as it is now
    #[arg(long)]
    record: bool,
}

pub(crate) fn run(shell: &Shell, options: &Options) -> Result<ExitCode> {
    let now = public_api(shell)?;
    if options.record && !shell.dry_run {
        fs::write(shell.root.join(RECORDED), now).with_context(|| format!("cannot write {RECORDED}"))?;
        println!("{RECORDED} is written");
        return Ok(ExitCode::SUCCESS);
    }
    Ok(if is_recorded(shell, &now) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The comparison as a step of the tests.
pub(crate) fn step(shell: &Shell) -> Result<Outcome> {
    let now = public_api(shell)?;
    Ok(if is_recorded(shell, &now) {
        Outcome::Passed
    } else {
        Outcome::Failed("the public API of auth-core is another one: `cargo xtask api --record`".to_owned())
    })
}

/// Returns the API, an item a line, without what is derived or holds for every type.
fn public_api(shell: &Shell) -> Result<String> {
    let folder = shell.target().join("api");
    let mut rustdoc = shell.cargo(&["rustdoc", "--locked", "-p", "auth-core", "--lib", "--features", "wire"]);
    rustdoc.arg("--target-dir").arg(&folder);
    rustdoc.args(["--", "-Zunstable-options", "--output-format", "json"]);
    // The stable rustdoc has the output, behind this.
    rustdoc.env("RUSTC_BOOTSTRAP", "1");
    if !shell.run(&mut rustdoc)? {
        bail!("the documentation of auth-core does not build");
    }
    if shell.dry_run {
        return Ok(String::new());
    }
    let api = Builder::from_rustdoc_json(folder.join("doc/auth_core.json"))
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()?;
    Ok(api.items().map(|item| format!("{item}\n")).collect())
}

/// Says what is new and what is gone.
fn is_recorded(shell: &Shell, now: &str) -> bool {
    let before = fs::read_to_string(shell.root.join(RECORDED)).unwrap_or_default();
    let only = |mark: &str, these: &str, those: &str| {
        let those: Vec<&str> = those.lines().collect();
        these.lines().filter(|line| !those.contains(line)).for_each(|line| println!("{mark} {line}"));
    };
    only("-", &before, now);
    only("+", now, &before);
    now == before || shell.dry_run
}
