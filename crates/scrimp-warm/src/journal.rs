//! The file from which a run that was killed goes on.
//!
//! The first line names the format. Each further line is a record: a CRC-32 of the rest in eight hexadecimal
//! digits, a tab, the kind, and what belongs to it, with tabs between. A line that does not check ends the
//! journal: after a kill that is the last one, and the request that it was for is made again.

use std::{
    collections::HashSet,
    error::Error,
    fmt,
    fs::{File, OpenOptions},
    hash::{BuildHasher, RandomState},
    io::{self, BufReader, Write},
    path::{Path, PathBuf},
};

use fs4::{FileExt, TryLockError};
use http::{HeaderName, HeaderValue, Uri};
use scrimp_core::{Currency, Money, Totals};

use crate::lines::{Line, Lines};

const FORMAT: &[u8] = b"scrimp-warm 1";
/// Longest line: a URI, and the fields of a variant.
const MAX_LINE: usize = 128 << 10;
/// Most records that are read: more than any list of URIs has.
const MAX_RECORDS: u64 = 100_000_000;

/// A request: its URI and the fields of its variant.
pub(crate) type Identity<'a> = (&'a Uri, &'a [(&'a HeaderName, &'a HeaderValue)]);

/// An open journal.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    line: Vec<u8>,
    done: HashSet<u64>,
    hash: RandomState,
    /// Calls and cost of the runs that this one goes on with.
    pub(crate) calls: u64,
    pub(crate) cost: Totals,
}

/// A journal cannot be used.
#[derive(Debug)]
pub struct JournalError {
    path: PathBuf,
    problem: String,
    source: Option<io::Error>,
}

// === impl Journal ===

impl Journal {
    /// Opens a journal, or begins one. What an interrupted write has left at its end is cut off. If its run
    /// reached the end, it begins anew.
    pub(crate) fn open(path: &Path) -> Result<Self, JournalError> {
        let failed = |source| JournalError {
            path: path.to_owned(),
            problem: "cannot be opened".to_owned(),
            source: Some(source),
        };
        let file = open(path).map_err(failed)?;
        // The standard library has the same as of Rust 1.89.
        FileExt::try_lock(&file).map_err(|error| match error {
            TryLockError::WouldBlock => JournalError {
                path: path.to_owned(),
                problem: "is in use by another run".to_owned(),
                source: None,
            },
            TryLockError::Error(error) => failed(error),
        })?;
        let mut journal = Self {
            file,
            line: Vec::new(),
            done: HashSet::new(),
            hash: RandomState::new(),
            calls: 0,
            cost: Totals::new(),
        };
        match journal.read().map_err(failed)? {
            Read::Good(end) => journal.file.set_len(end).map_err(failed)?,
            Read::Finished => journal.begin().map_err(failed)?,
            Read::Other => {
                return Err(JournalError {
                    path: path.to_owned(),
                    problem: "is not a journal of scrimp: choose another file".to_owned(),
                    source: None,
                });
            }
        }
        Ok(journal)
    }

    /// Reports whether a request was done.
    pub(crate) fn is_done(&self, identity: Identity<'_>) -> bool {
        !self.done.is_empty() && self.done.contains(&self.hash_of(identity))
    }

    /// Writes the end of a request. What brought no good response is not done, but its cost counts.
    pub(crate) fn note(
        &mut self,
        identity: Identity<'_>,
        done: bool,
        call: Option<Money>,
    ) -> io::Result<()> {
        let kind = if done { "done" } else { "cost" };
        self.line.clear();
        self.line.extend_from_slice(kind.as_bytes());
        let call = call.map_or_else(
            || "-".to_owned(),
            |cost| format!("{} {}", cost.pico(), cost.currency()),
        );
        self.line.push(b'\t');
        self.line.extend_from_slice(call.as_bytes());
        if done {
            write_identity(&mut self.line, identity);
        }
        self.write()
    }

