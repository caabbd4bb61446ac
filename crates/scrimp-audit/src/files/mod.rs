//! The files of a log: a folder with one file after the other, in the order of their numbers.

mod folder;
mod tail;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use crate::chain::{Anchor, MAX_LINE, parse};
use folder::sync_folder;
pub(crate) use folder::{Folder, list, name};
use tail::{Tail, read_tail};

/// The files of a log, the last of which is open.
#[derive(Debug)]
pub(crate) struct Files {
    folder: Folder,
    number: u64,
    file: File,
    /// Bytes of whole lines in it.
    length: u64,
    /// Time of its first record, in milliseconds since 1970.
    begun: Option<u64>,
    /// Flag that a part of a line may stand behind the whole ones.
    ragged: bool,
}

/// Files and the head that an earlier process has left.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) last: Anchor,
    /// Kind of the last record.
    pub(crate) kind: String,
    /// Name of the file whose end was cut off, and the number of bytes that were moved beside it.
    pub(crate) torn: Option<(String, u64)>,
}

/// A file that is older than it may be.
#[derive(Debug)]
pub(crate) struct Old {
    pub(crate) path: PathBuf,
    pub(crate) name: String,
    /// Its last record.
    pub(crate) last: Anchor,
}

// === impl Files ===

impl Files {
    /// Opens the folder, and its last file behind the last whole record.
    pub(crate) fn open(path: &Path) -> io::Result<(Self, Left)> {
        let folder = Folder::open(path)?;
        let numbers = list(folder.path())?;
        let number = numbers.last().copied().unwrap_or(1);
        let file = open(&folder.file(number))?;
        sync_folder(folder.path())?;
        let tail = read_tail(&file, MAX_LINE as u64)?;
        let mut files = Self {
            length: tail.end,
            begun: None,
            ragged: false,
            number,
            file,
            folder,
        };
        let torn = files.cut_off(&tail)?;
        let before = || files.last_before(&numbers);
        let (last, kind) = match tail.last {
            Some((last, _, kind)) => (last, kind),
            // A process was killed between making the file and writing to it.
            None => before()?.unwrap_or((Anchor::START, String::new())),
        };
        files.begun = files.first_time(number)?;
        Ok((files, Left { last, kind, torn }))
    }

    /// Moves what stands behind the last whole record into a file beside.
    fn cut_off(&self, tail: &Tail) -> io::Result<Option<(String, u64)>> {
        if tail.torn.is_empty() {
            return Ok(None);
        }
        let name = name(self.number);
        let mut beside = self.folder.path().join(&name).into_os_string();
        beside.push(".torn");
        let mut beside = open(Path::new(&beside))?;
        beside.write_all(&tail.torn)?;
        beside.sync_data()?;
        self.file.set_len(tail.end)?;
        Ok(Some((name, tail.torn.len() as u64)))
    }

    /// Returns the last record of the files before the last one.
    fn last_before(&self, numbers: &[u64]) -> io::Result<Option<(Anchor, String)>> {
        for number in numbers.iter().rev().skip(1) {
            let file = File::open(self.folder.file(*number))?;
            if let Some((last, _, kind)) = read_tail(&file, MAX_LINE as u64)?.last {
                return Ok(Some((last, kind)));
            }
        }
        Ok(None)
    }

    fn first_time(&self, number: u64) -> io::Result<Option<u64>> {
        let mut head = Vec::new();
        let file = File::open(self.folder.file(number))?;
        io::Read::read_to_end(&mut io::Read::take(file, MAX_LINE as u64), &mut head)?;
        let line = head.split(|&byte| byte == b'\n').next();
        Ok(line.and_then(parse).map(|parsed| parsed.time))
    }

    /// Appends whole lines. If it fails, none of them is there.
    pub(crate) fn append(&mut self, lines: &[u8], time: u64) -> io::Result<()> {
        self.mend()?;
        self.ragged = true;
        self.file.write_all(lines)?;
        self.ragged = false;
        self.length += lines.len() as u64;
        self.begun.get_or_insert(time);
        Ok(())
    }

    /// Opens the file anew after a write has failed, and cuts off what it has left: the rest of a line must
    /// not stand in front of the next one.
    fn mend(&mut self) -> io::Result<()> {
        if self.ragged {
            self.file = open(&self.folder.file(self.number))?;
            let length = self.file.metadata()?.len();
            match length > self.length {
                true => self.file.set_len(self.length)?,
                // Another hand has cut it: what is missing is found by its numbers.
                false => self.length = length,
            }
            self.ragged = false;
        }
        Ok(())
    }

    /// Writes everything to the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Reports whether the next records belong into another file.
    pub(crate) fn is_full(&self, max_bytes: u64, max_age: Duration, now: u64) -> bool {
        let age = self.begun.map_or(0, |begun| now.saturating_sub(begun));
        self.length > 0 && (self.length >= max_bytes || u128::from(age) >= max_age.as_millis())
    }

    /// Begins the next file.
    pub(crate) fn rotate(&mut self) -> io::Result<()> {
        self.mend()?;
        self.sync()?;
        let next = open(&self.folder.file(self.number + 1))?;
        sync_folder(self.folder.path())?;
        self.number += 1;
        self.file = next;
        (self.length, self.begun) = (0, None);
        Ok(())
    }

    /// Returns the oldest file, if its last record is from before a time. The file that is written to
    /// is never old.
    pub(crate) fn oldest(&self, before: u64) -> io::Result<Option<Old>> {
        let numbers = list(self.folder.path())?;
        let Some(&number) = numbers.first().filter(|&&number| number < self.number) else {
            return Ok(None);
        };
        let path = self.folder.file(number);
        let tail = read_tail(&File::open(&path)?, MAX_LINE as u64)?;
        let name = name(number);
        Ok(tail
            .last
            .filter(|(_, time, _)| *time < before)
            .map(|(last, ..)| Old { path, name, last }))
    }

    /// Deletes an old file, and what was torn off it.
    pub(crate) fn remove(&self, old: &Old) -> io::Result<()> {
        let mut torn = old.path.clone().into_os_string();
        torn.push(".torn");
        match fs::remove_file(torn) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::remove_file(&old.path)?,
        }
        sync_folder(self.folder.path())
    }
}

/// Opens a file for appending, which only its owner may read.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
