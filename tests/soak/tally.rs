//! Counts and faults of a run.

use std::{collections::BTreeMap, fmt};

use parking_lot::Mutex;

/// Kind of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// An answer is not what was asked for, or is for someone else.
    Wrong,
    /// An answer is older than it may be.
    Stale,
    /// A request has neither an answer nor an error in time.
    Hung,
    /// A panic was not a scripted one.
    Panic,
    /// A resource does not come right after the chaos.
    Unrecovered,
    /// Requests that could share a batch do not.
    Batches,
    /// A task is left.
    Tasks,
    /// A place, a flight or a call in flight is left.
    Permits,
    /// Money is left reserved, or calls do not add up.
    Money,
    /// Bytes are left, or a bound on memory is exceeded.
    Bytes,
}

/// Counts and faults, shared by all tasks of a run.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: Mutex<BTreeMap<(String, String), u64>>,
    faults: Mutex<BTreeMap<Kind, Found>>,
}

#[derive(Debug, Default)]
struct Found {
    count: u64,
    /// The first few, in words.
    examples: Vec<String>,
}

// === impl Tally ===

impl Tally {
    pub(crate) fn add(&self, group: &str, name: impl Into<String>, count: u64) {
        let mut counts = self.counts.lock();
        *counts.entry((group.to_owned(), name.into())).or_default() += count;
    }

    pub(crate) fn one(&self, group: &str, name: impl Into<String>) {
        self.add(group, name, 1);
    }

    pub(crate) fn count(&self, group: &str, name: &str) -> u64 {
        let key = (group.to_owned(), name.to_owned());
        self.counts.lock().get(&key).copied().unwrap_or_default()
    }

    pub(crate) fn fault(&self, kind: Kind, text: impl Into<String>) {
        let mut faults = self.faults.lock();
        let found = faults.entry(kind).or_default();
        found.count += 1;
        if found.examples.len() < 10 {
            found.examples.push(text.into());
        }
    }

    /// Returns the kinds of faults that were found.
    pub(crate) fn kinds(&self) -> Vec<Kind> {
        self.faults.lock().keys().copied().collect()
    }
}

/// Writes the table of figures, and the faults.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = None;
        for ((group, name), count) in &*self.counts.lock() {
            if last.as_ref() != Some(group) {
                writeln!(f, "{group}")?;
                last = Some(group.clone());
            }
            writeln!(f, "  {name:<44} {count:>12}")?;
        }
        let faults = self.faults.lock();
        if faults.is_empty() {
            writeln!(f, "faults")?;
            writeln!(f, "  {:<44} {:>12}", "all kinds", 0)?;
        }
        for (kind, found) in &*faults {
            writeln!(f, "FAULT {kind:?}: {}", found.count)?;
            for example in &found.examples {
                writeln!(f, "  {example}")?;
            }
        }
        Ok(())
    }
}
