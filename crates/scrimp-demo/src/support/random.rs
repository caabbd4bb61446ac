//! Random numbers that are equal on every machine and in every version.

/// `SplitMix64` (Steele, Lea and Flood 2014): small, and good enough for generated traffic.
#[derive(Debug, Clone)]
pub struct Random(u64);

/// Ranks drawn by Zipf's law: the probability of the k-th is proportional to 1/k.
#[derive(Debug, Clone)]
pub struct Zipf {
    /// Sums of the weights up to each rank.
    sums: Vec<f64>,
}

// === impl Random ===

impl Random {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ bits >> 31
    }

    /// Returns a number of at least zero and below one.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit exactly")]
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Returns a number below `end`, which must not be zero.
    pub fn below(&mut self, end: u64) -> u64 {
        self.bits() % end.max(1)
    }

    /// Returns the random time to the next event, with this mean.
    pub fn gap(&mut self, mean: f64) -> f64 {
        -(1.0 - self.unit()).ln() * mean
    }

    pub fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        let at = usize::try_from(self.below(list.len() as u64)).unwrap_or(0);
        list.get(at).copied().unwrap_or_default()
    }
}

// === impl Zipf ===

impl Zipf {
    #[expect(clippy::cast_precision_loss, reason = "ranks are far below 2⁵³")]
    #[must_use]
    pub fn new(ranks: u64) -> Self {
        let mut sum = 0.0;
        let sums = (1..=ranks.max(1)).map(|rank| {
            sum += 1.0 / rank as f64;
            sum
        });
        Self {
            sums: sums.collect(),
        }
    }

    /// Returns a rank, from zero.
    pub fn draw(&self, random: &mut Random) -> u64 {
        let total = self.sums.last().copied().unwrap_or(1.0);
        let point = random.unit() * total;
        self.sums
            .partition_point(|&sum| sum <= point)
            .min(self.sums.len() - 1) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_thousand_is_drawn_as_often_as_zipfs_law_predicts() {
        let (zipf, mut random) = (Zipf::new(1_000), Random::new(7));
        let firsts = (0..100_000).filter(|_| zipf.draw(&mut random) == 0).count();
        // 1 / H(1000) = 13.36 %.
        assert!((13_000..13_700).contains(&firsts), "{firsts}");
    }
}
