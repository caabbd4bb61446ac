//! An opened [`Input`].

use std::{
    cell::Cell,
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Cursor, Read},
    rc::Rc,
};

use super::{Input, packed::Compression};
use crate::error::{Error, Result};

const BUFFER: usize = 1 << 17;
/// Bytes from which compression and JSON arrays are detected.
const HEAD: u64 = 1 << 12;

/// Decompressed text, and the number of bytes read from the file.
pub(crate) struct Source {
    pub(crate) reader: Box<dyn BufRead>,
    /// The input is being decompressed.
    pub(crate) compressed: bool,
    /// Length of the file, if known.
    pub(crate) size: Option<u64>,
    position: Rc<Cell<u64>>,
}

/// Counts the bytes that are read through it.
struct Counted<R> {
    inner: R,
    position: Rc<Cell<u64>>,
}

// === impl Source ===

impl Source {
    pub(crate) fn open(input: Input) -> Result<Self> {
        let name = input.name();
        let (raw, size): (Box<dyn Read>, _) = match input {
            Input::File(path) => {
                let file = File::open(path).map_err(|error| cannot_read(&name, error))?;
                let meta = file.metadata().map_err(|error| cannot_read(&name, error))?;
                if meta.is_dir() {
                    return Err(Error::new(format!("cannot read {name}: it is a directory")));
                }
                // Pipes and devices report zero.
                (Box::new(file), Some(meta.len()).filter(|&size| size > 0))
            }
            Input::Stdin => (Box::new(io::stdin()), None),
            Input::Sample(log) => (Box::new(log), None),
            Input::Bytes(_, bytes) => {
                let size = bytes.len() as u64;
                (Box::new(Cursor::new(bytes)), Some(size))
            }
        };
        let position = Rc::new(Cell::new(0));
        let mut counted = Counted {
            inner: raw,
            position: Rc::clone(&position),
        };
        // The name is not reliable: logs are rotated to `access.log.1` and piped in.
        let mut head = Vec::new();
        let read = counted.by_ref().take(HEAD).read_to_end(&mut head);
        read.map_err(|error| cannot_read(&name, error))?;
        let compression = Compression::of(&head);
        let reader = BufReader::with_capacity(BUFFER, Cursor::new(head).chain(counted));
        let reader: Box<dyn BufRead> = match compression {
            Some(packed) => Box::new(BufReader::with_capacity(BUFFER, packed.reader(reader))),
            None => Box::new(reader),
        };
        Ok(Self {
            reader,
            compressed: compression.is_some(),
            size,
            position,
        })
    }

    /// Returns a view of the number of bytes read from the file.
    pub(crate) fn position(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.position)
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

pub(crate) fn cannot_read(name: &str, error: io::Error) -> Error {
    Error::io(format!("cannot read {name}"), error)
}

// === impl Counted ===

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.position.set(self.position.get() + count as u64);
        Ok(count)
    }
}
