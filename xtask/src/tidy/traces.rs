//! Traces of a machine that must not be committed: its package registries and
//! its folders. Also checks the changelog.

use super::{File, Violation};

/// Hosts of package registries, concatenated here so that this file does not contain them. The
/// last one also covers its subdomains.
const HOSTS: [&str; 8] = [
    concat!("py", "pi.org"),
    concat!("python", "hosted.org"),
    concat!("registry.", "npmjs.org"),
    concat!("registry-1.", "docker.io"),
    concat!("proxy.", "golang.org"),
    concat!("deb.", "debian.org"),
    concat!("static.", "rust-lang.org"),
    concat!("crates", ".io"),
];

const FOLDERS: [&str; 2] = [concat!("/wo", "rk/"), concat!("/ho", "me/")];

/// The one registry that the lock file may name.
const LOCK_SOURCE: &str = concat!("registry+https://github.com/rust-lang/crates", ".io-index");

const CHANGELOG: &str = "CHANGELOG.md";

pub(super) fn check(file: &File) -> Vec<Violation> {
    let is_lock = file.path.ends_with("Cargo.lock");
    let mut violations = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let mut add = |what: String| violations.push(Violation::new(&file.path, index + 1, what));
        if is_lock {
            if line.starts_with("source = ") && !line.contains(LOCK_SOURCE) {
                add("names a package from another registry than the usual one: remove it".to_owned());
            }
            continue;
        }
        for host in HOSTS {
            if line.contains(host) {
                add(format!("names the registry {host}: leave that to the machine's configuration"));
            }
        }
        for folder in FOLDERS {
            if names_folder(line, folder) {
                add(format!("names a path of one machine ({folder}): make it relative"));
            }
        }
    }
    violations
}

/// Returns whether the line has a path that starts with this folder, not one that passes through a
/// folder of the same name.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + folder.len()..].chars().next();
        before.is_none_or(|c| c.is_whitespace() || "\"'`(=:<[,|>".contains(c))
            && after.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '.')
    })
}

pub(super) fn check_changelog(files: &[File]) -> Option<Violation> {
    let unreleased = files
        .iter()
        .filter(|file| file.path == CHANGELOG)
        .flat_map(|file| file.text.lines())
        .any(|line| line.starts_with("## ") && line.contains("Unreleased"));
    let what = "has no `## Unreleased` section: add it, with the changes that users see";
    (!unreleased).then(|| Violation::new(CHANGELOG, 1, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn every_registry_host_is_found() {
        for host in HOSTS {
            let text = format!("ok\nsee https://{host}/x\n");
            assert_eq!(check(&file("README.md", &text))[0].line, 2, "{host}");
        }
    }

    #[test]
    fn a_lock_file_names_the_usual_registry_alone() {
        let usual = format!("source = \"{LOCK_SOURCE}\"\n");
        assert_eq!(check(&file("Cargo.lock", &usual)), []);
        let other = "source = \"registry+https://mirror.example/index\"\n";
        assert_eq!(check(&file("Cargo.lock", other)).len(), 1);
    }

    #[test]
    fn a_path_of_one_machine_is_found() {
        for folder in FOLDERS {
            assert!(names_folder(&format!("cd {folder}main"), folder));
            assert!(names_folder(&format!("\"{folder}x\""), folder));
            assert!(!names_folder(&format!("docs{folder}x"), folder));
            assert!(!names_folder(&format!("the folder {folder} itself"), folder));
        }
    }

    #[test]
    fn the_changelog_has_a_section_for_what_comes() {
        assert!(check_changelog(&[]).is_some());
        assert!(check_changelog(&[file(CHANGELOG, "# Changes\n## 0.1.0\n")]).is_some());
        assert!(check_changelog(&[file(CHANGELOG, "## [Unreleased]\n")]).is_none());
    }
}
