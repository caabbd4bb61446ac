//! Cuts the account of a running process into charge periods.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use jiff::{Timestamp, tz::TimeZone};
use scrimp_core::{Ledger, Line};
use tempfile::NamedTempFile;

use crate::{
    ChargePeriod, LedgerRow,
    period::{day_of, seconds, system},
    rows_between, write_rows,
};

/// Prefix of files that are being written.
const UNFINISHED: &str = ".unfinished-";

/// Writes what a [`Ledger`] gains in each charge period into a file of its own.
///
/// A file appears under its name when it is complete and on the disk (written beside it, synced, renamed), and
/// what it holds is not written again. If writing fails, the next period takes it in. So an amount is in at most
/// one file, however a process ends. A ledger is in memory: what was booked after the last cut is lost with the
/// process. Cut often, and at the end; the provider's export has the rest, and
/// [`Reconciliation`](crate::Reconciliation) shows it as missing calls.
///
/// A process that starts again has an empty ledger, and its first period starts then.
///
/// Files are readable by their owner alone, as names of tenants are in them. Writing blocks: in a runtime, call it
/// where blocking is allowed.
#[derive(Debug)]
pub struct Cutter {
    ledger: Ledger,
    folder: PathBuf,
    source: Box<str>,
    last: Vec<Line>,
    start: Timestamp,
}

/// A charge period that is written.
#[derive(Debug)]
#[non_exhaustive]
pub struct Cut {
    /// The period.
    pub period: ChargePeriod,
    /// Its rows.
    pub rows: Vec<LedgerRow>,
    /// The file that has them.
    pub path: PathBuf,
}

// === impl Cutter ===

impl Cutter {
    /// Opens a folder for the periods of a ledger, which begin `now`. `source` is part of the names of files:
    /// processes that write into one folder each have their own.
    ///
    /// # Errors
    ///
    /// If the folder cannot be made or read, if `source` is not made of ASCII letters, digits, `-`, `_` and `.`,
    /// or if `now` lies beyond the calendar.
    pub fn open(
        ledger: &Ledger,
        folder: impl Into<PathBuf>,
        source: &str,
        now: SystemTime,
    ) -> io::Result<Self> {
        let folder = folder.into();
        let invalid = |text| io::Error::new(io::ErrorKind::InvalidInput, text);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if source.is_empty() || source.len() > 100 || !source.bytes().all(plain) {
            return Err(invalid("a source is up to 100 letters, digits, -, _ and ."));
        }
        let start = seconds(now).ok_or_else(|| invalid("the time lies beyond the calendar"))?;
        fs::create_dir_all(&folder)?;
        remove_unfinished(&folder, source)?;
        Ok(Self {
            ledger: ledger.clone(),
            folder,
            source: source.into(),
            last: Vec::new(),
            start,
        })
    }

    /// Reports whether a new day of UTC has begun since the period did. A period within a day is in one calendar
    /// month, and can be compared with exports by day.
    #[must_use]
    pub fn is_due(&self, now: SystemTime) -> bool {
        seconds(now).is_some_and(|now| now > self.start && day_of(now) != day_of(self.start))
    }

    /// Ends the period `now` and writes it; the next one begins. Returns `None` and changes nothing if not a
    /// second has passed. A period without calls is written too, as an empty file.
    ///
    /// # Errors
    ///
    /// If the file cannot be written. The period goes on.
    pub fn cut(&mut self, now: SystemTime) -> io::Result<Option<Cut>> {
        let Ok(period) = ChargePeriod::new(system(self.start), now) else {
            return Ok(None);
        };
        let lines = self.ledger.lines();
        let rows = rows_between(&self.last, &lines, period);
        let path = self.write(period, &rows)?;
        // From here on the file counts, whatever happens.
        self.last = lines;
        self.start = seconds(period.end()).unwrap_or(self.start);
        Ok(Some(Cut { period, rows, path }))
    }

    fn write(&self, period: ChargePeriod, rows: &[LedgerRow]) -> io::Result<PathBuf> {
        let prefix = unfinished(&self.source);
        let mut builder = tempfile::Builder::new();
        let file = builder.prefix(&prefix).tempfile_in(&self.folder)?;
        write_rows(rows, io::BufWriter::new(&file))?;
        file.as_file().sync_all()?;
        let [start, end] = [period.start(), period.end()].map(compact);
        let path = self
            .folder
            .join(format!("{}-{start}-{end}.jsonl", self.source));
        persist(file, &path)?;
        // Without it the name may be lost when the machine stops, and the period with it: never twice.
        if let Ok(folder) = fs::File::open(&self.folder) {
            let _ = folder.sync_all();
        }
        Ok(path)
    }
}

/// Returns the beginning of the names of a source's unfinished files. The sign after it is in no source, so
/// that it is never the beginning of another one's.
fn unfinished(source: &str) -> String {
    format!("{UNFINISHED}{source}=")
}

/// Never overwrites: two processes with one name do not take each other's files.
fn persist(file: NamedTempFile, path: &Path) -> io::Result<()> {
    file.persist_noclobber(path).map_err(|error| error.error)?;
    Ok(())
}

/// Removes what a process of this name has left when it was killed.
fn remove_unfinished(folder: &Path, source: &str) -> io::Result<()> {
    let prefix = unfinished(source);
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn compact(time: SystemTime) -> String {
    match seconds(time) {
        Some(time) => time
            .to_zoned_datetime(TimeZone::UTC)
            .strftime("%Y%m%dT%H%M%SZ")
            .to_string(),
        None => String::new(),
    }
}
