//! The image's build needs the manifest of every member of the workspace: the Dockerfile copies it, and
//! `.dockerignore` lets it through.

use super::{File, Violation};

const MANIFEST: &str = "Cargo.toml";
const DOCKERFILE: &str = "Dockerfile";
const IGNORED: &str = ".dockerignore";

pub(super) fn check(files: &[File]) -> Vec<Violation> {
    let text = |path| files.iter().find(|file| file.path == path).map_or("", |file| &file.text);
    let has_line = |path, line: &str| text(path).lines().any(|found| found == line);
    let members = members(text(MANIFEST));
    if members.is_empty() {
        return vec![Violation::new(MANIFEST, 1, "has no line `members = [\"…\"]`")];
    }
    let mut violations = Vec::new();
    for member in members {
        let copy = format!("COPY {member}/Cargo.toml {member}/");
        if !has_line(DOCKERFILE, &copy) {
            violations.push(Violation::new(DOCKERFILE, 1, format!("lacks the line `{copy}`: add it")));
        }
        let manifest = format!("{member}/Cargo.toml");
        let mut parts =
            manifest.match_indices('/').map(|(end, _)| &manifest[..end]).chain([manifest.as_str()]);
        if !parts.any(|path| has_line(IGNORED, &format!("!{path}"))) {
            violations.push(Violation::new(IGNORED, 1, format!("lacks the line `!{manifest}`: add it")));
        }
    }
    violations
}

/// Returns the paths in `members = ["a", "b"]`.
fn members(manifest: &str) -> Vec<&str> {
    let line = manifest.lines().find_map(|line| line.strip_prefix("members = ["));
    line.into_iter().flat_map(|line| line.split('"').skip(1).step_by(2)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(ignored: &str, dockerfile: &str) -> Vec<String> {
        let files = [
            (MANIFEST, "[workspace]\nmembers = [\"a\", \"a/b\"]\n"),
            (IGNORED, ignored),
            (DOCKERFILE, dockerfile),
        ];
        let files = files.map(|(path, text)| File { path: path.to_owned(), text: text.to_owned() });
        check(&files).into_iter().map(|violation| format!("{}: {}", violation.path, violation.what)).collect()
    }

    #[test]
    fn every_member_reaches_the_build() {
        let copies = "COPY a/Cargo.toml a/\nCOPY a/b/Cargo.toml a/b/\n";
        for ignored in ["*\n!a", "!a/Cargo.toml\n!a/b", "!a/Cargo.toml\n!a/b/Cargo.toml"] {
            assert!(found(ignored, copies).is_empty(), "{ignored}");
        }
        assert_eq!(
            found("*\n!a/Cargo.toml", "COPY a/Cargo.toml a/"),
            [
                "Dockerfile: lacks the line `COPY a/b/Cargo.toml a/b/`: add it",
                ".dockerignore: lacks the line `!a/b/Cargo.toml`: add it",
            ],
        );
        assert_eq!(check(&[]).len(), 1);
    }
}
