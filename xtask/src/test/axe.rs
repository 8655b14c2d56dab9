//! axe-core, which looks at the pages in the browser: downloaded into the target folder, and given to the tests by its
//! path.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use super::hosts::environment;
use crate::shell::Shell;

const NAME: &str = "axe";
/// What names the package that carries it, without what that package would need to drive a browser itself.
const FOLDER: &str = "tests/tests/browser";

/// Downloads it where it is missing; returns what to do if that is impossible.
pub(super) fn install(shell: &Shell) -> Result<Option<String>> {
    if path(shell).is_some() {
        return Ok(None);
    }
    Ok(environment(shell, NAME, &shell.root.join(FOLDER), &["--no-deps"])?.err())
}

/// Returns where it is, if it is there.
pub(super) fn path(shell: &Shell) -> Option<PathBuf> {
    let libraries = fs::read_dir(shell.target().join(NAME).join("lib")).ok()?;
    let scripts = libraries
        .flatten()
        .map(|python| python.path().join("site-packages/axe_playwright_python/axe.min.js"));
    scripts.into_iter().find(|script| script.exists())
}
