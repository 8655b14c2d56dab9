//! A digest over the files that an image is built from, used as its name. Not for security: whoever can
//! change these files can change the tests.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use anyhow::{Context, Result};

/// Returns every file below the folder: its relative path and its content.
pub(super) fn read(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(current) = folders.pop() {
        for entry in fs::read_dir(&current).with_context(|| format!("cannot read {}", current.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let name = path.strip_prefix(folder)?.display().to_string();
            files.insert(name, bytes);
        }
    }
    Ok(files)
}

/// Returns the digest in a form that fits a tag. The hasher has a fixed key; if a later Rust has another one, the
/// images are built again, nothing else.
pub(super) fn of(parts: &BTreeMap<String, Vec<u8>>) -> String {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(parts: &[(&str, &str)]) -> String {
        let owned = parts.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
        of(&owned.collect())
    }

    #[test]
    fn the_digest_follows_names_and_contents_and_not_their_order() {
        let files = digest(&[("a", "1"), ("b", "2")]);
        assert_eq!(files, digest(&[("b", "2"), ("a", "1")]));
        assert_ne!(files, digest(&[("a", "1"), ("b", "3")]));
        assert_ne!(files, digest(&[("a", "1"), ("c", "2")]));
        assert_ne!(digest(&[("a", "bc")]), digest(&[("ab", "c")]));
    }

    #[test]
    fn files_of_sub_folders_count() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let files = read(&root).unwrap();
        assert!(files.contains_key("main.rs"));
        assert_eq!(files["images/digest.rs"], fs::read(root.join("images/digest.rs")).unwrap());
    }
}
