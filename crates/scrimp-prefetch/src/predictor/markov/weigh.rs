//! The probabilities of all candidates, by each expert and together.

use super::{
    context::{Contexts, EXPERTS, Expert, shape},
    float::{dot, exp, larger, ln, sum},
    index::{CANDIDATES, Index, PLACES, SEEN},
    mixer::Mixer,
    popular::Popular,
    table::Node,
};
use crate::Trail;

/// Least probability that an expert gives.
const LEAST: f32 = 1e-7;

/// Least probability of all items together that are no candidates.
const LEAST_REST: f32 = 1e-4;

/// A number for each candidate. Those behind the last candidate are of no meaning, but worked on, as a processor takes
/// several at a time.
type Row = [f32; CANDIDATES];

/// Weighed candidates. It is kept between requests, as it is large.
pub(super) struct Weighed {
    index: Index,
    /// Counts of how often items with each place of the index have followed, by expert.
    counts: [[u16; PLACES]; EXPERTS],
    /// The logarithm of each candidate's probability, by expert.
    logs: [Row; EXPERTS],
    /// The logarithm of the probability of all other items together, by expert.
    rests: [f32; EXPERTS],
    /// The expert whose row holds for an expert: one that has seen nothing says what its parent says.
    rows: [usize; EXPERTS],
    probabilities: Row,
    /// Probability of all other items together.
    rest: f32,
    seen: [u16; EXPERTS],
    shape: usize,
}

// === impl Weighed ===

impl Default for Weighed {
    fn default() -> Self {
        Self {
            index: Index::default(),
            counts: [[0; PLACES]; EXPERTS],
            logs: [[0.0; CANDIDATES]; EXPERTS],
            rests: [0.0; EXPERTS],
            rows: [0; EXPERTS],
            probabilities: [0.0; CANDIDATES],
            rest: 0.0,
            seen: [0; EXPERTS],
            shape: 0,
        }
    }
}

impl Weighed {
    /// Weighs what a session may ask for next, by what followed the context of each expert.
    pub(super) fn weigh(
        &mut self,
        nodes: &[&Node; EXPERTS],
        contexts: &Contexts,
        popular: &Popular,
        mixer: &Mixer<EXPERTS>,
        trail: &Trail,
    ) {
        self.shape = shape(trail);
        self.name(nodes, contexts, popular, trail);
        self.popularity(popular);
        for expert in &Expert::ALL[1..] {
            let own = contexts.own(*expert) as usize;
            self.expert(*expert, own, nodes[own]);
        }
        self.together(mixer);
    }

    /// Returns how much each expert has seen.
    pub(super) fn seen(&self) -> &[u16; EXPERTS] {
        &self.seen
    }

    /// Returns the shape of the session.
    pub(super) fn shape(&self) -> usize {
        self.shape
    }

    /// Returns the likeliest candidates, with their probabilities.
    pub(super) fn best<const MOST: usize>(&self) -> impl Iterator<Item = (u32, f32)> + use<MOST> {
        let mut best = [(0_u32, 0.0_f32); MOST];
        for (item, probability) in self.index.candidates().iter().zip(&self.probabilities) {
            let mut one = (*item, *probability);
            for place in &mut best {
                if one.1 > place.1 {
                    std::mem::swap(&mut one, place);
                }
            }
        }
        best.into_iter().filter(|(item, _)| *item != 0)
    }

    /// Returns what an item's coming tells of each expert: its logarithm, less the expected one. For an expert that has
    /// seen nothing, it is 0.
    pub(super) fn surprise(&self, item: u32) -> [f32; EXPERTS] {
        let came = self.index.place(item);
        std::array::from_fn(|expert| {
            if self.seen[expert] == 0 {
                return 0.0;
            }
            let (logs, rest) = (&self.logs[expert], self.rests[expert]);
            let expected = dot(logs, &self.probabilities) + rest * self.rest;
            logs.get(came).unwrap_or(&rest) - expected
        })
    }

    /// Collects candidates: what followed each context, and what is popular.
    fn name(
        &mut self,
        nodes: &[&Node; EXPERTS],
        contexts: &Contexts,
        popular: &Popular,
        trail: &Trail,
    ) {
        self.index.begin(trail);
        let mut is_counted = [false; EXPERTS];
        for expert in Expert::NAMING {
            let own = contexts.own(expert) as usize;
            if std::mem::replace(&mut is_counted[own], true) {
                continue;
            }
            let counts = &mut self.counts[own];
            *counts = [0; PLACES];
            self.index.count_and_add(nodes[own], counts);
        }
        for expert in Expert::FOLLOWING {
            let counts = &mut self.counts[expert as usize];
            *counts = [0; PLACES];
            self.index.count(nodes[expert as usize].items(), counts);
        }
        for item in popular.top() {
            if item != 0 && !self.index.is_full() {
                self.index.add(item);
            }
        }
    }

    fn popularity(&mut self, popular: &Popular) {
        let (row, probability) = (&mut self.logs[0], popular.probability());
        *row = [LEAST; CANDIDATES];
        let mut rest = 1.0;
        for (place, item) in row.iter_mut().zip(self.index.candidates()) {
            *place = larger(probability(*item), LEAST);
            rest -= *place;
        }
        self.rests[0] = larger(rest, LEAST_REST);
        self.rows[0] = 0;
        self.seen[0] = popular.seen();
    }

    /// Fills in the probabilities by one expert, after those of its parent.
    fn expert(&mut self, expert: Expert, own: usize, node: &Node) {
        let (at, lower) = (expert as usize, self.rows[expert.parent() as usize]);
        self.seen[at] = node.total();
        if node.total() == 0 {
            (self.rows[at], self.rests[at]) = (lower, 1.0);
            return;
        }
        self.rows[at] = at;
        let counts = &self.counts[own];
        // Items that the session has seen cannot come.
        let total = f32::from(node.total()) - f32::from(counts[SEEN]);
        let escape = f32::from(node.different()) + 0.3;
        let scale = 1.0 / (larger(total, 0.0) + escape);
        let (before, from) = self.logs.split_at_mut(at);
        let (lower, row) = (&before[lower], &mut from[0]);
        for place in 0..CANDIDATES {
            let probability = (f32::from(counts[place]) + escape * lower[place]) * scale;
            row[place] = larger(probability, LEAST);
        }
        self.rests[at] = larger(1.0 - sum(row), LEAST_REST);
    }

    /// Multiplies what the experts say, each to the power of its weight.
    fn together(&mut self, mixer: &Mixer<EXPERTS>) {
        let weights = mixer.weights(&self.seen, self.shape);
        let mut scores = [0.0; CANDIDATES];
        for (expert, weight) in weights.iter().enumerate() {
            if self.seen[expert] == 0 {
                // It learns nothing.
                continue;
            }
            for (log, score) in self.logs[expert].iter_mut().zip(&mut scores) {
                *log = ln(*log);
                *score += weight * *log;
            }
        }
        let mut rest = 0.0;
        for (log, weight) in self.rests.iter_mut().zip(&weights) {
            *log = ln(*log);
            rest += weight * *log;
        }
        let candidates = self.index.candidates().len();
        scores[candidates..].fill(f32::MIN);
        let most = scores.iter().copied().fold(rest, larger);
        for score in &mut scores {
            *score = exp(*score - most);
        }
        let rest = exp(rest - most);
        let scale = 1.0 / (sum(&scores) + rest);
        self.probabilities = scores.map(|score| score * scale);
        self.rest = rest * scale;
    }
}
