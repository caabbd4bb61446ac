//! Results of mutants, kept from run to run.

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::path::Path;
use std::str::FromStr;

use crate::Result;

/// Result of a mutant.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Status {
    /// A test failed.
    Caught,
    /// All tests passed.
    Missed,
    /// A test took too long.
    Late,
    /// It does not compile.
    Unviable,
}

/// Results of a package's mutants, in a file to which each is appended.
#[derive(Debug)]
pub(crate) struct Results {
    known: HashMap<(String, String), Status>,
    file: File,
}

/// Returns a digest of the code of a file, without the tests at its end.
pub(crate) fn digest(text: &str) -> String {
    let code = text
        .find("\n#[cfg(test)]\nmod tests {")
        .map_or(text, |tests| &text[..tests]);
    let mut hasher = DefaultHasher::new();
    code.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

// === impl Status ===

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Caught => "caught",
            Self::Missed => "missed",
            Self::Late => "late",
            Self::Unviable => "unviable",
        })
    }
}

impl FromStr for Status {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        match text {
            "caught" => Ok(Self::Caught),
            "missed" => Ok(Self::Missed),
            "late" => Ok(Self::Late),
            "unviable" => Ok(Self::Unviable),
            _ => Err(()),
        }
    }
}

// === impl Results ===

impl Results {
    /// Opens the file, which need not exist.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut known = HashMap::new();
        for line in fs::read_to_string(path).unwrap_or_default().lines() {
            let mut words = line.splitn(3, '\t');
            if let (Some(digest), Some(Ok(status)), Some(name)) =
                (words.next(), words.next().map(str::parse), words.next())
            {
                known.insert((digest.to_owned(), name.to_owned()), status);
            }
        }
        Ok(Self {
            known,
            file: File::options().create(true).append(true).open(path)?,
        })
    }

    /// Returns the result of a mutant in a file with this digest.
    pub(crate) fn get(&self, digest: &str, name: &str) -> Option<Status> {
        self.known
            .get(&(digest.to_owned(), name.to_owned()))
            .copied()
    }

    /// Keeps a result.
    pub(crate) fn put(&mut self, digest: &str, name: &str, status: Status) -> Result<()> {
        self.known
            .insert((digest.to_owned(), name.to_owned()), status);
        Ok(writeln!(self.file, "{digest}\t{status}\t{name}")?)
    }
}
