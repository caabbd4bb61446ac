//! The result of a verification.

use std::fmt;

use crate::chain::Anchor;

/// Result of reading a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogReport {
    /// Number of files.
    pub files: u64,
    /// Number of records.
    pub records: u64,
    /// Number of the first record that is there. It is above 1 if older files were deleted in time.
    pub first: u64,
    /// The last record.
    pub head: Option<Anchor>,
    /// Events that found no room, as the log says itself.
    pub dropped: u64,
    /// Runs that ended without closing the log: what waited then may be missing.
    pub interrupted: u64,
    /// Flag that the last line is cut off: a process was killed in it, or writes it now.
    pub is_torn: bool,
    /// Number of places at which something is wrong.
    pub faults: u64,
    /// The first hundred of them.
    pub findings: Vec<Finding>,
}

/// A place at which something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// Name of the file. It is empty if the anchor is missing.
    pub file: String,
    /// Number of the line, from 1; 0 if the anchor is missing.
    pub line: u64,
    /// Problem at that place.
    pub fault: Fault,
}

/// A reason why a log is not as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The record does not fit its own hash: it was changed, or the key is not the log's.
    Changed,
    /// The line is no record.
    Unreadable,
    /// Records in front of this one are missing.
    Removed {
        /// The first one that is missing.
        from: u64,
        /// The last one that is missing.
        to: u64,
    },
    /// A record stands where another one should: it was moved, or repeated.
    Moved {
        /// Its number.
        found: u64,
        /// The number of the one that should be here.
        expected: u64,
    },
    /// The record does not follow the one in front of it, which was replaced.
    Unlinked,
    /// The record of the anchor is missing: the log was cut off, or written anew.
    Unanchored,
}

// === impl LogReport ===

impl LogReport {
    /// Reports whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.faults == 0
    }
}

impl fmt::Display for LogReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        let verdict = match self.faults {
            0 => "sound".to_owned(),
            faults => format!("{faults} faults"),
        };
        write!(
            f,
            "{verdict}: {} records in {} files",
            self.records, self.files
        )?;
        if self.first > 1 {
            write!(f, ", from {} on", self.first)?;
        }
        if self.dropped > 0 {
            write!(f, "; {} events were dropped, as the log says", self.dropped)?;
        }
        if self.interrupted > 0 {
            write!(f, "; {} runs were interrupted", self.interrupted)?;
        }
        if self.is_torn {
            f.write_str("; the last line is cut off")?;
        }
        match &self.head {
            Some(head) => write!(f, "\nhead: {head}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fault {
            Fault::Unanchored => self.fault.fmt(f),
            fault => write!(f, "{}:{}: {fault}", self.file, self.line),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed => {
                f.write_str("changed: the record does not fit its hash, or the key is another")
            }
            Self::Unreadable => f.write_str("unreadable: the line is no record"),
            Self::Removed { from, to } if from == to => {
                write!(f, "removed: record {from} is missing")
            }
            Self::Removed { from, to } => write!(f, "removed: records {from} to {to} are missing"),
            Self::Moved { found, expected } => {
                write!(f, "moved: record {found} stands in the place of {expected}")
            }
            Self::Unlinked => f.write_str("replaced: the record in front of this one is another"),
            Self::Unanchored => f.write_str("truncated: the record of the anchor is missing"),
        }
    }
}
