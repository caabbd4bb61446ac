//! A record of writes, and of the versions that an answer may have.
//!
//! The rule of invalidation: an answer is never older than the newest version whose invalidation
//! had returned before its request began. It holds for every resource, with and without
//! stale-while-revalidate, as only a soft invalidation leaves a response to be served stale. Where
//! that is allowed, a soft invalidation does not count here.
//!
//! The rule of lifetimes, which bounds what was not invalidated: the version of an answer was still
//! the current one, or replaced by no more than its lifetime, with the staleness that its
//! Cache-Control allows, before the request began; and [`LONGEST_CALL`] more, as a request may join
//! a call that was under way.
//!
//! No answer has a version that was not yet written when the answer ended.

use std::{collections::VecDeque, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::thing::{Area, NUMBERS, Thing};

/// Longest time from the upstream's look at a version to the end of its body.
pub(crate) const LONGEST_CALL: Duration = Duration::from_secs(15);

/// Ends of versions that are remembered of each resource.
const REMEMBERED: usize = 4096;

/// The versions of all resources that are written.
#[derive(Debug)]
pub(crate) struct Truth(Vec<Mutex<History>>);

#[derive(Debug, Default)]
struct History {
    current: u64,
    /// Newest version whose invalidation has returned.
    settled: u64,
    /// Times at which the versions before the current one were replaced, newest last.
    replaced: VecDeque<Instant>,
}

/// The writes that were settled when a request began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before {
    settled: u64,
    began: Instant,
}

/// Reason why a version is not right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Untrue {
    /// It was not yet written.
    Unwritten(String),
    /// It is too old.
    Stale(String),
}

// === impl Truth ===

impl Truth {
    pub(crate) fn new() -> Self {
        let count = Area::WRITTEN.len() * NUMBERS as usize;
        Self((0..count).map(|_| Mutex::default()).collect())
    }

    fn history(&self, thing: Thing) -> Option<&Mutex<History>> {
        let area = Area::WRITTEN.iter().position(|area| *area == thing.area)?;
        let number = usize::try_from(thing.number).ok()?;
        (thing.number < NUMBERS).then(|| &self.0[area * NUMBERS as usize + number])
    }

    /// Returns the version that the upstream gives now.
    pub(crate) fn current(&self, thing: Thing) -> u64 {
        self.history(thing)
            .map_or(0, |history| history.lock().current)
    }

    /// Writes a new version, which the upstream gives from now on.
    pub(crate) fn write(&self, thing: Thing) -> u64 {
        let Some(history) = self.history(thing) else {
            return 0;
        };
        let mut history = history.lock();
        history.current += 1;
        history.replaced.push_back(Instant::now());
        if history.replaced.len() > REMEMBERED {
            history.replaced.pop_front();
        }
        history.current
    }

    /// Notes that the invalidation of everything older than this version has returned.
    pub(crate) fn settle(&self, thing: Thing, version: u64) {
        if let Some(history) = self.history(thing) {
            let mut history = history.lock();
            history.settled = history.settled.max(version);
        }
    }

    pub(crate) fn before(&self, thing: Thing) -> Before {
        let settled = self.history(thing);
        Before {
            settled: settled.map_or(0, |history| history.lock().settled),
            began: Instant::now(),
        }
    }

    /// Checks the version of an answer that has ended now.
    pub(crate) fn check(&self, thing: Thing, version: u64, before: Before) -> Result<(), Untrue> {
        let Some(history) = self.history(thing) else {
            return match version {
                0 => Ok(()),
                _ => Err(Untrue::Unwritten(format!("{version} of one version"))),
            };
        };
        let history = history.lock();
        if version > history.current {
            let text = format!("{version}, while the newest is {}", history.current);
            return Err(Untrue::Unwritten(text));
        }
        if version < before.settled {
            let text = format!("{version}, {} was settled before", before.settled);
            return Err(Untrue::Stale(text));
        }
        let Some(lifetime) = thing.area.lifetime() else {
            return Ok(());
        };
        let behind = (history.current - version) as usize;
        if behind == 0 {
            return Ok(());
        }
        let index = history.replaced.len().checked_sub(behind);
        let replaced = index.map(|index| history.replaced[index]);
        let age = replaced.map(|at| before.began.saturating_duration_since(at));
        match age {
            Some(age) if age <= lifetime + LONGEST_CALL => Ok(()),
            age => Err(Untrue::Stale(format!(
                "{version}, replaced {age:?} before the request, {behind} versions ago"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: Thing = Thing {
        area: Area::Strict,
        number: 3,
    };

    #[tokio::test(start_paused = true)]
    async fn an_answer_may_have_any_version_between_the_settled_and_the_written() {
        let truth = Truth::new();
        truth.write(STRICT);
        truth.settle(STRICT, 1);
        let before = truth.before(STRICT);
        truth.write(STRICT);
        truth.settle(STRICT, 2);
        let check = |version| truth.check(STRICT, version, before);
        assert!(matches!(check(0), Err(Untrue::Stale(_))), "settled before");
        assert_eq!((check(1), check(2)), (Ok(()), Ok(())), "settled meanwhile");
        assert!(matches!(check(3), Err(Untrue::Unwritten(_))), "invented");
    }

    #[tokio::test(start_paused = true)]
    async fn without_an_invalidation_an_answer_may_be_old_for_its_lifetime_and_a_call() {
        let truth = Truth::new();
        truth.write(STRICT);
        let most = Duration::from_secs(1) + LONGEST_CALL;
        tokio::time::advance(most).await;
        assert_eq!(truth.check(STRICT, 0, truth.before(STRICT)), Ok(()));
        tokio::time::advance(Duration::from_millis(1)).await;
        let check = truth.check(STRICT, 0, truth.before(STRICT));
        assert!(matches!(check, Err(Untrue::Stale(_))), "{check:?}");
    }
}
