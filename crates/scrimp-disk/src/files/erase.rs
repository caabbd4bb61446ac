//! Removing the bytes of selected responses.

use std::{
    fs::{self, File},
    io::{self, Read},
};

use scrimp_cache::{Erased, Erasure};

use super::{
    Files, Name, Seen,
    name::{read_name, shelf},
};

/// Verdict on a file.
enum Found {
    Other,
    Selected,
    Unreadable,
}

// === impl Files ===

impl Files {
    /// Deletes the files with a response that an erasure selects, and those that cannot be read.
    pub(crate) fn erase(&self, erasure: &Erasure) -> io::Result<Erased> {
        // A put that has asked its token before the invalidation holds its lock until its file is there.
        self.locks.iter().for_each(|lock| drop(lock.lock()));
        let mut erased = Erased::default();
        self.each(|name| {
            erased = erased + self.erase_one(name, erasure)?;
            Ok(())
        })?;
        self.codec.forget_unused();
        Ok(erased)
    }

    /// Deletes the files that are of no more use, and returns their number.
    pub(crate) fn sweep(&self) -> io::Result<u64> {
        let mut deleted = 0;
        self.each(|name| {
            let _lock = self.lock(name);
            let about = match fs::metadata(self.path(name)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                about => about?,
            };
            if Seen::of(&about)?.until <= self.clock.wall() {
                self.delete(name)?;
                deleted += 1;
            }
            Ok(())
        })?;
        Ok(deleted)
    }

    /// Visits the names of all files.
    fn each(&self, mut visit: impl FnMut(&Name) -> io::Result<()>) -> io::Result<()> {
        for first in 0..=u8::MAX {
            let files = match fs::read_dir(self.folder.join(shelf(first))) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                files => files?,
            };
            for file in files {
                let text = file?.file_name();
                if let Some(name) = text.to_str().and_then(|text| read_name(first, text)) {
                    visit(&name)?;
                }
            }
        }
        Ok(())
    }

    fn erase_one(&self, name: &Name, erasure: &Erasure) -> io::Result<Erased> {
        let _lock = self.lock(name);
        let erased = match self.find(name, erasure)? {
            Found::Other => return Ok(Erased::default()),
            Found::Selected => Erased::new(1, 0),
            Found::Unreadable => Erased::new(0, 1),
        };
        self.delete(name)?;
        Ok(erased)
    }

    fn find(&self, name: &Name, erasure: &Erasure) -> io::Result<Found> {
        let file = match File::open(self.path(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Other),
            Err(error) => return Err(error),
        };
        if file.metadata()?.len() > self.max_file {
            return Ok(Found::Unreadable);
        }
        let mut bytes = Vec::new();
        file.take(self.max_file).read_to_end(&mut bytes)?;
        Ok(match self.codec.is_selected(&bytes.into(), erasure) {
            Ok(false) => Found::Other,
            Ok(true) => Found::Selected,
            // It may be selected.
            Err(_) => Found::Unreadable,
        })
    }
}
