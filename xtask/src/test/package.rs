//! The packages that a release uploads: their files, their size, and that they build on their own.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use super::report::StepResult;
use crate::shell::{Shell, line};

/// The published crates in the order of their dependencies, and the maximum size of each in bytes, compressed.
const PACKAGES: [(&str, u64); 3] =
    [("auth-core", 115_000), ("auth-strength", 35_000), ("auth-http", 290_000)];

/// The paths that a package may contain, besides what cargo adds itself.
const FOLDERS: [&str; 4] = ["src/", "examples/", "assets/", "migrations/"];
const REQUIRED: [&str; 3] = ["LICENSE-APACHE", "LICENSE-MIT", "README.md"];
const BY_CARGO: [&str; 4] = [".cargo_vcs_info.json", "Cargo.lock", "Cargo.toml", "Cargo.toml.orig"];
/// Records and pictures for readers of the repository.
const EXTENSIONS_TO_KEEP_OUT: [&str; 3] = ["json", "png", "svg"];

pub(super) fn run(shell: &Shell) -> Result<StepResult> {
    let mut wrong = package(shell)?;
    let unpacked = shell.target().join("unpacked");
    if !shell.dry_run {
        if unpacked.exists() {
            fs::remove_dir_all(&unpacked)?;
        }
        fs::create_dir_all(&unpacked)?;
    }
    for (name, most) in PACKAGES {
        let archive = shell.target().join("package").join(format!("{}.crate", folder(name)));
        let archive_path = archive.to_string_lossy();
        let mut unpack = shell.command("tar", &["-xzmf", &archive_path, "-C"]);
        if !shell.run(unpack.arg(&unpacked))? {
            bail!("{}", line(&unpack));
        }
        if shell.dry_run {
            continue;
        }
        let bytes = fs::metadata(&archive)?.len();
        let listed = shell.ask("tar", &["-tzf", &archive_path])?;
        let root = format!("{}/", folder(name));
        let files: Vec<&str> = listed.lines().filter_map(|file| file.strip_prefix(&root)).collect();
        println!("{name}: {} files, {bytes} of {most} bytes\n    {}", files.len(), files.join("\n    "));
        wrong.extend(out_of_place(name, &files));
        if bytes > most {
            wrong.push(format!("{name} has {bytes} bytes, more than {most}"));
        }
    }
    if !check(shell, &unpacked)? {
        wrong.push("the unpacked packages do not build".to_owned());
    }
    Ok(if wrong.is_empty() { StepResult::Passed } else { StepResult::Failed(wrong.join("; ")) })
}

/// Makes the packages; returns cargo's warnings.
fn package(shell: &Shell) -> Result<Vec<String>> {
    // Cargo's own check would build every dependency again, without the workspace's profiles: `check` does less.
    let mut package = shell.cargo(&["package", "--locked", "--allow-dirty", "--no-verify"]);
    package.args(PACKAGES.iter().flat_map(|(name, _)| ["-p", name]));
    println!("$ {}", line(&package));
    if shell.dry_run {
        return Ok(Vec::new());
    }
    let output = package.stdout(Stdio::inherit()).output().context("cannot start cargo")?;
    let said = String::from_utf8_lossy(&output.stderr);
    eprint!("{said}");
    if !output.status.success() {
        bail!("{}", line(&package));
    }
    Ok(warnings(&said))
}

/// Returns the warnings without those about tests and examples, which are left out on purpose.
fn warnings(said: &str) -> Vec<String> {
    let left_out = |line: &str| {
        let rest = line.strip_prefix("warning: ignoring ");
        rest.is_some_and(|rest| rest.starts_with("test ") || rest.starts_with("example "))
            && line.ends_with("in the published package")
    };
    let warnings = said.lines().filter(|line| line.starts_with("warning:") && !left_out(line));
    warnings.map(str::to_owned).collect()
}

