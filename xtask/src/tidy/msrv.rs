//! The minimum Rust version: every file that names one names that of the root's manifest, and some files must.

use super::{File, Violation};

/// The words before a version of Rust.
const BEFORE: [&str; 5] = ["rust-version = \"", "Rust version is ", "Rust ", "rust:", "RUSTUP_TOOLCHAIN: \""];

/// The files from which users, containers and CI take the version.
const MUST_NAME: [&str; 6] = [
    "README.md",
    "auth-core/README.md",
    "auth-http/README.md",
    "auth-strength/README.md",
    "Dockerfile",
    ".github/workflows/test.yml",
];

const MANIFEST: &str = "Cargo.toml";
/// It tells history.
const CHANGELOG: &str = "CHANGELOG.md";

pub(super) fn check(files: &[File]) -> Vec<Violation> {
    let manifest = files.iter().find(|file| file.path == MANIFEST);
    let stated = manifest.and_then(|file| versions(&file.text).next());
    let Some((_, stated)) = stated else {
        return vec![Violation::new(MANIFEST, 1, "has no `rust-version`: add it")];
    };
    let mut violations = Vec::new();
    for file in
        files.iter().filter(|file| file.path != CHANGELOG && !file.path.starts_with("xtask/src/tidy/"))
    {
        let wrong = versions(&file.text).filter(|(_, version)| *version != stated);
        violations.extend(wrong.map(|(line, version)| {
            let what = format!("names Rust {version}, but the minimum in {MANIFEST} is {stated}");
            Violation::new(&file.path, line, what)
        }));
    }
    for path in MUST_NAME {
        let file = files.iter().find(|file| file.path == path);
        if file.is_none_or(|file| versions(&file.text).next().is_none()) {
            violations.push(Violation::new(path, 1, format!("must name the minimum Rust version, {stated}")));
        }
    }
    violations
}

/// Returns the versions of Rust that a text names, each with its line.
fn versions(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().flat_map(|(index, line)| {
        let named = BEFORE.iter().flat_map(move |before| line.split(before).skip(1));
        named.filter_map(version).map(move |version| (index + 1, version))
    })
}

/// Returns `1.95` of `1.95-slim` and of `1.95.`
fn version(text: &str) -> Option<&str> {
    let end = text.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(text.len());
    let version = text[..end].trim_end_matches('.');
    version.starts_with("1.").then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<usize> {
        let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
        let named = MUST_NAME.into_iter().filter(|must| *must != path).map(|must| file(must, "Rust 1.95\n"));
        let mut files = vec![file(MANIFEST, "\nrust-version = \"1.95\"\n"), file(path, text)];
        files.extend(named);
        check(&files).iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn every_place_names_the_version_of_the_manifest() {
        for text in ["Rust 1.95 or newer", "The minimum Rust version is 1.95.", "FROM rust:1.95-slim"] {
            assert_eq!(found("README.md", text), [0; 0], "{text}");
            assert_eq!(found("docs/a.md", &format!("\n{}", text.replace("95", "94"))), [2], "{text}");
        }
        assert_eq!(found("a/Cargo.toml", "rust-version = \"1.95.1\""), [1]);
        assert_eq!(found("CHANGELOG.md", "Rust 1.80"), [0; 0]);
    }

    #[test]
    fn a_place_that_must_name_it_does() {
        assert_eq!(found("Dockerfile", "FROM scratch"), [1]);
        assert_eq!(check(&[]).len(), 1);
    }
}
