//! The folder of a log.

use std::{
    fs::{self, DirBuilder, File},
    io,
    path::{Path, PathBuf},
};

use fs4::{FileExt, TryLockError};

/// A folder that one log of one process writes to.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// The operating system unlocks it when the process ends, in whichever way.
    lock: File,
}

// === impl Folder ===

impl Folder {
    /// Opens a folder, which is made if needed. Fails if another log has it open.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path)?;
        let lock = super::open(&path.join("lock"))?;
        // The standard library has the same as of Rust 1.89.
        FileExt::try_lock(&lock).map_err(|error| match error {
            TryLockError::WouldBlock => {
                let problem = "another audit log has the folder open";
                io::Error::new(io::ErrorKind::ResourceBusy, problem)
            }
            TryLockError::Error(error) => error,
        })?;
        Ok(Self {
            path: path.to_owned(),
            lock,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of the file with a number.
    pub(crate) fn file(&self, number: u64) -> PathBuf {
        self.path.join(name(number))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A process that is just being started has a copy of the handle for a moment, which would keep
        // the lock.
        let _ = FileExt::unlock(&self.lock);
    }
}

/// Returns the name of the file with a number.
pub(crate) fn name(number: u64) -> String {
    format!("audit-{number:010}.jsonl")
}

/// Returns the numbers of the files in a folder, in ascending order.
pub(crate) fn list(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?.file_name();
        let digits = entry
            .to_str()
            .and_then(|text| text.strip_prefix("audit-")?.strip_suffix(".jsonl"));
        let number = digits.and_then(|digits| digits.parse::<u64>().ok());
        numbers.extend(number.filter(|&number| *entry == *name(number)));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Writes the names of new and removed files to the disk.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    // A folder cannot be opened as a file elsewhere.
    #[cfg(unix)]
    File::open(path)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}
