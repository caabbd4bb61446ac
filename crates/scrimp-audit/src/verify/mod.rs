//! Verification of a folder.

mod finding;

use std::{
    collections::HashSet,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use crate::{
    chain::{Anchor, AuditKey, Hash, MAX_LINE, Parsed, is_genuine, parse},
    files::{list, name},
    writer::{GAP, OPENED, RETIRED},
};
pub use finding::{Fault, Finding, LogReport};

/// Most findings that a report lists.
const MAX_FINDINGS: usize = 100;

/// Reads all files of a log, and reports what is wrong with them. The log may be open meanwhile.
///
/// `key` is that of the log, if it has one. `anchor` is the [hash](Anchor::hash) of a record that the log had
/// at an earlier time, in hexadecimal digits: a log without it was cut off, or written anew. Without an
/// anchor, records that are missing at the end cannot be noticed.
///
/// # Errors
///
/// If the folder or a file cannot be read, or the anchor is no hash.
pub fn verify(
    folder: impl AsRef<Path>,
    key: Option<&AuditKey>,
    anchor: Option<&str>,
) -> io::Result<LogReport> {
    let folder = folder.as_ref();
    let anchor = anchor.map(|text| {
        let problem = || {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "an anchor has 64 hexadecimal digits",
            )
        };
        Hash::read(text).ok_or_else(problem)
    });
    let anchor = anchor.transpose()?;
    let mut reading = Reading {
        key,
        anchor,
        is_anchored: false,
        start: None,
        retired: HashSet::new(),
        last: Anchor::START,
        report: LogReport::default(),
    };
    let numbers = list(folder)?;
    let newest = numbers.last().copied();
    for number in numbers {
        let file = File::open(folder.join(name(number)))?;
        reading.read(&name(number), file, Some(number) == newest)?;
        reading.report.files += 1;
    }
    Ok(reading.finish())
}

/// A log that is being read.
struct Reading<'a> {
    key: Option<&'a AuditKey>,
    /// The hash to look for.
    anchor: Option<Hash>,
    is_anchored: bool,
    /// Hash that the first record follows, and its place, if it is not the first of all.
    start: Option<(Anchor, Finding)>,
    /// Last records of files that were deleted, as later records say.
    retired: HashSet<Anchor>,
    last: Anchor,
    report: LogReport,
}

// === impl Reading ===

impl Reading<'_> {
    fn read(&mut self, file: &str, content: File, is_newest: bool) -> io::Result<()> {
        let mut content = BufReader::new(content);
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let read = (&mut content)
                .take(MAX_LINE as u64)
                .read_until(b'\n', &mut line)?;
            if read == 0 {
                break;
            }
            let at = |fault| Finding {
                file: file.to_owned(),
                line: number,
                fault,
            };
            let is_whole = line.pop_if(|byte| *byte == b'\n').is_some();
            match parse(&line) {
                // A process was killed in it, or writes it now.
                _ if !is_whole && is_newest => self.report.is_torn = true,
                Some(parsed) => self.take(&parsed, at),
                None => self.find(at(Fault::Unreadable)),
            }
        }
        Ok(())
    }

    fn take(&mut self, parsed: &Parsed<'_>, at: impl Fn(Fault) -> Finding) {
        let this = Anchor {
            sequence: parsed.sequence,
            hash: parsed.hash,
        };
        if !is_genuine(parsed, self.key) {
            self.find(at(Fault::Changed));
        }
        let expected = self.last.sequence + 1;
        let is_first = self.report.records == 0;
        let is_moved = !is_first && parsed.sequence < expected;
        if is_first && parsed.sequence > 1 {
            let before = Anchor {
                sequence: parsed.sequence - 1,
                hash: parsed.prev,
            };
            let missing = Fault::Removed {
                from: 1,
                to: before.sequence,
            };
            self.start = Some((before, at(missing)));
        } else if parsed.sequence > expected {
            self.find(at(Fault::Removed {
                from: expected,
                to: parsed.sequence - 1,
            }));
        } else if is_moved {
            self.find(at(Fault::Moved {
                found: parsed.sequence,
                expected,
            }));
        } else if parsed.prev != self.last.hash {
            self.find(at(Fault::Unlinked));
        }
        self.is_anchored |= self.anchor == Some(this.hash);
        self.note(parsed);
        if is_first {
            self.report.first = parsed.sequence;
        }
        self.report.records += 1;
        // The one behind a record that was moved is compared with the one in front of it.
        if !is_moved {
            self.last = this;
        }
    }

    /// Notes what the log says of itself.
    fn note(&mut self, parsed: &Parsed<'_>) {
        let detail = |name: &str| parsed.details.get(name);
        let number = |name: &str| detail(name).and_then(|text| text.parse().ok());
        match &*parsed.kind {
            GAP => self.report.dropped += number("dropped").unwrap_or(0),
            OPENED if detail("clean").is_some_and(|clean| clean == "false") => {
                self.report.interrupted += 1;
            }
            RETIRED => {
                let hash = detail("hash").and_then(|hash| Hash::read(hash));
                if let (Some(sequence), Some(hash)) = (number("last"), hash) {
                    self.retired.insert(Anchor { sequence, hash });
                }
            }
            _ => {}
        }
    }

    fn find(&mut self, finding: Finding) {
        self.report.faults += 1;
        if self.report.findings.len() < MAX_FINDINGS {
            self.report.findings.push(finding);
        }
    }

    fn finish(mut self) -> LogReport {
        if let Some((before, finding)) = self.start.take()
            && !self.retired.contains(&before)
        {
            self.report.faults += 1;
            self.report.findings.insert(0, finding);
        }
        let is_retired = |anchor| self.retired.iter().any(|retired| retired.hash == anchor);
        if self
            .anchor
            .is_some_and(|anchor| !self.is_anchored && !is_retired(anchor))
        {
            self.find(Finding {
                file: String::new(),
                line: 0,
                fault: Fault::Unanchored,
            });
        }
        self.report.head = (self.report.records > 0).then_some(self.last);
        self.report
    }
}
