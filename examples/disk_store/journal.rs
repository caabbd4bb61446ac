//! The log of invalidations in a file.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use parking_lot::Mutex;
use scrimp::{cache::Journal, core::BoxError};

use crate::private;

/// A file that is flushed to disk with every record: invalidations survive even a power failure.
pub(crate) struct FileJournal {
    path: PathBuf,
    open: Mutex<Option<File>>,
}

// === impl FileJournal ===

impl FileJournal {
    pub(crate) fn new(folder: &Path) -> Self {
        Self {
            path: folder.join("journal"),
            open: Mutex::new(None),
        }
    }

    fn opened(&self) -> io::Result<File> {
        OpenOptions::new().append(true).open(&self.path)
    }
}

impl Journal for FileJournal {
    fn read(&self) -> Result<Vec<u8>, BoxError> {
        match fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            result => Ok(result?),
        }
    }

    fn append(&self, record: &[u8]) -> Result<(), BoxError> {
        let mut open = self.open.lock();
        let mut file = match open.take() {
            Some(file) => file,
            None => self.opened()?,
        };
        file.write_all(record)?;
        file.sync_data()?;
        *open = Some(file);
        Ok(())
    }

    fn replace(&self, records: &[u8]) -> Result<(), BoxError> {
        let mut open = self.open.lock();
        *open = None;
        let new = self.path.with_extension("new");
        let mut file = private::file(&new)?;
        file.write_all(records)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        // The new name must reach the disk too.
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}
