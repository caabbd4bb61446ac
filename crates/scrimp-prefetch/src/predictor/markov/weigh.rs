//! The probabilities of all candidates, by each expert and together.

use super::{
    context::{EXPERTS, Expert, shape},
    mixer::Mixer,
    popular::Popular,
    table::{Node, Table},
};
use crate::Trail;

/// Candidates that are weighed.
const CANDIDATES: usize = 24;

/// Places of the index of candidates and of items that the session has seen.
const PLACES: usize = 256;

/// Least probability that an expert gives.
const LEAST: f32 = 1e-7;

/// Weighed candidates. It is kept between requests, as it is large.
pub(super) struct Weighed {
    items: [u32; CANDIDATES],
    count: usize,
    /// The logarithm of each candidate's probability, by expert. The last one of each row, behind all
    /// candidates, is that of all other items.
    logs: [[f32; CANDIDATES + 1]; EXPERTS],
    probabilities: [f32; CANDIDATES + 1],
    seen: [u16; EXPERTS],
    shape: usize,
    index: Index,
}

/// Finds candidates by their item.
struct Index {
    places: [(u32, u8); PLACES],
}

/// Mark of an item that the session has seen.
const SEEN: u8 = u8::MAX;

// === impl Weighed ===

impl Default for Weighed {
    fn default() -> Self {
        Self {
            items: [0; CANDIDATES],
            count: 0,
            logs: [[0.0; CANDIDATES + 1]; EXPERTS],
            probabilities: [0.0; CANDIDATES + 1],
            seen: [0; EXPERTS],
            shape: 0,
            index: Index {
                places: [(0, 0); PLACES],
            },
        }
    }
}

impl Weighed {
    /// Weighs what a session may ask for next.
    pub(super) fn weigh(
        &mut self,
        table: &Table,
        popular: &Popular,
        mixer: &Mixer<EXPERTS>,
        contexts: &[u64; EXPERTS],
        trail: &Trail,
    ) {
        let nodes = contexts.map(|context| table.get(context));
        self.shape = shape(trail);
        self.name(&nodes, popular, trail);
        self.popularity(popular);
        for expert in &Expert::ALL[1..] {
            self.expert(*expert, nodes[*expert as usize]);
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
        for (item, probability) in self.items[..self.count].iter().zip(&self.probabilities) {
            let mut one = (*item, *probability);
            for place in &mut best {
                if one.1 > place.1 {
                    std::mem::swap(&mut one, place);
                }
            }
        }
        best.into_iter().filter(|(item, _)| *item != 0)
    }

    /// Returns what an item's coming tells of each expert: its logarithm, less the expected one.
    pub(super) fn surprise(&self, item: u32) -> [f32; EXPERTS] {
        let came = match self.index.find(item) {
            Some(place) if place != SEEN => usize::from(place),
            _ => self.count,
        };
        std::array::from_fn(|expert| {
            let logs = &self.logs[expert][..=self.count];
            let expected: f32 = logs
                .iter()
                .zip(&self.probabilities)
                .map(|(log, p)| log * p)
                .sum();
            logs[came] - expected
        })
    }

    /// Collects candidates: what followed each context, and what is popular.
    fn name(&mut self, nodes: &[&Node; EXPERTS], popular: &Popular, trail: &Trail) {
        self.count = 0;
        self.index.clear();
        for item in trail.seen() {
            self.index.insert(item.get(), SEEN);
        }
        for expert in Expert::NAMING {
            for (item, _) in nodes[expert as usize].items() {
                self.add(item);
            }
        }
        for item in popular.top() {
            self.add(item);
        }
    }

    fn add(&mut self, item: u32) {
        if self.count < CANDIDATES && item != 0 && self.index.find(item).is_none() {
            #[expect(clippy::cast_possible_truncation, reason = "there are few candidates")]
            self.index.insert(item, self.count as u8);
            self.items[self.count] = item;
            self.count += 1;
        }
    }

    fn popularity(&mut self, popular: &Popular) {
        let row = &mut self.logs[Expert::Popularity as usize];
        let mut rest = 1.0;
        for (probability, item) in row.iter_mut().zip(&self.items[..self.count]) {
            *probability = popular.probability(*item).max(LEAST);
            rest -= *probability;
        }
        row[self.count] = rest.max(1e-4);
        self.seen[Expert::Popularity as usize] = popular.seen();
    }

    /// Fills in the probabilities by one expert, after those of its parent.
    fn expert(&mut self, expert: Expert, node: &Node) {
        let count = self.count;
        let (before, from) = self.logs.split_at_mut(expert as usize);
        let (row, lower) = (&mut from[0], &before[expert.parent() as usize]);
        let mut total = f32::from(node.total());
        let mut counts = [0_u16; CANDIDATES];
        for (item, times) in node.items() {
            match self.index.find(item) {
                // It cannot come.
                Some(SEEN) => total -= f32::from(times),
                Some(place) => counts[usize::from(place)] = times,
                None => {}
            }
        }
        let escape = f32::from(node.different()) + 0.3;
        let scale = 1.0 / (total.max(0.0) + escape);
        let mut rest = 1.0;
        for place in 0..count {
            let probability = (f32::from(counts[place]) + escape * lower[place]) * scale;
            row[place] = probability.max(LEAST);
            rest -= probability;
        }
        row[count] = rest.max(1e-4);
        self.seen[expert as usize] = node.total();
    }

    /// Multiplies what the experts say, each to the power of its weight.
    fn together(&mut self, mixer: &Mixer<EXPERTS>) {
        let weights = mixer.weights(&self.seen, self.shape);
        let all = ..=self.count;
        self.probabilities[all].fill(0.0);
        for (row, weight) in self.logs.iter_mut().zip(weights) {
            for (log, score) in row[all].iter_mut().zip(&mut self.probabilities[all]) {
                *log = log.ln();
                *score += weight * *log;
            }
        }
        let scores = &mut self.probabilities[all];
        let most = scores.iter().copied().fold(f32::MIN, f32::max);
        let mut sum = 0.0;
        for score in scores.iter_mut() {
            *score = (*score - most).exp();
            sum += *score;
        }
        for score in scores {
            *score /= sum;
        }
    }
}

// === impl Index ===

impl Index {
    fn clear(&mut self) {
        self.places = [(0, 0); PLACES];
    }

    /// Inserts an item that is not there. There is room for all: there are more places than candidates and
    /// items of a trail.
    fn insert(&mut self, item: u32, value: u8) {
        let mut at = Self::start(item);
        while self.places[at].0 != 0 {
            at = (at + 1) % PLACES;
        }
        self.places[at] = (item, value);
    }

    fn find(&self, item: u32) -> Option<u8> {
        let mut at = Self::start(item);
        loop {
            match self.places[at] {
                (0, _) => return None,
                (there, value) if there == item => return Some(value),
                _ => at = (at + 1) % PLACES,
            }
        }
    }

    fn start(item: u32) -> usize {
        (item.wrapping_mul(0x9e37_79b1) >> 24) as usize % PLACES
    }
}
