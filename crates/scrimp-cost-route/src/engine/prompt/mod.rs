//! Contents of the providers' prompt caches, and what a prompt costs with them.

mod outlook;
mod returns;
mod tree;

use std::{cmp::Reverse, collections::BinaryHeap};

pub use self::outlook::{CacheTerms, Outlook};
use self::{
    outlook::Segment,
    returns::{Class, Returns, STAGES, end, stage, stage_end},
    tree::{Probe, Run, Step, Tree, count},
};

/// Questions that are answered per prompt at most, besides one per run of its path: a prompt must
/// not wait for those of others.
const ANSWERS: usize = 8;

/// A prompt, as far as it matters for caches: hashes of its blocks, each of which covers all blocks
/// before it.
#[derive(Debug, Clone, Default)]
pub struct Prompt {
    /// Hashes of the blocks.
    pub hashes: Vec<u64>,
    /// Kind of the request: those of one kind return with about the same chance.
    pub kind: u16,
}

/// Prompts of all providers: what their caches hold, and how likely a prefix returns.
///
/// Accounts are known by a number. The state is bounded in blocks; it has no clock.
#[derive(Debug)]
pub struct Prompts {
    tree: Tree,
    returns: Returns,
    /// Questions by the end of their present stage, at which the answer so far is no.
    due: BinaryHeap<Reverse<Due>>,
    most_due: usize,
    /// Seconds within which a block has to return.
    lifetime: f64,
    stamp: u64,
}

/// End of a probe's stage: time in milliseconds, stamp, key of the run.
type Due = (u64, u64, u64);

// === impl Prompts ===

impl Prompts {
    /// Makes a model that remembers at most about this many blocks. `lifetime` is that of the
    /// providers' caches, in seconds.
    #[must_use]
    pub fn new(most: usize, lifetime: f64) -> Self {
        Self {
            tree: Tree::new(most),
            returns: Returns::new(),
            due: BinaryHeap::new(),
            most_due: most / 16,
            lifetime,
            stamp: 0,
        }
    }

    /// Returns the known runs that a prompt begins with, and the chances that its blocks return.
    #[must_use]
    pub fn look(&self, now: f64, prompt: &Prompt) -> Outlook {
        let path = self.tree.walk(&prompt.hashes);
        let all = count(prompt.hashes.len());
        let mut segments = smallvec::SmallVec::new();
        let mut at = 0;
        let continues = self.continues(&path, now);
        for step in &path {
            let sights = self
                .tree
                .run(step.key)
                .map_or(0, |run| self.sights(run, now));
            let class = class(prompt, sights, continues);
            self.add(&mut segments, class, at, at + step.blocks, all);
            at += step.blocks;
        }
        self.add(&mut segments, class(prompt, 0, continues), at, all, all);
        Outlook { path, segments }
    }

    /// Adds blocks of one class, in groups of one chance.
    fn add(&self, to: &mut outlook::Segments, class: Class, from: u32, until: u32, all: u32) {
        let again = Class {
            sights: (class.sights + 1).clamp(2, 3),
            ..class
        };
        for (group, blocks) in groups(from, until, all) {
            to.push(Segment {
                blocks,
                chance: self.returns.chance(class, group),
                again: self.returns.chance(again, group),
            });
        }
    }

    /// Returns the number of first blocks of a prompt that an account's cache holds.
    #[must_use]
    pub fn held(&self, now: f64, outlook: &Outlook, account: u32) -> u32 {
        self.tree.held(&outlook.path, account, now)
    }

    /// Counts a prompt, and learns from it which earlier ones have returned.
    pub fn seen(&mut self, now: f64, prompt: &Prompt) {
        let (all, lifetime) = (count(prompt.hashes.len()), self.lifetime);
        let known = self.tree.walk(&prompt.hashes);
        let continues = self.continues(&known, now);
        self.answer(now, ANSWERS + known.len());
        let (due, most_due) = (&mut self.due, self.most_due);
        let path = self.tree.grow(&prompt.hashes, |upper, lower| {
            if let (Some(above), Some(below)) = (&mut upper.probe, &lower.probe) {
                above.behind = below.behind + lower.blocks();
                // The question about the lower part stays open.
                if due.len() < 2 * most_due {
                    let at = below.began + lifetime * stage_end(below.stage);
                    due.push(Reverse((millis(at), below.stamp, lower.key())));
                }
            }
        });
        let mut at = 0;
        for step in &path {
            at += step.blocks;
            self.stamp += 1;
            let Some(run) = self.tree.run_mut(step.key) else {
                continue;
            };
            if let Some(probe) = run.probe.take() {
                let back = stage((now - probe.began) / lifetime);
                for passed in probe.stage..back {
                    learn(&mut self.returns, &probe, step.blocks, passed, false);
                }
                if back < STAGES {
                    learn(&mut self.returns, &probe, step.blocks, back, true);
                }
            }
            let sights = sights(run, now, lifetime);
            let in_time = now - run.seen <= lifetime;
            run.sights = if in_time {
                run.sights.saturating_add(1)
            } else {
                1
            };
            run.seen = now;
            if self.due.len() < self.most_due {
                run.probe = Some(Probe {
                    class: class(prompt, sights, continues),
                    began: now,
                    stage: 0,
                    stamp: self.stamp,
                    behind: all - at,
                    whole: step.blocks,
                });
                let at = now + lifetime * stage_end(0);
                self.due.push(Reverse((millis(at), self.stamp, step.key)));
            }
        }
        self.tree.shrink();
    }

