//! Traces of one machine that must not be committed: where it fetches packages from and
//! where its folders are. Also whether the change log is kept.

use super::{File, Violation};

/// Hosts of package registries, put together here so that this file does not hold them. The
/// last covers the hosts below it too.
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
                add("a package from elsewhere than the usual registry: remove it".to_owned());
            }
            continue;
        }
        for host in HOSTS {
            if line.contains(host) {
                add(format!("names the registry {host}: leave that to the machine"));
            }
        }
        for folder in FOLDERS {
            if names_folder(line, folder) {
                add(format!("a path of one machine ({folder}): make it relative"));
            }
        }
    }
    violations
}

/// Whether the line has a path that starts with this folder, not one that passes through a
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
    let what = "has no `## Unreleased` section: add it, with what users will see";
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
    fn the_change_log_has_a_section_for_what_comes() {
        assert!(check_changelog(&[]).is_some());
        assert!(check_changelog(&[file(CHANGELOG, "# Changes\n## 0.1.0\n")]).is_some());
        assert!(check_changelog(&[file(CHANGELOG, "## [Unreleased]\n")]).is_none());
    }
}
