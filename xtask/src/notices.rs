//! The notices that `dist` ships: the third-party crates that are linked into its artefacts, with their licence texts.
//! The licences ask for them beside every binary.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::shell::Shell;

/// The packages whose builds are shipped, each with its target; the C library's is the host's own.
const SHIPPED: [(&str, Option<&str>); 2] = [("auth-component", Some("wasm32v1-none")), ("auth-c", None)];
/// How the names of files with licences and notices begin, in capitals; one that ends in `.rs` is a source.
const LICENSE_FILES: [&str; 6] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"];
const RULE: &str = "--------------------------------------------------------------------------------";

struct LinkedCrate {
    /// Name and version.
    id: String,
    /// The licence, as an SPDX expression.
    license: String,
    repository: String,
    /// The names and the contents of its licence files.
    texts: Vec<(String, String)>,
}

/// Returns the text of the notices for all artefacts.
pub(crate) fn notices(shell: &Shell) -> Result<String> {
    Ok(print(&linked(shell, &SHIPPED)?))
}

/// Returns the third-party crates whose code is in the builds of these packages, in order.
fn linked(shell: &Shell, packages: &[(&str, Option<&str>)]) -> Result<Vec<LinkedCrate>> {
    let rustc = shell.ask("rustc", &["--version", "--verbose"])?;
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names its host")?;
    let mut metadata = vec!["metadata", "--locked", "--format-version", "1"];
    let mut ids = BTreeSet::new();
    for (package, target) in packages {
        let target = target.unwrap_or(host);
        metadata.extend(["--filter-platform", target]);
        // Procedural macros run in the compiler; nothing of them is in the build.
        let tree =
            ["tree", "--locked", "--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}"];
        let tree = shell.ask("cargo", &[&tree[..], &["--package", package, "--target", target]].concat())?;
        ids.extend(tree.lines().filter_map(|line| {
            let (name, version) = line.split_once(" v")?;
            Some(format!("{name} {}", version.split(' ').next()?))
        }));
    }
    let metadata: Value = serde_json::from_str(&shell.ask("cargo", &metadata)?)?;
    let known = metadata["packages"].as_array().context("cargo metadata lists packages")?;
    let text = |package: &Value, key: &str| package[key].as_str().unwrap_or_default().to_owned();
    let known: BTreeMap<String, &Value> = known
        .iter()
        .map(|package| (format!("{} {}", text(package, "name"), text(package, "version")), package))
        .collect();
    let mut crates = Vec::new();
    for id in ids {
        let package = known.get(&id).with_context(|| format!("cargo metadata does not list {id}"))?;
        // The workspace's own crates come without a source.
        if package["source"].is_null() {
            continue;
        }
        let manifest = text(package, "manifest_path");
        let folder = Path::new(&manifest).parent().context("a manifest is in a folder")?;
        let (license, repository) = (text(package, "license"), text(package, "repository"));
        crates.push(LinkedCrate { texts: license_texts(&id, &license, folder)?, id, license, repository });
    }
    Ok(crates)
}

/// Returns the names and contents of a crate's licence files.
fn license_texts(id: &str, license: &str, folder: &Path) -> Result<Vec<(String, String)>> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_license = LICENSE_FILES.iter().any(|beginning| name.to_uppercase().starts_with(beginning));
        if is_license && path.is_file() && path.extension().is_none_or(|extension| extension != "rs") {
            let text =
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            texts.push((name, text));
        }
    }
    ensure!(
        !texts.is_empty(),
        "{id} ({license}) is linked into the artefacts and has no licence file in its package: \
         its licence cannot be shipped, so replace the crate or ask its authors for the file"
    );
    texts.sort();
    Ok(texts)
}

/// Returns the list of the crates, and after it each text once, under the crates that have it.
fn print(crates: &[LinkedCrate]) -> String {
    let mut printed = "The artefacts contain code of these crates, and of Rust's standard library \
                       (MIT OR Apache-2.0,\nhttps://github.com/rust-lang/rust). The texts of the crates' \
                       licences follow the list.\n\n"
        .to_owned();
    let mut holders: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for linked in crates {
        let LinkedCrate { id, license, repository, texts } = linked;
        printed += &format!("{id}\n    licence: {license}\n    repository: {repository}\n");
        for (name, text) in texts {
            holders.entry(text.trim()).or_default().push(format!("{id}: {name}"));
        }
    }
    for (text, holders) in holders {
        printed += &format!("\n{RULE}\n{}\n{RULE}\n\n{text}\n", holders.join("\n"));
    }
    printed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_component_ships_the_licences_of_what_is_linked_into_it_and_no_more() {
        let shell = Shell::new(true).unwrap();
        let crates = linked(&shell, &SHIPPED[..1]).unwrap();
        let names: Vec<&str> = crates.iter().filter_map(|linked| linked.id.split(' ').next()).collect();
        for name in ["postcard", "serde_core", "sha2", "talc"] {
            assert!(names.contains(&name), "{name} is missing in {names:?}");
        }
        for name in ["auth-core", "serde_derive", "syn", "idna"] {
            assert!(!names.contains(&name), "{name} is not linked");
        }
        let postcard = crates.iter().find(|linked| linked.id.starts_with("postcard ")).unwrap();
        assert_eq!(postcard.license, "MIT OR Apache-2.0");
        let printed = print(&crates);
        for linked in &crates {
            for (_, text) in &linked.texts {
                assert!(printed.contains(text.trim()), "{}", linked.id);
            }
        }
        assert!(printed.contains("Permission is hereby granted, free of charge"));
        let cargo = Path::new(&shell.root).display().to_string();
        assert!(!printed.contains(&cargo), "a path of this machine");
    }

    #[test]
    fn a_crate_without_a_licence_file_is_refused_by_name() {
        let folder = Shell::new(true).unwrap().root.join("xtask/src/tidy");
        let error = license_texts("example 1.0.0", "MIT", &folder).unwrap_err().to_string();
        assert!(error.starts_with("example 1.0.0 (MIT) is linked"), "{error}");
    }
}