    /// Writes that all requests were made.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.line.clear();
        self.line.extend_from_slice(b"end");
        self.write()
    }

    /// Writes a record at once, so that a kill loses at most the last one.
    fn write(&mut self) -> io::Result<()> {
        let sum = format!("{:08x}\t", crc32fast::hash(&self.line));
        self.line.splice(0..0, sum.into_bytes());
        self.line.push(b'\n');
        self.file.write_all(&self.line)
    }

    fn begin(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.done.clear();
        (self.calls, self.cost) = (0, Totals::new());
        let mut head = FORMAT.to_vec();
        head.push(b'\n');
        self.file.write_all(&head)
    }

    fn read(&mut self) -> io::Result<Read> {
        let mut lines = Lines::new(BufReader::new(self.file.try_clone()?), MAX_LINE);
        match lines.next()? {
            None => return Ok(Read::Finished),
            Some(Line::Text(head)) if head == FORMAT => {}
            // Its first line was cut off by a kill.
            Some(Line::Text(head)) if FORMAT.starts_with(head) => {
                let whole = lines.is_ended || lines.next()?.is_some();
                return Ok(if whole { Read::Other } else { Read::Finished });
            }
            Some(_) => return Ok(Read::Other),
        }
        if !lines.is_ended {
            return Ok(Read::Finished);
        }
        let mut good = lines.position;
        for _ in 0..MAX_RECORDS {
            let Some(Line::Text(line)) = lines.next()? else {
                break;
            };
            let line = line.to_vec();
            let Some(record) = checked(&line).filter(|_| lines.is_ended) else {
                break;
            };
            if record == b"end" {
                return Ok(Read::Finished);
            }
            if !self.take(record) {
                break;
            }
            good = lines.position;
        }
        Ok(Read::Good(good))
    }

    /// Takes over a record. False if it is not one.
    fn take(&mut self, record: &[u8]) -> bool {
        let mut parts = record.splitn(3, |&byte| byte == b'\t');
        let (kind, call) = (parts.next(), parts.next());
        let Some(call) = call.and_then(|call| std::str::from_utf8(call).ok()) else {
            return false;
        };
        match (kind, parts.next()) {
            (Some(b"done"), Some(identity)) => {
                self.done.insert(self.hash.hash_one(identity));
            }
            (Some(b"cost"), None) => {}
            _ => return false,
        }
        if let Some(cost) = money(call) {
            self.calls += 1;
            self.cost.add(cost);
        }
        true
    }

    fn hash_of(&self, identity: Identity<'_>) -> u64 {
        let mut text = Vec::new();
        write_identity(&mut text, identity);
        self.hash.hash_one(&text[1..])
    }
}

/// Result of reading a journal.
enum Read {
    /// It is good up to this byte.
    Good(u64),
    /// It is empty, or its run reached the end.
    Finished,
    /// It is some other file.
    Other,
}

/// Writes a tab, the URI, and a tab and a field for each.
fn write_identity(line: &mut Vec<u8>, (uri, fields): Identity<'_>) {
    line.push(b'\t');
    line.extend_from_slice(uri.to_string().as_bytes());
    for (name, value) in fields {
        line.push(b'\t');
        line.extend_from_slice(name.as_str().as_bytes());
        line.extend_from_slice(b": ");
        line.extend_from_slice(value.as_bytes());
    }
}

/// Returns the record of a line, if its sum is right.
fn checked(line: &[u8]) -> Option<&[u8]> {
    let (sum, rest) = line.split_at_checked(8)?;
    let record = rest.strip_prefix(b"\t")?;
    let sum = u32::from_str_radix(std::str::from_utf8(sum).ok()?, 16).ok()?;
    (sum == crc32fast::hash(record)).then_some(record)
}

fn money(text: &str) -> Option<Money> {
    let (pico, currency) = text.split_once(' ')?;
    Some(Money::from_pico(
        pico.parse().ok()?,
        Currency::new(currency)?,
    ))
}

