//! The reference of all keys, docs/configuration.md: `cargo xtask config` writes it.

use super::keys::{KEYS, Key};

const INTRODUCTION: &str = "\
# Configuration

This page is generated from `auth-http/src/config/keys.rs` by `cargo xtask config`.

A value comes from a flag, else from an environment variable, else from a TOML file (`--config`, or `auth.toml` in the
working directory), else from the profile, else it is the default.
The names follow one rule: the variable `AUTH_CODE_LENGTH` is the flag `--code-length` and the key `code_length`.
An empty value counts as not set.
`auth-http serve --print-config` shows every value and where it comes from.

An unknown flag or key is an error that names the nearest one, and so is a variable that looks like a typing error.
Variables of Kubernetes' service links are ignored; any other unknown `AUTH_…` is a warning.
Switches take on/off, true/false, yes/no and 1/0 in any case.

";

/// Returns the reference, in Markdown.
pub(crate) fn reference() -> String {
    let rows: String = KEYS.iter().map(row).collect();
    format!("{INTRODUCTION}| variable | default | meaning |\n|---|---|---|\n{rows}")
}

fn row(key: &Key) -> String {
    let variable = key.variable();
    let default = key.default.map_or("not set".to_owned(), |value| format!("`{value}`"));
    let profile = key.seed_compat.map(|value| format!(", in seed-compat `{value}`")).unwrap_or_default();
    let file = key.secret.then(|| format!("`{variable}_FILE` names a file with the value."));
    let details = [format!("{}.", key.meaning), key.details.to_owned(), file.unwrap_or_default()];
    let details: Vec<String> = details.into_iter().filter(|text| !text.is_empty()).collect();
    format!("| `{variable}` | {default}{profile} | {} |\n", details.join(" "))
}
