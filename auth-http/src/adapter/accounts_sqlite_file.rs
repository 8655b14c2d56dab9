//! The files of a SQLite database: how they are made, who else may read them, and which server has them.
//!
//! SQLite's own locks are POSIX record locks: a process loses all that it has on a file when it closes any
//! descriptor of it. So nothing here opens a database file that is there; the server's lock has a file of its own.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, Permissions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    process,
};

use url::form_urlencoded;

/// Readable and writable for the owner alone.
/// Threat: other users of the machine who read password hashes and addresses, or hold the server's lock.
const OWNER_ALONE: u32 = 0o600;
/// How many symbolic links may lead from one to the next.
const MOST_LINKS: u32 = 16;

/// What a URL says of its file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mode {
    /// The file is made if it is missing.
    pub(super) creates: bool,
    /// Nothing is written.
    pub(super) reads_only: bool,
}

/// Why a database could not be claimed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClaimError {
    /// Another server has it.
    #[error("{0}")]
    Taken(String),
    /// Nobody can have it.
    #[error("{0}")]
    Unusable(String),
}

/// The right to serve a database, which no second server gets while this one has it. The system takes it back
/// when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Claim {
    _lock: File,
}

impl Mode {
    pub(super) fn of(url: &str) -> Self {
        let parameters = url.split_once('?').map_or("", |(_, parameters)| parameters);
        let says = |wanted: &str, values: &[&str]| {
            form_urlencoded::parse(parameters.as_bytes())
                .any(|(key, value)| key == wanted && values.contains(&&*value))
        };
        let reads_only = says("mode", &["ro"]) || says("immutable", &["true", "1"]);
        Self { creates: says("mode", &["rwc"]) && !reads_only, reads_only }
    }
}

/// Makes an empty database file if there is none, 0600 whatever the umask. SQLite gives the same mode to the
/// files that it makes beside it.
pub(super) fn create(path: &Path) -> io::Result<()> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match OpenOptions::new().write(true).create_new(true).mode(OWNER_ALONE).open(&path) {
            Ok(file) => return file.set_permissions(Permissions::from_mode(OWNER_ALONE)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        if path.try_exists()? {
            return Ok(());
        }
        // A link to a file that is not there yet: that one is made.
        let target = fs::read_link(&path)?;
        path = path.parent().unwrap_or(Path::new("")).join(target);
    }
    Err(io::Error::other("too many symbolic links"))
}

/// Returns which of a database's files others than their owner may read or write, with their modes.
pub(super) fn open_to_others(database: &Path) -> Vec<(PathBuf, u32)> {
    let beside = ["", "-wal", "-shm"].map(|suffix| with_suffix(database, suffix));
    let modes = beside.into_iter().filter_map(|path| {
        let mode = fs::metadata(&path).ok()?.permissions().mode() & 0o777;
        Some((path, mode))
    });
    modes.filter(|(_, mode)| mode & 0o077 != 0).collect()
}

impl Claim {
    /// Claims a database, by the path that links and other spellings of it lead to.
    ///
    /// # Errors
    /// Returns which process has it, or why it cannot be claimed, and what to do.
    pub(super) fn take(database: &Path) -> Result<Self, ClaimError> {
        let database = fs::canonicalize(database)
            .map_err(|error| ClaimError::Unusable(format!("{}: {error}", database.display())))?;
        let path = with_suffix(&database, "-lock");
        let unusable = |error: io::Error| {
            ClaimError::Unusable(format!(
                "{} cannot be locked: {error}; a server needs to write into the database's folder, on a file system \
                 with locks",
                path.display()
            ))
        };
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(OWNER_ALONE)
            .open(&path)
            .map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(ClaimError::Taken(format!(
                    "{} serves {} already; stop it first, or give this server a file of its own: several nodes share \
                     MySQL or MariaDB",
                    holder(&mut lock),
                    database.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        // A refused server reports this. It is no reason not to serve: the disk may be full, or the file another
        // user's.
        if let Err(error) = sign(&mut lock) {
            tracing::warn!(%error, "{} does not say who holds it", path.display());
        }
        // Never removed: a server that had opened it before would then lock another file than the next one.
        Ok(Self { _lock: lock })
    }
}

fn sign(lock: &mut File) -> io::Result<()> {
    lock.set_permissions(Permissions::from_mode(OWNER_ALONE))?;
    lock.set_len(0)?;
    lock.write_all(format!("{}\n", process::id()).as_bytes())
}

/// Names the process that holds a lock.
fn holder(lock: &mut File) -> String {
    let mut text = String::new();
    // A process that has just taken it may not have signed it yet.
    let read = lock.rewind().and_then(|()| lock.take(32).read_to_string(&mut text));
    match text.trim().parse::<u32>() {
        Ok(id) if read.is_ok() => format!("another server, process {id},"),
        _ => "another server".to_owned(),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
