//! The folder of a store, whose files only their owner may read: stored responses may be private.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use fs4::{FileExt, TryLockError};

/// A folder that belongs to one store of one process.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// The operating system unlocks it when the process ends, in whichever way.
    lock: File,
}

// === impl Folder ===

impl Folder {
    /// Opens a folder, which is made if needed. Fails if another store has it open.
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        make(&path)?;
        let lock = file(&path.join("lock"))?;
        // The standard library has the same as of Rust 1.89.
        FileExt::try_lock(&lock).map_err(|error| match error {
            TryLockError::WouldBlock => {
                let problem = "another store has the folder open";
                io::Error::new(io::ErrorKind::ResourceBusy, problem)
            }
            TryLockError::Error(error) => error,
        })?;
        let folder = Self { path, lock };
        empty(&folder.path.join("new"))?;
        Ok(folder)
    }

    /// Returns the path of a file in the folder.
    pub(crate) fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    /// Returns the path of a file that is being written. Such files are deleted when the folder is
    /// opened.
    pub(crate) fn unfinished(&self, number: u64) -> PathBuf {
        let mut path = self.path.join("new");
        path.push(number.to_string());
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A process that is just being started has a copy of the handle for a moment, which would keep
        // the lock.
        let _ = FileExt::unlock(&self.lock);
    }
}

/// Opens an empty file, in place of an existing one.
pub(crate) fn file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes a folder, and those above it, where there is none.
pub(crate) fn make(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Deletes what is in a folder, which is made if needed. A folder that is empty is only read: a disk that is
/// busy with what was written before makes changes wait, and a restart with them.
fn empty(path: &Path) -> io::Result<()> {
    match fs::read_dir(path).map(|mut inside| inside.next().is_none()) {
        Ok(true) => return Ok(()),
        Ok(false) => fs::remove_dir_all(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    make(path)
}
