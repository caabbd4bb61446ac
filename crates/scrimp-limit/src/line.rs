//! Requests that wait, in line.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::Mutex as Turn;

use crate::buckets::Subject;

/// The lines, one for each limit that requests wait for.
#[derive(Debug)]
pub(crate) struct Lines {
    open: Mutex<Open>,
    most: usize,
}

#[derive(Debug, Default)]
struct Open {
    lines: HashMap<Subject, Line>,
    waiters: usize,
}

#[derive(Debug, Default)]
struct Line {
    /// Held by the first in line; tokio's mutex serves in order.
    turn: Arc<Turn<()>>,
    waiters: usize,
    weight: u64,
}

/// A place in a line. Its drop leaves the line.
pub(crate) struct Place {
    lines: Arc<Lines>,
    subject: Subject,
    weight: u64,
    /// The weight of those that were in line before.
    pub(crate) ahead: u64,
    pub(crate) turn: Arc<Turn<()>>,
}

// === impl Lines ===

impl Lines {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            open: Mutex::default(),
            most,
        }
    }

    /// Returns the number of requests that wait, over all lines.
    pub(crate) fn waiters(&self) -> usize {
        self.open.lock().waiters
    }

    /// Returns the weight of the requests that wait for one limit.
    pub(crate) fn ahead(&self, subject: Subject) -> u64 {
        let open = self.open.lock();
        open.lines.get(&subject).map_or(0, |line| line.weight)
    }

    /// Joins a line. Returns `None` if too many wait already. A place without a bound is not
    /// refused.
    pub(crate) fn join(
        self: &Arc<Self>,
        subject: Subject,
        weight: u64,
        bounded: bool,
    ) -> Option<Place> {
        let mut open = self.open.lock();
        if bounded && open.waiters >= self.most {
            return None;
        }
        open.waiters += 1;
        let line = open.lines.entry(subject).or_default();
        let ahead = line.weight;
        line.waiters += 1;
        line.weight = line.weight.saturating_add(weight);
        Some(Place {
            lines: Arc::clone(self),
            subject,
            weight,
            ahead,
            turn: Arc::clone(&line.turn),
        })
    }
}

// === impl Place ===

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.lines.open.lock();
        open.waiters -= 1;
        if let Some(line) = open.lines.get_mut(&self.subject) {
            line.waiters -= 1;
            line.weight = line.weight.saturating_sub(self.weight);
            if line.waiters == 0 {
                open.lines.remove(&self.subject);
            }
        }
    }
}
