//! Prefixes of recent prompts, as a tree of runs of blocks.

use hashlink::LinkedHashMap;
use smallvec::SmallVec;

use super::returns::Class;

/// Weight of a run beside its blocks, in blocks: about the memory of its state.
const RUN: usize = 24;

/// Runs of blocks that recent prompts begin with.
///
/// The hash of a block covers all blocks before it, so a run is found by the hash of its first
/// block alone. The run that was used least recently goes first. A run is used whenever a longer
/// prefix is, and later in each walk, so no run goes before those that continue it.
#[derive(Debug)]
pub(super) struct Tree {
    runs: LinkedHashMap<u64, Run>,
    size: usize,
    most: usize,
}

/// Blocks that all prompts so far have had together.
#[derive(Debug)]
pub(super) struct Run {
    hashes: Vec<u64>,
    /// Time of the last prompt that has it.
    pub(super) seen: f64,
    /// Number of prompts that had it, each within the lifetime of the one before.
    pub(super) sights: u32,
    /// Accounts whose prompt caches hold it, or its beginning.
    held: SmallVec<[Held; 2]>,
    /// Part that is yet to be learned from the last prompt that had it.
    pub(super) probe: Option<Probe>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Held {
    account: u32,
    blocks: u32,
    until: f64,
}

/// Question whether the blocks of a run return in time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probe {
    pub(super) class: Class,
    pub(super) began: f64,
    /// The first stage of the lifetime without an answer.
    pub(super) stage: usize,
    /// Number that tells the probe from others of the run.
    pub(super) stamp: u64,
    /// Blocks of the prompt behind the run.
    pub(super) behind: u32,
    /// Blocks that the question was about at first.
    pub(super) whole: u32,
}

/// Part of a walk along a prompt: blocks that one run has in common with it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) key: u64,
    pub(super) blocks: u32,
    /// True if the prompt has all blocks of the run.
    pub(super) whole: bool,
}

pub(super) type Path = SmallVec<[Step; 8]>;

// === impl Tree ===

impl Tree {
    pub(super) fn new(most: usize) -> Self {
        Self {
            runs: LinkedHashMap::new(),
            size: 0,
            most,
        }
    }

    /// Returns the runs that a prompt begins with.
    pub(super) fn walk(&self, hashes: &[u64]) -> Path {
        let (mut path, mut rest) = (Path::new(), hashes);
        while let Some(run) = rest.first().and_then(|first| self.runs.get(first)) {
            let common = run.common(rest);
            path.push(Step {
                key: rest[0],
                blocks: count(common),
                whole: common == run.hashes.len(),
            });
            rest = &rest[common..];
            if common < run.hashes.len() {
                break;
            }
        }
        path
    }

    pub(super) fn run(&self, key: u64) -> Option<&Run> {
        self.runs.get(&key)
    }

    pub(super) fn run_mut(&mut self, key: u64) -> Option<&mut Run> {
        self.runs.get_mut(&key)
    }

    /// Makes the path of a prompt consist of whole runs, of which the last ends with the prompt, and
    /// marks them as used. `split` is called with the runs before and after a place where prompts
    /// part.
    pub(super) fn grow(
        &mut self,
        hashes: &[u64],
        mut split: impl FnMut(&mut Run, &mut Run),
    ) -> Path {
        let mut path = self.walk(hashes);
        let mut known = 0;
        for step in &mut path {
            known += step.blocks as usize;
            if step.whole {
                continue;
            }
            step.whole = true;
            let upper = self.runs.get_mut(&step.key).expect("it was walked along");
            let mut lower = upper.split(step.blocks as usize);
            split(upper, &mut lower);
            self.size += RUN;
            self.runs.insert(lower.key(), lower);
        }
        if let Some(first) = hashes.get(known) {
            let new = Run::new(hashes[known..].to_vec());
            self.size += RUN + new.hashes.len();
            path.push(Step {
                key: *first,
                blocks: count(new.hashes.len()),
                whole: true,
            });
            self.runs.insert(*first, new);
        }
        for step in path.iter().rev() {
            self.runs.to_back(&step.key);
        }
        path
    }

    /// Removes runs until the tree is within its bound.
    pub(super) fn shrink(&mut self) {
        while self.size > self.most {
            let Some((_, run)) = self.runs.pop_front() else {
                return;
            };
            self.size -= RUN + run.hashes.len();
        }
    }

    /// Returns the number of blocks of a path that an account's cache holds.
    pub(super) fn held(&self, path: &[Step], account: u32, now: f64) -> u32 {
        let mut sum = 0;
        for step in path {
            let blocks = self
                .runs
                .get(&step.key)
                .map_or(0, |run| run.held_by(account, now));
            sum += blocks.min(step.blocks);
            if blocks < step.blocks {
                break;
            }
        }
        sum
    }

    /// Marks the beginning of a path as held by an account, and the rest as not held.
    pub(super) fn hold(
        &mut self,
        path: &[Step],
        account: u32,
        mut blocks: u32,
        now: f64,
        until: f64,
    ) {
        for step in path {
            if let Some(run) = self.runs.get_mut(&step.key) {
                let here = blocks.min(step.blocks);
                // Other prompts may have gone further along a run than this one.
                let beyond = here == step.blocks && !step.whole;
                run.hold(account, here, beyond, now, until);
            }
            blocks -= blocks.min(step.blocks);
        }
    }

    #[cfg(feature = "engine")]
    pub(super) fn clear(&mut self) {
        self.runs.clear();
        self.size = 0;
    }

    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        self.size
    }
}

// === impl Run ===

impl Run {
    fn new(hashes: Vec<u64>) -> Self {
        Self {
            hashes,
            seen: f64::NEG_INFINITY,
            sights: 0,
            held: SmallVec::new(),
            probe: None,
        }
    }

