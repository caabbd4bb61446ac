//! Stored responses as files: the blocking part.
//!
//! A file holds all responses under a key, as the codec encodes them. Its name is a digest of the
//! key, so a look-up needs no index; the index knows what to remove. The time of its last
//! modification is the time at which it is of no more use.

mod erase;
mod index;
mod load;
mod name;
mod room;

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use parking_lot::{Mutex, MutexGuard};
use scrimp_cache::{Codec, DecodeError, Entry, FillToken, PutOutcome, StoreStats, Variants};
use scrimp_core::{BoxError, Clock, Counter, Key};
use tokio::sync::watch;

use crate::folder::{self, Folder};
use index::Index;
pub(crate) use index::Name;
pub(crate) use load::load;
pub(crate) use name::name;
use name::{hex, shelf};
pub(crate) use room::is_full;

/// Number of locks, which keep two threads from changing one file at a time.
const LOCKS: usize = 64;

/// Number of largest bodies that the variants of a response may have together: a look-up reads them
/// all.
const BODIES: u64 = 4;

/// Room for what a file holds beside bodies.
const BESIDE: u64 = 1 << 20;

/// Time that a response is stored beyond its usefulness if it has a validator: one that is not
/// modified costs the upstream no body.
const FOR_VALIDATION: Duration = Duration::from_secs(60);

/// A folder with one file per key.
#[derive(Debug)]
pub(crate) struct Files {
    folder: Folder,
    codec: Codec,
    clock: Clock,
    max_bytes: u64,
    /// Length of the largest file.
    max_file: u64,
    max_lifetime: Duration,
    index: Mutex<Index>,
    locks: [Mutex<()>; LOCKS],
    /// Number of files that were begun.
    begun: AtomicU64,
    pub(crate) counts: Counts,
    /// Tells that the folder is free: it is dropped after that.
    open: watch::Sender<()>,
}

/// Counts of what became of files.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) found: Counter,
    pub(crate) missing: Counter,
    pub(crate) damaged: Counter,
    pub(crate) outdated: Counter,
    pub(crate) disk_full: Counter,
    evicted: Counter,
}

/// Result of reading a file.
enum Content {
    /// The responses, and the time at which the file is of no more use.
    Stored(Variants, SystemTime),
    /// Responses that cannot be used now, and perhaps later.
    Unusable,
    /// A file that can never be used.
    Useless(Seen),
    Missing,
}

/// Marks that tell a file from one that takes its place.
#[derive(PartialEq, Eq)]
struct Seen {
    until: SystemTime,
    length: u64,
}

// === impl Files ===

impl Files {
    pub(crate) fn new(
        folder: Folder,
        codec: Codec,
        clock: Clock,
        max_bytes: u64,
        max_body: u64,
        max_lifetime: Duration,
    ) -> Self {
        Self {
            folder,
            codec: codec.max_body(max_body),
            clock,
            max_bytes,
            max_file: max_bytes.min(max_body.saturating_mul(BODIES).saturating_add(BESIDE)),
            max_lifetime,
            index: Mutex::default(),
            locks: [const { Mutex::new(()) }; LOCKS],
            begun: AtomicU64::new(0),
            counts: Counts::default(),
            open: watch::Sender::new(()),
        }
    }

    /// Returns what ends once the folder is free for another store.
    pub(crate) fn open(&self) -> watch::Receiver<()> {
        self.open.subscribe()
    }

    /// Fills in the numbers that the index knows.
    pub(crate) fn measure(&self, stats: &mut StoreStats) {
        let index = self.index.lock();
        (stats.entries, stats.bytes) = (index.len(), index.bytes());
        stats.peak_bytes = index.peak_bytes();
        stats.evicted = self.counts.evicted.get();
    }

    /// Reports whether responses may be stored under a key.
    pub(crate) fn may_hold(&self, name: &Name) -> bool {
        self.index.lock().may_hold(name)
    }

    /// Makes what is stored under a key missing. [`delete_removed`](Self::delete_removed) deletes it.
    pub(crate) fn mark_removed(&self, name: &Name) {
        self.index.lock().remove(name);
    }