/// Returns the files that must not be in a package, and those that are missing.
fn out_of_place(name: &str, files: &[&str]) -> Vec<String> {
    let belongs = |file: &str| {
        let kept_out = EXTENSIONS_TO_KEEP_OUT.iter().any(|kind| file.ends_with(&format!(".{kind}")));
        let in_folder = FOLDERS.iter().any(|folder| file.starts_with(folder)) && !kept_out;
        in_folder || REQUIRED.contains(&file) || BY_CARGO.contains(&file)
    };
    let extra = files.iter().filter(|file| !belongs(file)).map(|file| format!("{name} must not have {file}"));
    let missing = REQUIRED.iter().filter(|file| !files.contains(file));
    extra.chain(missing.map(|file| format!("{name} has no {file}"))).collect()
}

/// Checks the unpacked packages as a workspace of their own, with the profiles and the target folder of this one, so
/// that nothing is compiled again that `lint` has compiled.
fn check(shell: &Shell, unpacked: &Path) -> Result<bool> {
    // The check is offline, so that it cannot use a published version instead of the unpacked one.
    if !shell.run(&mut shell.cargo(&["fetch", "--locked", "--target", "host-tuple"]))? {
        bail!("the dependencies cannot be fetched");
    }
    let mut check = shell.cargo(&["check", "--offline", "--workspace", "--all-targets"]);
    check.current_dir(unpacked).env("CARGO_TARGET_DIR", shell.target());
    if !shell.dry_run {
        let root = fs::read_to_string(shell.root.join("Cargo.toml"))?;
        fs::write(unpacked.join("Cargo.toml"), manifest(&root))?;
        fs::copy(shell.root.join("Cargo.lock"), unpacked.join("Cargo.lock"))?;
    }
    shell.run(&mut check)
}

/// Returns the manifest of a workspace of the unpacked packages; its profiles are the end of the root's.
fn manifest(root: &str) -> String {
    let folders = PACKAGES.map(|(name, _)| format!("{:?}", folder(name))).join(", ");
    let patches = PACKAGES.map(|(name, _)| format!("{name} = {{ path = {:?} }}\n", folder(name))).concat();
    let profiles = root.find("[profile.").map_or("", |at| &root[at..]);
    format!(
        "[workspace]\nresolver = \"3\"\nmembers = [{folders}]\n\n[patch.crates-io]\n{patches}\n{profiles}"
    )
}

/// Returns the name of a package's folder. All crates of the workspace have one version.
fn folder(name: &str) -> String {
    format!("{name}-{}", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_test_or_an_example_that_is_left_out_is_no_warning() {
        let said = "   Packaging a v0.1.0\n\
            warning: ignoring test `flows` as `tests/flows/main.rs` is not included in the published package\n\
            warning: ignoring example `count` as `examples/count.rs` is not included in the published package\n\
            warning: manifest has no description\n    Packaged 3 files\n";
        assert_eq!(warnings(said), ["warning: manifest has no description"]);
    }

    #[test]
    fn scripts_pictures_tests_and_records_are_out_of_place() {
        let fine =
            ["Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", "README.md", "src/lib.rs", "assets/a.html"];
        assert_eq!(out_of_place("a", &fine), [""; 0]);
        for file in ["scripts/1.json", "src/1.json", "docs/a.md", "src/a.png", "tests/a.rs", "public-api.txt"]
        {
            let files: Vec<&str> = fine.into_iter().chain([file]).collect();
            assert_eq!(out_of_place("a", &files), [format!("a must not have {file}")]);
        }
        assert_eq!(out_of_place("a", &fine[..3]), ["a has no README.md"]);
    }

    #[test]
    fn the_published_crates_are_the_ones_that_may_be() {
        let shell = Shell::new(true).unwrap();
        let manifests = shell.ask("git", &["ls-files", "Cargo.toml", "*/Cargo.toml"]).unwrap();
        let mut published: Vec<String> = manifests
            .lines()
            .filter(|path| {
                let text = fs::read_to_string(shell.root.join(path)).unwrap();
                text.contains("[package]") && !text.contains("publish = false")
            })
            .map(|path| path.trim_end_matches("/Cargo.toml").to_owned())
            .collect();
        published.sort();
        let mut packages = PACKAGES.map(|(name, _)| name);
        packages.sort_unstable();
        assert_eq!(published, packages);
    }
}
