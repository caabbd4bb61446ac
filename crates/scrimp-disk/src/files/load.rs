//! Counting the files that an earlier process has left.

use std::{fs, io, sync::Weak};

use tokio::{runtime::Handle, sync::watch};

use super::{
    Files, Seen,
    name::{read_name, shelf},
};

/// Counts the files in all folders, in a thread of its own. It ends with the store.
///
/// Responses are found by the names of their files, so look-ups do not wait for it. If a folder cannot
/// be read, not all files are known, and look-ups go on asking the disk.
pub(crate) fn load(files: Weak<Files>, counted: watch::Sender<bool>) -> io::Result<()> {
    let runtime = Handle::try_current().ok();
    let count = move || {
        // It goes by the clock of the runtime, which a test may have stopped.
        let _runtime = runtime.as_ref().map(Handle::enter);
        let mut all = true;
        for first in 0..=u8::MAX {
            let Some(files) = files.upgrade() else {
                return;
            };
            // What is counted already is not counted twice.
            if let Err(error) = files.count(first).or_else(|_| files.count(first)) {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "files of a store cannot be counted");
                all = false;
            }
        }
        if let Some(files) = files.upgrade() {
            if all {
                files.index.lock().complete();
            }
            files.make_room(files.max_bytes);
            // A task that waits may drop the store, and open the folder again.
            drop(files);
            counted.send_replace(all);
        }
    };
    let thread = std::thread::Builder::new().name("scrimp-disk".to_owned());
    thread.spawn(count).map(drop)
}

// === impl Files ===

impl Files {
    /// Adds the files whose names begin with a byte to the index, and deletes those that are of no
    /// more use.
    fn count(&self, first: u8) -> io::Result<()> {
        let files = match fs::read_dir(self.folder.join(shelf(first))) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            files => files?,
        };
        for file in files {
            let file = file?;
            let text = file.file_name();
            let Some(name) = text.to_str().and_then(|text| read_name(first, text)) else {
                continue;
            };
            let _lock = self.lock(&name);
            // Others may have deleted or replaced it.
            let Ok(about) = file.metadata() else {
                continue;
            };
            if !about.is_file() {
                continue;
            }
            let seen = Seen::of(&about)?;
            let is_useful = seen.until > self.clock.wall();
            if !(is_useful && self.index.lock().found(name, seen.length)) {
                // One that cannot be deleted is not read.
                let _ = self.delete(&name);
            }
        }
        Ok(())
    }
}