    /// Reads the responses stored under a key.
    pub(crate) fn get(&self, key: &Key) -> io::Result<Option<Variants>> {
        let name = name(key.as_ref());
        match self.read(key, &name)? {
            Content::Stored(variants, _) => {
                self.index.lock().used(&name);
                self.counts.found.increment();
                return Ok(Some(variants));
            }
            Content::Unusable => {}
            Content::Useless(seen) => self.discard(&name, Some(&seen))?,
            Content::Missing => self.discard(&name, None)?,
        }
        self.counts.missing.increment();
        Ok(None)
    }

    /// Adds a response to those under its key, unless it was invalidated meanwhile.
    pub(crate) fn put(
        &self,
        key: &Key,
        entry: &Arc<Entry>,
        token: &FillToken,
    ) -> Result<PutOutcome, BoxError> {
        let Some(end) = self.end(entry, token) else {
            return Ok(PutOutcome::Rejected);
        };
        let name = name(key.as_ref());
        let _lock = self.lock(&name);
        let (present, until) = match self.may_hold(&name).then(|| self.read(key, &name)) {
            Some(Ok(Content::Stored(variants, until))) => (variants, until),
            // An unreadable file is replaced.
            _ => (Variants::default(), end),
        };
        if !token.allows(entry) || present.outdates(entry, token) {
            return Ok(PutOutcome::Superseded);
        }
        let mut all = present.with(entry);
        let mut bytes = self.codec.encode(key.as_ref(), &all)?;
        if bytes.len() as u64 > self.max_file {
            all = Variants::default().with(entry);
            bytes = self.codec.encode(key.as_ref(), &all)?;
        }
        let until = match all.iter().nth(1) {
            Some(_) => until.max(end),
            None => end,
        };
        let written = match self.takes(bytes.len() as u64) {
            true => self.write(&name, &bytes, until),
            false => Err(io::ErrorKind::FileTooLarge.into()),
        };
        match written {
            Ok(()) => {
                self.make_room(self.max_bytes);
                Ok(PutOutcome::Stored)
            }
            Err(error) => {
                // The response that it replaces must not stay in its place.
                if present
                    .iter()
                    .any(|other| other.selection() == entry.selection())
                {
                    self.index.lock().remove(&name);
                    self.delete(&name)?;
                }
                match is_full(&error) || error.kind() == io::ErrorKind::FileTooLarge {
                    true => Ok(PutOutcome::Rejected),
                    false => Err(error.into()),
                }
            }
        }
    }

    /// Deletes what is stored under a key, if it was [marked](Self::mark_removed) and not replaced
    /// since.
    pub(crate) fn delete_removed(&self, key: &Key) -> io::Result<()> {
        let name = name(key.as_ref());
        let _lock = self.lock(&name);
        match self.index.lock().is_removed(&name) {
            true => {}
            false => return Ok(()),
        }
        self.delete(&name)
    }

    /// Removes one of the responses under a key.
    pub(crate) fn remove_one(&self, key: &Key, which: &Arc<Entry>) -> Result<(), BoxError> {
        let name = name(key.as_ref());
        let _lock = self.lock(&name);
        let Content::Stored(variants, until) = self.read(key, &name)? else {
            return Ok(());
        };
        match variants.without(which) {
            Some(rest) if rest.iter().count() == variants.iter().count() => Ok(()),
            Some(rest) => {
                let bytes = self.codec.encode(key.as_ref(), &rest)?;
                let written = self.write(&name, &bytes, until);
                written.or_else(|_| self.delete(&name)).map_err(Into::into)
            }
            None => Ok(self.delete(&name)?),
        }
    }

