//! The log of invalidations in a file.
//!
//! | bytes | |
//! |---|---|
//! | 4 | `SCRJ` |
//! | 1 | flag that each record was flushed to the disk before it counted |
//! | 36 | identifier of the boot of the machine; zeros if it has none |
//! | … | the records, each with its length, in 4 bytes, and the CRC-32 of these, in 4 bytes, in front |

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::PathBuf,
    sync::{
        Arc, Weak,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use parking_lot::Mutex;
use scrimp_cache::Journal;
use scrimp_core::BoxError;

use crate::{
    files::{Files, is_full},
    folder,
};

const MAGIC: &[u8; 4] = b"SCRJ";

/// Length of the identifier of a boot.
const BOOT: usize = 36;

/// Length of the head of the file.
const HEAD: usize = MAGIC.len() + 1 + BOOT;

/// Length in front of each record.
const FRAME: usize = 8;

/// Room that is made on a full disk for further records.
const ROOM: u64 = 256 << 10;

/// Longest time that a caller waits for a record to be kept. A request waits meanwhile, and all others
/// that invalidate something.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// A file with the invalidations of what is stored. A thread of its own writes it, so that a disk that
/// has stopped is a failure of the journal and stops no request.
#[derive(Debug)]
pub(crate) struct FileJournal {
    file: Arc<JournalFile>,
    /// Room for one change besides the one in progress: after one that was not kept in time, the
    /// journal is emptied.
    changes: SyncSender<Change>,
}

/// A change to the file.
struct Change {
    bytes: Vec<u8>,
    /// Flag that the bytes replace all records.
    replaces: bool,
    done: SyncSender<Result<(), BoxError>>,
}

/// The blocking part.
#[derive(Debug)]
struct JournalFile {
    path: PathBuf,
    /// Flag to flush each record to the disk.
    flushes: bool,
    boot: [u8; BOOT],
    open: Mutex<Option<File>>,
    /// Files that give way on a full disk.
    files: Weak<Files>,
}

// === impl FileJournal ===

impl FileJournal {
    /// Starts the thread that writes a journal. It ends with the journal.
    pub(crate) fn new(path: PathBuf, flushes: bool, files: &Arc<Files>) -> io::Result<Self> {
        let file = Arc::new(JournalFile {
            path,
            flushes,
            boot: boot(),
            open: Mutex::default(),
            files: Arc::downgrade(files),
        });
        let (changes, received) = sync_channel(1);
        let thread = thread::Builder::new().name("scrimp-journal".to_owned());
        let written = Arc::clone(&file);
        thread.spawn(move || written.follow(&received))?;
        Ok(Self { file, changes })
    }

    fn change(&self, bytes: &[u8], replaces: bool) -> Result<(), BoxError> {
        let (done, ended) = sync_channel(1);
        let change = Change {
            bytes: bytes.to_vec(),
            replaces,
            done,
        };
        let sent = self.changes.try_send(change);
        sent.map_err(|_| "the disk has not answered for a while")?;
        let ended = ended.recv_timeout(LONGEST_WAIT);
        ended.map_err(|_| "the disk does not answer in time")?
    }
}

impl Journal for FileJournal {
    fn read(&self) -> Result<Vec<u8>, BoxError> {
        self.file.read()
    }

    fn append(&self, record: &[u8]) -> Result<(), BoxError> {
        self.change(record, false)
    }

    fn replace(&self, records: &[u8]) -> Result<(), BoxError> {
        self.change(records, true)
    }
}

// === impl JournalFile ===

impl JournalFile {
    /// Makes changes until the journal is dropped.
    fn follow(&self, changes: &Receiver<Change>) {
        for change in changes {
            let result = match change.replaces {
                true => self.replace(&change.bytes),
                false => self.append(&change.bytes),
            };
            // Its caller may have given up.
            let _ = change.done.try_send(result);
        }
    }

    /// Appends bytes, or nothing.
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        let length = file.metadata()?.len();
        let written = file.write_all(bytes).and_then(|()| match self.flushes {
            true => file.sync_data(),
            false => Ok(()),
        });
        if written.is_err() {
            file.set_len(length)?;
        }
        written
    }

    /// Does something that takes room on the disk, once more if there was none.
    fn with_room(&self, mut act: impl FnMut() -> io::Result<()>) -> io::Result<()> {
        match act() {
            Err(error) if is_full(&error) => {
                if let Some(files) = self.files.upgrade() {
                    files.give_room(ROOM);
                }
                act()
            }
            result => result,
        }
    }

    fn begin(&self, records: &[u8]) -> io::Result<()> {
        let new = self.path.with_extension("new");
        let mut file = folder::file(&new)?;
        file.write_all(MAGIC)?;
        file.write_all(&[u8::from(self.flushes)])?;
        file.write_all(&self.boot)?;
        file.write_all(&frame(records)?)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        // The new name must reach the disk too.
        match self.path.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    }

    /// Returns the records of a file, if they are all that were appended.
    fn parse(&self, bytes: &[u8]) -> Result<Vec<u8>, BoxError> {
        let head = bytes.strip_prefix(MAGIC).filter(|_| bytes.len() >= HEAD);
        let head = head.ok_or("this is no journal")?;
        let (flushed, boot) = (head[0] != 0, &head[1..=BOOT]);
        let is_same_boot = boot == self.boot && self.boot != [0; BOOT];
        if !flushed && !is_same_boot {
            return Err("the machine was restarted, and records may be missing".into());
        }
        let mut records = Vec::with_capacity(bytes.len());
        let mut rest = &bytes[HEAD..];
        // A record that is cut off at the end never counted: the process ended while it wrote it.
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let Some((sum, after)) = after.split_first_chunk::<4>() else {
                break;
            };
            if crc32fast::hash(length) != u32::from_le_bytes(*sum) {
                return Err("a record is damaged".into());
            }
            let length = usize::try_from(u32::from_le_bytes(*length))?;
            let Some((record, after)) = after.split_at_checked(length) else {
                break;
            };
            records.extend_from_slice(record);
            rest = after;
        }
        Ok(records)
    }

    fn read(&self) -> Result<Vec<u8>, BoxError> {
        match fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Ok(bytes) if bytes.is_empty() => Ok(Vec::new()),
            result => self.parse(&result?),
        }
    }

    fn append(&self, record: &[u8]) -> Result<(), BoxError> {
        let bytes = frame(record)?;
        let mut open = self.open.lock();
        let mut file = match open.take() {
            Some(file) => file,
            None => OpenOptions::new().append(true).open(&self.path)?,
        };
        self.with_room(|| self.write(&mut file, &bytes))?;
        *open = Some(file);
        Ok(())
    }

    fn replace(&self, records: &[u8]) -> Result<(), BoxError> {
        let mut open = self.open.lock();
        *open = None;
        match self.with_room(|| self.begin(records)) {
            // An empty one takes no room.
            Err(_) if records.is_empty() => {
                let emptied = folder::file(&self.path).and_then(|file| file.sync_all());
                Ok(emptied?)
            }
            result => Ok(result?),
        }
    }
}

fn frame(record: &[u8]) -> io::Result<Vec<u8>> {
    let length = u32::try_from(record.len()).map_err(io::Error::other)?;
    let length = length.to_le_bytes();
    let mut bytes = Vec::with_capacity(FRAME + record.len());
    bytes.extend_from_slice(&length);
    bytes.extend_from_slice(&crc32fast::hash(&length).to_le_bytes());
    bytes.extend_from_slice(record);
    Ok(bytes)
}

/// Returns the identifier of the boot of the machine, as Linux has it; zeros elsewhere.
fn boot() -> [u8; BOOT] {
    let text = fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let id = text.first_chunk::<BOOT>().copied();
    id.unwrap_or([0; BOOT])
}