/// Opens the file. It names what is asked for, so a new one is readable by its owner alone.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

impl Drop for Journal {
    fn drop(&mut self) {
        let _ = FileExt::unlock(&self.file);
    }
}

// === impl JournalError ===

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the journal {} {}", self.path.display(), self.problem)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl Error for JournalError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn uri(number: usize) -> Uri {
        format!("http://a.example/{number}").parse().unwrap()
    }

    fn write(path: &Path, requests: usize) {
        let mut journal = Journal::open(path).unwrap();
        for number in 0..requests {
            let cost = Some("0.01".parse().unwrap());
            journal.note((&uri(number), &[]), true, cost).unwrap();
        }
    }

    fn done(path: &Path) -> usize {
        let journal = Journal::open(path).unwrap();
        (0..100)
            .filter(|&n| journal.is_done((&uri(n), &[])))
            .count()
    }

    #[test]
    fn a_journal_that_was_cut_off_anywhere_goes_on_with_its_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        write(&path, 5);
        let whole = fs::read(&path).unwrap();
        let mut before = 0;
        for length in 0..=whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let lines = whole[..length]
                .iter()
                .filter(|&&byte| byte == b'\n')
                .count();
            assert_eq!(done(&path), lines.saturating_sub(1), "{length} bytes");
            assert!(done(&path) >= before);
            before = done(&path);
            // What comes after the cut is read.
            let mut journal = Journal::open(&path).unwrap();
            journal.note((&uri(99), &[]), true, None).unwrap();
            drop(journal);
            assert_eq!(done(&path), before + 1, "{length} bytes");
        }
    }

    #[test]
    fn a_damaged_line_ends_the_journal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        write(&path, 5);
        let mut bytes = fs::read(&path).unwrap();
        let third = FORMAT.len() + 1 + 2 * (bytes.len() - FORMAT.len() - 1) / 5;
        bytes[third + 20] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_eq!(done(&path), 2);
    }

    #[test]
    fn costs_are_carried_on_and_a_run_that_ended_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        write(&path, 3);
        let mut journal = Journal::open(&path).unwrap();
        let cost = Some("0.02 EUR".parse().unwrap());
        journal.note((&uri(7), &[]), false, cost).unwrap();
        drop(journal);
        let mut journal = Journal::open(&path).unwrap();
        assert_eq!(journal.calls, 4);
        assert_eq!(journal.cost.to_string(), "0.02 EUR + $0.03");
        assert!(!journal.is_done((&uri(7), &[])), "it brought nothing");
        journal.finish().unwrap();
        drop(journal);
        assert_eq!(done(&path), 0);
    }

    #[test]
    fn another_variant_of_a_uri_is_another_request() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let (name, value) = (http::header::ACCEPT, HeaderValue::from_static("x"));
        let fields = [(&name, &value)];
        let mut journal = Journal::open(&path).unwrap();
        journal.note((&uri(1), &fields), true, None).unwrap();
        drop(journal);
        let journal = Journal::open(&path).unwrap();
        assert!(journal.is_done((&uri(1), &fields)) && !journal.is_done((&uri(1), &[])));
    }

    #[test]
    fn other_files_stay_as_they_are_and_one_run_at_a_time_has_a_journal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        for text in ["Dear diary\n", "scrimp-warm 2\n", "scrimp\n"] {
            fs::write(&path, text).unwrap();
            let error = Journal::open(&path).unwrap_err().to_string();
            assert!(error.contains("is not a journal"), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        let path = folder.path().join("journal");
        let _first = Journal::open(&path).unwrap();
        let error = Journal::open(&path).unwrap_err().to_string();
        assert!(error.contains("in use by another run"), "{error}");
        let error = Journal::open(folder.path()).unwrap_err();
        assert!(Error::source(&error).is_some());
    }
}
