//! Stored responses as files: the blocking part.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use scrimp::{
    cache::{Codec, Entry, FillToken, PutOutcome, Variants},
    core::{BoxError, Key},
};

use crate::{
    index::{Index, Name},
    private,
};

/// Number of locks, which keep two threads from changing one file at a time.
const LOCKS: usize = 64;

/// A folder with one file per key, which contains all responses under the key.
pub(crate) struct Files {
    folder: PathBuf,
    codec: Codec,
    max_bytes: u64,
    index: Mutex<Index>,
    locks: [Mutex<()>; LOCKS],
    pub(crate) evicted: AtomicU64,
    /// Files that were not stored responses.
    pub(crate) damaged: AtomicU64,
}

// === impl Files ===

impl Files {
    /// Reads the existing files in the folder, which is made if needed.
    pub(crate) fn open(folder: &Path, max_bytes: u64, codec: Codec) -> io::Result<Self> {
        private::folder(folder)?;
        let files = Self {
            folder: folder.to_owned(),
            codec,
            max_bytes,
            index: Mutex::default(),
            locks: [const { Mutex::new(()) }; LOCKS],
            evicted: AtomicU64::new(0),
            damaged: AtomicU64::new(0),
        };
        let mut found = Vec::new();
        for file in fs::read_dir(folder)? {
            let file = file?;
            let text = file.file_name();
            let text = text.to_str().unwrap_or_default();
            if text.ends_with(".new") {
                // The write was not finished when the process ended.
                let _ = fs::remove_file(file.path());
            }
            let Some(name) = name_of(text) else {
                continue;
            };
            let about = file.metadata()?;
            let modified = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            found.push((modified, name, about.len()));
        }
        found.sort_unstable();
        for (_, name, size) in found {
            files.index.lock().insert(name, size);
        }
        files.make_room();
        Ok(files)
    }

    /// Returns the number of files, and of bytes in them.
    pub(crate) fn size(&self) -> (u64, u64) {
        let index = self.index.lock();
        (index.len(), index.bytes())
    }

    pub(crate) fn read(&self, key: &Key) -> io::Result<Option<Variants>> {
        let name = digest(key);
        let bytes = match fs::read(self.path(&name)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.index.lock().forget(&name);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        match self.codec.decode(key.as_ref(), &Bytes::from(bytes)) {
            Ok(variants) => {
                self.index.lock().used(&name);
                Ok(Some(variants))
            }
            Err(error) => {
                tracing::warn!(%error, "a file is not a stored response, and is removed");
                self.damaged.fetch_add(1, Ordering::Relaxed);
                self.delete(&name)?;
                Ok(None)
            }
        }
    }

    /// Adds a response to those under its key, unless it was invalidated meanwhile.
    pub(crate) fn put(
        &self,
        key: &Key,
        entry: &Arc<Entry>,
        token: &FillToken,
    ) -> Result<PutOutcome, BoxError> {
        let _lock = self.lock(key);
        // An unreadable file is replaced.
        let present = self.read(key).ok().flatten().unwrap_or_default();
        if !token.allows(entry) || present.outdates(entry, token) {
            return Ok(PutOutcome::Superseded);
        }
        let bytes = self.codec.encode(key.as_ref(), &present.with(entry))?;
        if bytes.len() as u64 > self.max_bytes {
            return Ok(PutOutcome::Rejected);
        }
        self.write(&digest(key), &bytes)?;
        self.make_room();
        Ok(PutOutcome::Stored)
    }

    pub(crate) fn remove(&self, key: &Key, which: Option<&Arc<Entry>>) -> Result<(), BoxError> {
        let _lock = self.lock(key);
        let name = digest(key);
        let rest = match which {
            Some(which) => self.read(key)?.and_then(|variants| variants.without(which)),
            None => None,
        };
        match rest {
            Some(rest) => self.write(&name, &self.codec.encode(key.as_ref(), &rest)?)?,
            None => self.delete(&name)?,
        }
        Ok(())
    }

    /// Writes a file. Readers see either the old or the new file, and nothing in between.
    fn write(&self, name: &Name, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(name);
        let new = path.with_extension("new");
        let written = private::file(&new)
            .and_then(|mut file| file.write_all(bytes))
            .and_then(|()| fs::rename(&new, &path));
        if let Err(error) = written {
            let _ = fs::remove_file(&new);
            return Err(error);
        }
        self.index.lock().insert(*name, bytes.len() as u64);
        Ok(())
    }

    fn make_room(&self) {
        let gone = self.index.lock().shrink_to(self.max_bytes);
        for name in gone {
            self.evicted.fetch_add(1, Ordering::Relaxed);
            // A remaining file is found again at the next start.
            let _ = fs::remove_file(self.path(&name));
        }
    }

    fn delete(&self, name: &Name) -> io::Result<()> {
        self.index.lock().forget(name);
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn lock(&self, key: &Key) -> MutexGuard<'_, ()> {
        let slot = key.as_ref().hash_value() % LOCKS as u64;
        self.locks[slot as usize].lock()
    }

    pub(crate) fn path(&self, name: &Name) -> PathBuf {
        let mut text = String::with_capacity(2 * name.len());
        for byte in name {
            text.push_str(&format!("{byte:02x}"));
        }
        self.folder.join(text)
    }
}

/// Returns a digest that is equal in every process, unlike the hash of a key.
fn digest(key: &Key) -> Name {
    Codec::name(key.as_ref())
}

/// Returns the name from a file's name.
fn name_of(text: &str) -> Option<Name> {
    let mut name = Name::default();
    if text.len() != 2 * name.len() || !text.is_ascii() {
        return None;
    }
    for (index, byte) in name.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(name)
}
