//! The probabilities of all candidates, by each expert and together.

use super::{
    context::{EXPERTS, Expert, shape},
    mixer::Mixer,
    popular::Popular,
    table::{NOTHING, Node, Table, WIDTH},
};
use crate::Trail;

/// Candidates that are weighed.
const CANDIDATES: usize = 16;

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
    /// Place in the index of each item of each expert's node.
    places: [[u8; WIDTH]; EXPERTS],
}

/// Finds candidates by their item.
struct Index {
    places: [(u32, u8); PLACES],
}

/// Mark of an item that the session has seen.
const SEEN: u8 = u8::MAX;

/// Mark of an item that is no candidate.
const NONE: u8 = u8::MAX - 1;

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
            places: [[NONE; WIDTH]; EXPERTS],
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
        let mut nodes = [&NOTHING; EXPERTS];
        for (node, context) in nodes.iter_mut().zip(contexts) {
            *node = table.get(*context);
        }
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
            Ok(place) if place != SEEN => usize::from(place),
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
            self.index.insert(item.get());
        }
        for expert in Expert::NAMING {
            let expert = expert as usize;
            let (items, _) = nodes[expert].slices();
            for (at, item) in items.iter().enumerate() {
                self.places[expert][at] = self.add(*item);
            }
        }
        for expert in Expert::FOLLOWING {
            let expert = expert as usize;
            let (items, _) = nodes[expert].slices();
            for (at, item) in items.iter().enumerate() {
                self.places[expert][at] = self.index.find(*item).unwrap_or(NONE);
            }
        }
        for item in popular.top() {
            if item != 0 {
                self.add(item);
            }
        }
    }

    /// Adds a candidate, if it is new and there is room. Returns what the item is in the index.
    fn add(&mut self, item: u32) -> u8 {
        let at = match self.index.find(item) {
            Ok(value) => return value,
            Err(at) => at,
        };
        if self.count == CANDIDATES {
            return NONE;
        }
        #[expect(clippy::cast_possible_truncation, reason = "there are few candidates")]
        let place = self.count as u8;
        self.index.places[at] = (item, place);
        self.items[self.count] = item;
        self.count += 1;
        place
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
        self.seen[expert as usize] = node.total();
        if node.total() == 0 {
            // It says what its parent says, and has no weight of its own.
            *row = *lower;
            return;
        }
        let mut total = f32::from(node.total());
        let mut counts = [0_u16; CANDIDATES];
        let (_, times) = node.slices();
        for (at, times) in times.iter().enumerate() {
            match self.places[expert as usize][at] {
                // It cannot come.
                SEEN => total -= f32::from(*times),
                NONE => {}
                place => counts[usize::from(place)] = *times,
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
    }

    /// Multiplies what the experts say, each to the power of its weight.
    fn together(&mut self, mixer: &Mixer<EXPERTS>) {
        let weights = mixer.weights(&self.seen, self.shape);
        let all = ..=self.count;
        self.probabilities.fill(0.0);
        for (row, weight) in self.logs.iter_mut().zip(weights) {
            if weight == 0.0 {
                // It has seen nothing, and learns nothing.
                continue;
            }
            // The places behind the candidates, too: a fixed number is worked on several at a time.
            for (log, score) in row.iter_mut().zip(&mut self.probabilities) {
                *log = ln(*log);
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

/// A polynomial for the binary logarithm from 1 to 2, wrong by 0.000,015 at most.
const FIT: [f32; 6] = [
    -2.794_15, 5.069_75, -3.520_21, 1.610_17, -0.409_474, 0.043_928,
];

/// Returns the natural logarithm of a positive number, to about four digits. It has no branch, so that compilers
/// work on several numbers at once.
fn ln(number: f32) -> f32 {
    let bits = number.to_bits();
    let exponent = (bits >> 23) as f32 - 127.0;
    let mantissa = f32::from_bits(bits & 0x007f_ffff | 0x3f80_0000);
    let log = FIT
        .iter()
        .rev()
        .fold(0.0, |sum, factor| sum * mantissa + factor);
    (exponent + log) * std::f32::consts::LN_2
}

// === impl Index ===

impl Index {
    fn clear(&mut self) {
        self.places = [(0, 0); PLACES];
    }

    /// Marks an item as seen.
    fn insert(&mut self, item: u32) {
        if let Err(at) = self.find(item) {
            self.places[at] = (item, SEEN);
        }
    }

    /// Finds an item, or the place where it would be. There is room for all: there are more places than
    /// candidates and items of a trail.
    fn find(&self, item: u32) -> Result<u8, usize> {
        let mut at = Self::start(item);
        loop {
            match self.places[at] {
                (0, _) => return Err(at),
                (there, value) if there == item => return Ok(value),
                _ => at = (at + 1) % PLACES,
            }
        }
    }

    fn start(item: u32) -> usize {
        (item.wrapping_mul(0x9e37_79b1) >> 24) as usize % PLACES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_is_right_to_four_digits() {
        for number in [1e-7, 1e-4, 0.01, 0.3, 0.5, 0.99, 1.0, 1.5, 7.0] {
            assert!((ln(number) - f32::ln(number)).abs() < 1e-4, "{number}");
        }
    }
}
