//! The law: which versions must not be served any more.

use std::time::Duration;

use tokio::time::Instant;

use super::marks::{DOCUMENTS, read};
use crate::log::protocol::Entry;

/// Number of versions of each document that are remembered.
const REMEMBERED: usize = 256;

/// The invalidations that the log has had, with their times.
#[derive(Debug, Default)]
pub(crate) struct Law {
    /// Versions in order, with the time at which the log had them. `None` if it has lost them since:
    /// then only a new log reaches the nodes that have missed them.
    appended: [Vec<(u64, Option<Instant>)>; DOCUMENTS],
}

// === impl Law ===

impl Law {
    pub(crate) fn appended(&mut self, record: &[u8], now: Instant) {
        for (document, version) in read(record) {
            let versions = &mut self.appended[document];
            match versions.binary_search_by_key(&version, |(version, _)| *version) {
                // It is appended a second time.
                Ok(place) => _ = versions[place].1.get_or_insert(now),
                Err(place) => versions.insert(place, (version, Some(now))),
            }
            if versions.len() > REMEMBERED {
                versions.remove(0);
            }
        }
    }

    pub(crate) fn lost(&mut self, entries: &[Entry]) {
        for (document, lost) in entries.iter().flat_map(|entry| read(&entry.bytes)) {
            let mut versions = self.appended[document].iter_mut();
            if let Some((_, at)) = versions.find(|(version, _)| *version == lost) {
                *at = None;
            }
        }
    }

    /// Notes that a new log has begun, which reaches all nodes.
    pub(crate) fn new_log(&mut self, now: Instant) {
        for (_, at) in self.appended.iter_mut().flatten() {
            at.get_or_insert(now);
        }
    }

    /// Returns the lowest version that may be served.
    pub(crate) fn oldest(&self, document: usize, now: Instant, bound: Duration) -> u64 {
        let mut versions = self.appended[document].iter().rev();
        let settled = versions.find(|(_, at)| at.is_some_and(|at| at + bound <= now));
        settled.map_or(0, |(version, _)| *version)
    }
}