    /// Marks the first blocks of a prompt as held by an account for some seconds from now, and its
    /// other blocks as not held.
    pub fn hold(&mut self, now: f64, prompt: &Prompt, account: u32, blocks: u32, seconds: f64) {
        let path = self.tree.walk(&prompt.hashes);
        self.tree.hold(&path, account, blocks, now, now + seconds);
    }

    /// Forgets all prompts, and keeps what was learned about their return.
    #[cfg(feature = "engine")]
    pub fn forget_all(&mut self) {
        self.tree.clear();
        self.due.clear();
    }

    /// Learns that blocks did not return, as far as their time is over.
    fn answer(&mut self, now: f64, most: usize) {
        for _ in 0..most {
            let is_over = |due: &Reverse<Due>| due.0.0 < millis(now);
            if !self.due.peek().is_some_and(is_over) {
                return;
            }
            let Some(Reverse((_, stamp, key))) = self.due.pop() else {
                return;
            };
            let Some(run) = self.tree.run_mut(key) else {
                continue;
            };
            let blocks = run.blocks();
            let Some(probe) = run.probe.as_mut().filter(|probe| probe.stamp == stamp) else {
                continue;
            };
            learn(&mut self.returns, probe, blocks, probe.stage, false);
            probe.stage += 1;
            if probe.stage < STAGES {
                let at = probe.began + self.lifetime * stage_end(probe.stage);
                self.due.push(Reverse((millis(at), stamp, key)));
            } else {
                run.probe = None;
            }
        }
    }

    fn sights(&self, run: &Run, now: f64) -> u8 {
        sights(run, now, self.lifetime)
    }

    fn continues(&self, path: &[Step], now: f64) -> bool {
        let first = path.first().and_then(|step| self.tree.run(step.key));
        first.is_some_and(|run| now - run.seen <= self.lifetime)
    }
}

fn sights(run: &Run, now: f64, lifetime: f64) -> u8 {
    match run.sights {
        0 => 0,
        _ if now - run.seen > lifetime => 1,
        1 => 2,
        _ => 3,
    }
}

fn class(prompt: &Prompt, sights: u8, continues: bool) -> Class {
    let blocks = prompt.hashes.len().max(1);
    Class {
        sights,
        continues,
        size: u8::try_from(blocks.ilog2()).unwrap_or(u8::MAX),
        kind: prompt.kind,
    }
}

/// Learns from a run with a probe: its blocks have returned in a stage, or not. A prompt counts once per group,
/// however long it is.
#[expect(clippy::cast_precision_loss, reason = "a number of blocks")]
fn learn(returns: &mut Returns, probe: &Probe, blocks: u32, stage: usize, returned: bool) {
    let all = blocks + probe.behind;
    for (group, some) in groups(0, blocks, all) {
        let weight = some as f32 / probe.whole.max(some) as f32;
        let weight = if group < returns::ENDS - 1 {
            1.0
        } else {
            weight
        };
        returns.learn(probe.class, group, stage, weight, returned);
    }
}

/// Splits a part of a prompt of `all` blocks into groups by the number of blocks behind, from the
/// front. Returns each group and its number of blocks.
fn groups(from: u32, until: u32, all: u32) -> impl Iterator<Item = (usize, u32)> {
    let mut at = from;
    std::iter::from_fn(move || {
        if at >= until {
            return None;
        }
        let behind = all - 1 - at;
        let (group, _) = end(behind);
        let least = [0, 1, 2, 4, 8][group];
        let next = (all - least).min(until);
        let blocks = next - at;
        at = next;
        Some((group, blocks))
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates; a time is at least 0"
)]
fn millis(seconds: f64) -> u64 {
    (seconds * 1_000.0) as u64
}

#[cfg(test)]
mod tests;