    fn read(&self, key: &Key, name: &Name) -> io::Result<Content> {
        let file = match File::open(self.path(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Content::Missing),
            Err(error) => return Err(error),
        };
        let seen = Seen::of(&file.metadata()?)?;
        if seen.until <= self.clock.wall() || seen.length > self.max_file {
            return Ok(Content::Useless(seen));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(seen.length).unwrap_or_default());
        file.take(seen.length).read_to_end(&mut bytes)?;
        Ok(match self.codec.decode(key.as_ref(), &bytes.into()) {
            Ok(variants) => Content::Stored(variants, seen.until),
            Err(DecodeError::Outdated) => {
                self.counts.outdated.increment();
                Content::Unusable
            }
            Err(
                error @ (DecodeError::Foreign
                | DecodeError::Corrupt
                | DecodeError::Damaged(_)
                | DecodeError::OtherKey),
            ) => {
                tracing::warn!(%error, "a file is not a stored response, and is deleted");
                self.counts.damaged.increment();
                Content::Useless(seen)
            }
            // It may be readable again with other keys, settings, or another time of the clock.
            Err(error) => {
                tracing::debug!(%error, "a stored response is not read");
                Content::Unusable
            }
        })
    }

    /// Writes a file. Readers see either the old or the new one, and nothing in between. If the disk
    /// is full, others make room for it.
    fn write(&self, name: &Name, bytes: &[u8], until: SystemTime) -> io::Result<()> {
        match self.try_write(name, bytes, until) {
            Err(error) if is_full(&error) => {
                self.give_room(bytes.len() as u64);
                self.try_write(name, bytes, until)
            }
            result => result,
        }
    }

    fn try_write(&self, name: &Name, bytes: &[u8], until: SystemTime) -> io::Result<()> {
        let new = self.folder.unfinished(self.begun.fetch_add(1, Relaxed));
        let written = folder::file(&new).and_then(|mut file| {
            file.write_all(bytes)?;
            file.set_modified(until)
        });
        if let Err(error) = written.and_then(|()| self.place(&new, name)) {
            let _ = fs::remove_file(&new);
            return Err(error);
        }
        // This comes second: a file that the index does not know would never be deleted.
        self.index.lock().written(*name, bytes.len() as u64);
        Ok(())
    }

    fn place(&self, new: &PathBuf, name: &Name) -> io::Result<()> {
        let path = self.path(name);
        match fs::rename(new, &path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                folder::make(&self.folder.join(shelf(name[0])))?;
                fs::rename(new, &path)
            }
            result => result,
        }
    }

    /// Deletes a file that cannot be used, unless another has taken its place. `None` if it is
    /// missing.
    fn discard(&self, name: &Name, seen: Option<&Seen>) -> io::Result<()> {
        let _lock = self.lock(name);
        let now = match fs::metadata(self.path(name)) {
            Ok(about) => Some(Seen::of(&about)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        match now {
            None => self.index.lock().forget(name),
            Some(now) if Some(&now) == seen => self.delete(name)?,
            Some(_) => {}
        }
        Ok(())
    }

    fn delete(&self, name: &Name) -> io::Result<()> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                // It is not read any more.
                self.index.lock().remove(name);
                return Err(error);
            }
            _ => self.index.lock().forget(name),
        }
        Ok(())
    }

    /// Returns the time at which a response is of no more use. `None` if it is now.
    fn end(&self, entry: &Entry, token: &FillToken) -> Option<SystemTime> {
        let policy = entry.policy();
        let useful = policy.useful_for(self.clock.instant());
        let extra = match policy.has_validator() {
            true => FOR_VALIDATION,
            false => Duration::ZERO,
        };
        let most = token.keep_for().unwrap_or(Duration::MAX);
        let most = most.min(self.max_lifetime);
        let life = useful
            .unwrap_or(Duration::MAX)
            .saturating_add(extra)
            .min(most);
        let end = self.clock.wall().checked_add(life);
        end.filter(|_| !life.is_zero())
    }

    fn lock(&self, name: &Name) -> MutexGuard<'_, ()> {
        self.locks[usize::from(name[1]) % LOCKS].lock()
    }

    fn path(&self, name: &Name) -> PathBuf {
        let mut path = self.folder.join(shelf(name[0]));
        path.push(hex(&name[1..]));
        path
    }
}

// === impl Seen ===

impl Seen {
    fn of(about: &fs::Metadata) -> io::Result<Self> {
        Ok(Self {
            until: about.modified()?,
            length: about.len(),
        })
    }
}
