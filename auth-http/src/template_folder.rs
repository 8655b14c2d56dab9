//! Folders of an operator's templates, for mails and for pages.

use std::{fs, io, path::Path};

/// Why a folder cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The folder itself.
    #[error("the template folder {0} cannot be read: {1}")]
    Folder(String, io::Error),
    /// One of its files.
    #[error("the template {0} cannot be read: {1}; it must be a file in UTF-8")]
    File(String, io::Error),
}

/// Returns the files of a folder by their names in lower case, but for those that editors leave.
///
/// # Errors
/// [`FolderError`] says what cannot be read, and why.
pub(crate) fn read(folder: &Path) -> Result<Vec<(String, String)>, FolderError> {
    let unreadable = |error| FolderError::Folder(folder.display().to_string(), error);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        // Languages are told apart without case (RFC 5646 section 2.1.1), and so are their files.
        let name = entry.file_name().to_string_lossy().to_lowercase();
        if is_left_by_an_editor(&name) {
            continue;
        }
        let source = fs::read_to_string(entry.path())
            .map_err(|error| FolderError::File(entry.path().display().to_string(), error))?;
        // Some editors write a byte order mark before UTF-8; in a template it would be text.
        let source = source.strip_prefix('\u{feff}').unwrap_or(&source);
        files.push((name, source.to_owned()));
    }
    Ok(files)
}

/// Returns whether editors or file managers leave files of this name: hidden files (also those that Kubernetes
/// mounts a ConfigMap by), `x~` (Emacs, Vim, nano), `#x#` (Emacs), `x.swp` and its like (Vim).
fn is_left_by_an_editor(name: &str) -> bool {
    let saved = name.starts_with('#') && name.ends_with('#');
    let swapped = [".swp", ".swo", ".swx"].iter().any(|end| name.ends_with(end));
    name.starts_with('.') || name.ends_with('~') || saved || swapped
}
