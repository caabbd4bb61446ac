//! The same measurements as subjects of callgrind.

use std::sync::Arc;

use tokio::runtime::Runtime;

use super::{
    CROWD, LENGTH, LONG_DELAY, all, threaded,
    ways::{Call, OURS, Upstream, Way},
};
use crate::{fixture, poll, subject::Subject};

/// A way to make calls whose instructions are counted.
pub(in crate::bench) struct Counted {
    pub(in crate::bench) name: &'static str,
    /// Name of the way it is compared with.
    pub(in crate::bench) floor: &'static str,
    pub(in crate::bench) subject: Box<dyn Subject + Send>,
}

/// Calls with different keys, over an upstream that responds at once.
struct Unique {
    way: Way,
    made: usize,
    calls: Vec<Call>,
}

/// Callers of one key, each in its own task, over an upstream with a delay.
struct Crowd {
    way: Way,
    runtime: Arc<Runtime>,
    calls: Vec<Call>,
}

/// Number of callers in a crowd, by which its instructions are divided.
pub(in crate::bench) const CALLERS: usize = CROWD;

pub(in crate::bench) fn unique() -> impl Iterator<Item = Counted> {
    OURS.into_iter().map(|make| {
        let way = make(&Upstream::new(None, fixture::BODY));
        Counted::new(way, |way| Unique {
            way,
            made: 0,
            calls: Vec::new(),
        })
    })
}

pub(in crate::bench) fn crowd() -> impl Iterator<Item = Counted> {
    let runtime = Arc::new(threaded(1));
    OURS.into_iter().map(move |make| {
        let way = make(&Upstream::new(Some(LONG_DELAY), LENGTH));
        Counted::new(way, |way| Crowd {
            way,
            runtime: Arc::clone(&runtime),
            calls: Vec::new(),
        })
    })
}

// === impl Counted ===

impl Counted {
    fn new<S: Subject + Send + 'static>(way: Way, subject: impl FnOnce(Way) -> S) -> Self {
        Self {
            name: way.name,
            floor: way.floor,
            subject: Box::new(subject(way)),
        }
    }
}

// === impl Unique ===

impl Subject for Unique {
    fn prepare(&mut self, count: usize) {
        let numbers = self.made..self.made + count;
        self.calls.extend(numbers.map(&self.way.call));
        self.made += count;
    }

    fn exchange(&mut self) {
        for call in self.calls.drain(..) {
            std::hint::black_box(poll::now(call));
        }
    }
}

// === impl Crowd ===

impl Subject for Crowd {
    fn prepare(&mut self, count: usize) {
        self.calls.extend((0..count).map(|_| (self.way.call)(1)));
    }

    fn exchange(&mut self) {
        self.runtime.block_on(all(std::mem::take(&mut self.calls)));
    }
}