    pub(super) fn blocks(&self) -> u32 {
        count(self.hashes.len())
    }

    pub(super) fn key(&self) -> u64 {
        self.hashes[0]
    }

    /// Returns the number of blocks that a prompt has in common with the run.
    fn common(&self, rest: &[u64]) -> usize {
        let most = self.hashes.len().min(rest.len());
        if self.hashes[most - 1] == rest[most - 1] {
            return most;
        }
        // Two chains that have parted never meet again.
        let (mut same, mut other) = (0, most - 1);
        while same < other {
            let middle = usize::midpoint(same, other);
            if self.hashes[middle] == rest[middle] {
                same = middle + 1;
            } else {
                other = middle;
            }
        }
        same
    }

    fn split(&mut self, at: usize) -> Self {
        let place = count(at);
        let part = |held: &Held, blocks: u32| Held { blocks, ..*held };
        let lower = self.held.iter().filter(|held| held.blocks > place);
        let lower = Self {
            hashes: self.hashes.split_off(at),
            held: lower.map(|held| part(held, held.blocks - place)).collect(),
            ..*self
        };
        for held in &mut self.held {
            held.blocks = held.blocks.min(place);
        }
        lower
    }

    fn held_by(&self, account: u32, now: f64) -> u32 {
        let held = self.held.iter().find(|held| held.account == account);
        held.filter(|held| held.until >= now)
            .map_or(0, |held| held.blocks)
    }

    fn hold(&mut self, account: u32, mut blocks: u32, beyond: bool, now: f64, until: f64) {
        if beyond {
            blocks = blocks.max(self.held_by(account, now));
        }
        self.held
            .retain(|held| held.account != account && held.until >= now);
        if blocks > 0 {
            self.held.push(Held {
                account,
                blocks,
                until,
            });
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a prompt has fewer blocks")]
pub(super) fn count(blocks: usize) -> u32 {
    blocks as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns hashes of blocks, each of which covers those before.
    fn chain(blocks: &[u64]) -> Vec<u64> {
        let mut last = 0x5851_f42d_4c95_7f2d_u64;
        let next = |block: &u64| {
            last = (last ^ block)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(29);
            last
        };
        blocks.iter().map(next).collect()
    }

    fn depth(path: &[Step]) -> u32 {
        path.iter().map(|step| step.blocks).sum()
    }

    #[test]
    fn a_prompt_is_known_as_far_as_an_earlier_one_goes_the_same_way() {
        let mut tree = Tree::new(10_000);
        tree.grow(&chain(&[1, 2, 3, 4, 5]), |_, _| {});
        for (prompt, expected) in [
            (&[1, 2, 3][..], 3),
            (&[1, 2, 9, 4], 2),
            (&[1, 2, 3, 4, 5, 6], 5),
            (&[2, 3], 0),
            (&[], 0),
        ] {
            assert_eq!(depth(&tree.walk(&chain(prompt))), expected, "{prompt:?}");
        }
        let mut parted = 0;
        tree.grow(&chain(&[1, 2, 9]), |_, _| parted += 1);
        assert_eq!(parted, 1);
        for prompt in [&[1, 2, 3, 4, 5][..], &[1, 2, 9]] {
            let path = tree.walk(&chain(prompt));
            assert_eq!((depth(&path), path.len()), (count(prompt.len()), 2));
        }
    }

    #[test]
    fn what_an_account_holds_ends_with_its_time_and_where_prompts_part() {
        let mut tree = Tree::new(10_000);
        let long = chain(&[1, 2, 3, 4, 5]);
        let path = tree.grow(&long, |_, _| {});
        tree.hold(&path, 1, 4, 0.0, 300.0);
        let held = |tree: &Tree, prompt: &[u64], account, now| {
            tree.held(&tree.walk(&chain(prompt)), account, now)
        };
        assert_eq!(held(&tree, &[1, 2, 3, 4, 5], 1, 300.0), 4);
        assert_eq!(held(&tree, &[1, 2, 3, 4, 5], 1, 300.1), 0);
        assert_eq!(held(&tree, &[1, 2, 3, 4, 5], 2, 0.0), 0);
        let path = tree.grow(&chain(&[1, 2, 9]), |_, _| {});
        assert_eq!(held(&tree, &[1, 2, 9], 1, 1.0), 2);
        assert_eq!(held(&tree, &[1, 2, 3, 4, 5], 1, 1.0), 4);
        tree.hold(&path, 2, 3, 1.0, 300.0);
        assert_eq!(held(&tree, &[1, 2, 9], 2, 2.0), 3);
        assert_eq!(held(&tree, &[1, 2, 3, 4, 5], 2, 2.0), 2);
        tree.hold(&path, 2, 1, 2.0, 300.0);
        assert_eq!(
            held(&tree, &[1, 2, 9], 2, 2.0),
            1,
            "the account has forgotten the rest"
        );
    }

    #[test]
    fn invented_prompts_do_not_fill_the_memory_and_the_end_of_a_prompt_goes_first() {
        let mut tree = Tree::new(1_000);
        for n in 0..100_000 {
            tree.grow(&chain(&[n % 10, n, n + 1]), |_, _| {});
            tree.shrink();
            assert!(tree.size() <= 1_000);
        }
        let size = |tree: &Tree| {
            let runs = tree.runs.values();
            runs.map(|run| RUN + run.hashes.len()).sum::<usize>()
        };
        assert_eq!(size(&tree), tree.size());
        assert_eq!(depth(&tree.walk(&chain(&[9, 99_999, 100_000]))), 3);
        assert!(tree.runs.len() > 10);
        for n in 0..10 {
            assert_eq!(
                depth(&tree.walk(&chain(&[n]))),
                1,
                "the shared beginning stays"
            );
        }
    }
}
