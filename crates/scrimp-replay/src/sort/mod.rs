//! Sorts a log by time in bounded memory.
//!
//! An external merge sort: entries collect in memory up to a limit, are sorted and written to a
//! temporary file, and the files are merged at the end. A log that fits in memory uses no disk.
//! Entries with equal times keep their order in the log.

mod arena;
mod record;
mod run;

use std::time::Duration;

use crate::{
    error::{Error, Result},
    line::Entry,
};
pub(crate) use arena::Arena;
pub(crate) use run::{Merge, Runs};

/// Length of the key: the time, in big-endian microseconds.
const KEY: usize = 8;

/// Accepts entries in any order.
#[derive(Debug)]
pub(crate) struct Sorter {
    memory: usize,
    arena: Arena,
    runs: Runs<KEY>,
    span: Option<(i64, i64)>,
    longest: Duration,
    latencies: (Duration, u32),
    count: u64,
}

/// Reports whether an entry is equal after a way through a temporary file.
#[cfg(feature = "fuzzing")]
pub(crate) fn survives(entry: &Entry) -> bool {
    let mut written = Vec::new();
    record::encode(entry, &mut written);
    record::decode(&written).as_ref() == Some(entry)
}

/// Returns entries in order of time.
#[derive(Debug)]
pub(crate) struct Sorted {
    merge: Merge<KEY>,
    /// Times of the first and the last entry; `None` if there are none.
    pub(crate) span: Option<(i64, i64)>,
    /// Longest latency.
    pub(crate) longest: Duration,
    /// Mean of the latencies; `None` if there are none.
    pub(crate) mean: Option<Duration>,
    /// Number of entries.
    pub(crate) count: u64,
}

// === impl Sorter ===

impl Sorter {
    /// Makes a sorter that holds about `memory` bytes in memory.
    pub(crate) fn new(memory: u64) -> Self {
        Self {
            memory: usize::try_from(memory).unwrap_or(usize::MAX),
            arena: Arena::default(),
            runs: Runs::default(),
            span: None,
            longest: Duration::ZERO,
            latencies: (Duration::ZERO, 0),
            count: 0,
        }
    }

    pub(crate) fn push(&mut self, entry: &Entry) -> Result<()> {
        let (first, last) = self.span.unwrap_or((entry.time, entry.time));
        self.span = Some((first.min(entry.time), last.max(entry.time)));
        self.count += 1;
        self.longest = self.longest.max(entry.latency.unwrap_or_default());
        if let Some(latency) = entry.latency {
            let (sum, count) = self.latencies;
            self.latencies = (sum.saturating_add(latency), count.saturating_add(1));
        }
        self.arena.push(|out| record::encode(entry, out));
        if self.arena.size() >= self.memory {
            self.arena.sort(KEY);
            self.runs.spill(&mut self.arena)?;
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<Sorted> {
        self.arena.sort(KEY);
        Ok(Sorted {
            merge: self.runs.merge(self.arena)?,
            span: self.span,
            longest: self.longest,
            mean: self.latencies.0.checked_div(self.latencies.1),
            count: self.count,
        })
    }
}

// === impl Sorted ===

impl Sorted {
    pub(crate) fn next(&mut self) -> Result<Option<Entry>> {
        let Some(record) = self.merge.next()? else {
            return Ok(None);
        };
        let entry = record::decode(record);
        entry
            .map(Some)
            .ok_or_else(|| Error::new("a temporary file was changed while it was in use"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(time: i64, number: usize) -> Entry {
        Entry {
            time,
            status: 200,
            bytes: number as u64,
            method: "GET".into(),
            host: String::new(),
            target: format!("/{number}"),
            user_agent: "ua".into(),
            client: number as u64,
            latency: number
                .is_multiple_of(2)
                .then(|| Duration::from_micros(number as u64)),
        }
    }

    fn sorted(entries: &[Entry], memory: u64) -> Vec<Entry> {
        let mut sorter = Sorter::new(memory);
        entries.iter().for_each(|entry| sorter.push(entry).unwrap());
        let mut sorted = sorter.finish().unwrap();
        assert_eq!(sorted.count, entries.len() as u64);
        std::iter::from_fn(|| sorted.next().unwrap()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn spilling_changes_nothing(
            times in prop::collection::vec(0i64..50, 0..300),
            memory in 0u64..4_000,
        ) {
            let entries: Vec<_> = times.iter().enumerate().map(|(n, &time)| entry(time, n)).collect();
            let mut expected = entries.clone();
            expected.sort_by_key(|entry| entry.time);
            prop_assert_eq!(sorted(&entries, memory), expected);
        }
    }

    #[test]
    fn full_levels_are_merged_and_keep_their_order() {
        // One record per run: 5,000 runs make two full levels and a remainder.
        let entries: Vec<_> = (0..5_000)
            .map(|n| entry((n as i64 * 7919) % 101, n))
            .collect();
        let mut expected = entries.clone();
        expected.sort_by_key(|entry| entry.time);
        assert!(sorted(&entries, 1) == expected);
    }
}
