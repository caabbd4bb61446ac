//! Reading the log after a gap, an interruption or silence.

use tokio::time::Instant;

use super::{Action, Head, Id, Node, Page, Replica};

/// A read in progress, or planned.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    current: Option<Current>,
    /// Flag that something happened since the read began, so that it comes too early.
    again: bool,
    retry_at: Option<Instant>,
    failures: u32,
}

/// Knowledge at the beginning of a read. The server answers later, so it must know as much.
#[derive(Debug, Clone, Copy)]
struct Current {
    line: Option<Head>,
    witnessed: Id,
    at: Instant,
}

// === impl Reading ===

impl Reading {
    pub(super) fn is_idle(&self) -> bool {
        self.current.is_none() && self.retry_at.is_none()
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.retry_at.filter(|_| self.current.is_none())
    }
}

// === impl Node ===

impl<R: Replica> Node<R> {
    /// Reads the log from the last applied record on.
    pub(super) fn start_reading(&mut self, now: Instant) {
        if self.reading.current.is_some() {
            self.reading.again = true;
            return;
        }
        self.reading.again = false;
        self.reading.retry_at = None;
        self.reading.current = Some(Current {
            line: self.line,
            witnessed: self.witnessed,
            at: now,
        });
        let from = self.line.map(|line| line.last.at);
        self.actions.push(Action::Read { from });
    }

    pub(super) fn read_later(&mut self, now: Instant) {
        let longest = self.timing.longest_retry;
        let wait = self.timing.retry * (1 << self.reading.failures.min(10));
        self.reading.failures += 1;
        self.reading.retry_at = now.checked_add(wait.min(longest));
    }

    pub(super) fn retry_reading(&mut self, now: Instant) {
        if self.reading.next().is_some_and(|at| now >= at) {
            self.reading.retry_at = None;
            match self.distrusted {
                Some(log) => self.actions.push(Action::Distrust { log }),
                None => self.start_reading(now),
            }
        }
    }

    /// Handles the answer to [`Action::Read`]. `None` if there was none.
    pub(crate) fn read(&mut self, now: Instant, page: Option<Page>) {
        let Some(asked) = self.reading.current.take() else {
            return;
        };
        let Some(page) = page else {
            self.fall_behind(now);
            return self.read_later(now);
        };
        self.reading.failures = 0;
        if self.distrusted == Some(page.head.log) {
            return self.distrust(page.head.log);
        }
        self.distrusted = None;
        match (self.line, asked.line) {
            // The page begins at a position of another log.
            (_, Some(asked)) if asked.log != page.head.log => {
                self.line = None;
                self.fall_behind(now);
                return self.start_reading(now);
            }
            (Some(line), Some(asked)) if line.log != asked.log => return self.start_reading(now),
            (None, Some(_)) => return self.start_reading(now),
            (_, None) => self.join(&page),
            (Some(_), Some(line)) if is_rolled_back(&page, line.last, asked.witnessed) => {
                self.distrust(line.log);
                return self.settle(now);
            }
            (Some(_), Some(_)) => self.accept_all(&page),
        }
        // Records may contradict what the node knows.
        let Some(line) = self.line else {
            return self.settle(now);
        };
        if self.reading.again || line.last.at < page.head.last.at.max(self.witnessed.at) {
            return self.start_reading(now);
        }
        self.caught_up(now, asked.at);
        self.append_more(now);
    }

    /// Begins the log of a page that has all there is.
    fn join(&mut self, page: &Page) {
        let before = page.entries.first().map(|entry| Id {
            at: entry.id.at.saturating_sub(1),
            nonce: 0,
        });
        self.begin(page.head.log, before.unwrap_or(page.head.last));
        self.accept_all(page);
    }

    /// Applies the records of a page that are new. A hole in front of one, or after the last one, is a
    /// loss.
    fn accept_all(&mut self, page: &Page) {
        for entry in &page.entries {
            let Some(line) = self.line else {
                return;
            };
            if entry.id.at <= line.last.at {
                continue;
            }
            if entry.id.at > line.last.at + 1 {
                let before = Id {
                    at: entry.id.at - 1,
                    nonce: 0,
                };
                self.miss_up_to(before, line.log);
            }
            self.accept(entry);
        }
        if !page.more {
            self.miss_up_to(page.head.last, page.head.log);
        }
    }

    fn miss_up_to(&mut self, last: Id, log: u64) {
        let line = self.line.filter(|line| line.log == log);
        if line.is_some_and(|line| last.at > line.last.at) {
            tracing::warn!("records of the log were removed before they were read");
            self.begin(log, last);
        }
    }
}

/// Reports whether a log does not have what it had before the read began.
fn is_rolled_back(page: &Page, from: Id, witnessed: Id) -> bool {
    let head = page.head.last;
    let known = match witnessed.at > from.at {
        true => witnessed,
        false => from,
    };
    let differs = |id: Id| {
        let mut all = page.entries.iter().map(|entry| entry.id).chain([head]);
        all.any(|other| other.at == id.at && other.nonce != id.nonce)
    };
    head.at < known.at || differs(from) || differs(known)
}
