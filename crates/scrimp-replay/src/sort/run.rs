//! Sorted runs on disk, and their merge.
//!
//! A record is a byte string, ordered by its first `P` bytes. Records with equal prefixes keep
//! their order.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::File,
    io::{self, BufReader, BufWriter, Read, Seek, Write},
};

use super::arena::Arena;
use crate::error::{Error, Result};

/// Runs that are merged at once. A full level becomes one run of the next, so a log of any length
/// needs few open files, and each record is written once per level.
const FAN_IN: usize = 64;

/// Sorted runs in temporary files that are deleted with the process.
#[derive(Debug, Default)]
pub(crate) struct Runs<const P: usize> {
    /// A run of level n contains the records of `FAN_IN`ⁿ spills; lower levels came later.
    levels: Vec<Vec<File>>,
}

/// All records of [`Runs`] and an [`Arena`], in order.
#[derive(Debug)]
pub(crate) struct Merge<const P: usize> {
    cursors: Vec<Cursor>,
    heads: BinaryHeap<Reverse<([u8; P], usize)>>,
    /// The cursor whose record was returned last, and must advance.
    used: Option<usize>,
}

#[derive(Debug)]
enum Cursor {
    File {
        file: BufReader<File>,
        head: Vec<u8>,
    },
    Memory {
        arena: Arena,
        next: usize,
    },
}

// === impl Runs ===

impl<const P: usize> Runs<P> {
    /// Writes the sorted records of an arena to disk, and empties it.
    pub(crate) fn spill(&mut self, arena: &mut Arena) -> Result<()> {
        let mut run = RunWriter::new()?;
        for at in 0..arena.len() {
            run.write(arena.record(at))?;
        }
        arena.clear();
        self.push(0, run.finish()?)
    }

    fn push(&mut self, level: usize, run: File) -> Result<()> {
        if self.levels.len() == level {
            self.levels.push(Vec::new());
        }
        self.levels[level].push(run);
        if self.levels[level].len() < FAN_IN {
            return Ok(());
        }
        let mut merge = Merge::<P>::new(std::mem::take(&mut self.levels[level]), None)?;
        let mut run = RunWriter::new()?;
        while let Some(record) = merge.next()? {
            run.write(record)?;
        }
        self.push(level + 1, run.finish()?)
    }

    /// Merges all runs with the rest in memory, which came last.
    pub(crate) fn merge(self, rest: Arena) -> Result<Merge<P>> {
        let files = self.levels.into_iter().rev().flatten().collect();
        Merge::new(files, Some(rest))
    }
}

// === impl Merge ===

impl<const P: usize> Merge<P> {
    fn new(files: Vec<File>, rest: Option<Arena>) -> Result<Self> {
        let files = files.into_iter().map(|file| Cursor::File {
            file: BufReader::with_capacity(1 << 16, file),
            head: Vec::new(),
        });
        let rest = rest.map(|arena| Cursor::Memory { arena, next: 0 });
        let mut merge = Self {
            cursors: files.chain(rest).collect(),
            heads: BinaryHeap::new(),
            used: None,
        };
        for at in 0..merge.cursors.len() {
            merge.advance(at)?;
        }
        Ok(merge)
    }

    /// Returns the next record.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>> {
        if let Some(at) = self.used.take() {
            self.advance(at)?;
        }
        let Some(Reverse((_, at))) = self.heads.pop() else {
            return Ok(None);
        };
        self.used = Some(at);
        Ok(Some(self.cursors[at].head()))
    }

    fn advance(&mut self, at: usize) -> Result<()> {
        let more = self.cursors[at].advance().map_err(disk)?;
        if let Some(key) = self.cursors[at].head().first_chunk::<P>().filter(|_| more) {
            self.heads.push(Reverse((*key, at)));
        }
        Ok(())
    }
}

// === impl Cursor ===

impl Cursor {
    fn head(&self) -> &[u8] {
        match self {
            Self::File { head, .. } => head,
            Self::Memory { arena, next } => match next.checked_sub(1) {
                Some(at) => arena.record(at),
                None => &[],
            },
        }
    }

    /// Moves to the next record, if there is one.
    fn advance(&mut self) -> io::Result<bool> {
        match self {
            Self::Memory { arena, next } => {
                let more = *next < arena.len();
                *next += usize::from(more);
                Ok(more)
            }
            Self::File { file, head } => {
                let mut length = [0; 4];
                match file.read_exact(&mut length) {
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
                    other => other?,
                }
                head.resize(u32::from_le_bytes(length) as usize, 0);
                file.read_exact(head)?;
                Ok(true)
            }
        }
    }
}

// === RunWriter ===

struct RunWriter(BufWriter<File>);

impl RunWriter {
    fn new() -> Result<Self> {
        let file = tempfile::tempfile().map_err(disk)?;
        Ok(Self(BufWriter::with_capacity(1 << 20, file)))
    }

    fn write(&mut self, record: &[u8]) -> Result<()> {
        // A record is one line of a log, which is limited to 1 MiB.
        let length = u32::try_from(record.len()).unwrap_or(u32::MAX);
        self.0.write_all(&length.to_le_bytes()).map_err(disk)?;
        self.0.write_all(record).map_err(disk)
    }

    fn finish(self) -> Result<File> {
        let mut file = self
            .0
            .into_inner()
            .map_err(|error| disk(error.into_error()))?;
        file.rewind().map_err(disk)?;
        Ok(file)
    }
}

fn disk(error: io::Error) -> Error {
    let place = std::env::temp_dir();
    let what = format!(
        "cannot sort the log in a temporary file in {}",
        place.display()
    );
    Error::io(what, error)
}
