//! Decision to have a prompt written to a provider's cache.

use smallvec::SmallVec;

use super::tree::Path;

/// Outlook of one prompt: how far it is known, and how likely its blocks return.
#[derive(Debug, Clone)]
pub struct Outlook {
    pub(super) path: Path,
    pub(super) segments: Segments,
}

pub(super) type Segments = SmallVec<[Segment; 8]>;

/// Consecutive blocks that return with one chance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    pub(super) blocks: u32,
    /// Chance that they return within the lifetime.
    pub(super) chance: f32,
    /// Chance that they do so once more.
    pub(super) again: f32,
}

/// Price to write and read, as multiples of a token's price.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CacheTerms {
    /// Price to write, such as 1.25.
    pub write: f32,
    /// Price to read, such as 0.1.
    pub read: f32,
    /// Least number of blocks that a cache takes.
    pub least: u32,
}

// === impl Outlook ===

impl Outlook {
    /// Returns the number of first blocks that are worth to be written, given that the account's
    /// cache holds `held` of them; `held` if writing does not pay.
    ///
    /// A written token costs `write − 1` more now. If it returns, it costs `read` instead of 1, or
    /// instead of `write`, where a second return is likely enough that it would be written then.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a number of blocks")]
    pub fn write(&self, held: u32, terms: CacheTerms) -> u32 {
        let (premium, saving) = (terms.write - 1.0, 1.0 - terms.read);
        let (mut at, mut gain) = (0, 0.0);
        let (mut best, mut depth) = (0.0, held);
        for segment in &self.segments {
            let from = at.max(held);
            at += segment.blocks;
            if at <= from {
                continue;
            }
            let later = if segment.again * saving > premium {
                premium
            } else {
                0.0
            };
            let each = segment.chance * (saving + later) - premium;
            gain += each * (at - from) as f32;
            if gain > best && at >= terms.least {
                (best, depth) = (gain, at);
            }
        }
        depth
    }

    /// Returns the number of runs that the prompt begins with.
    #[cfg(feature = "engine")]
    #[must_use]
    pub fn runs(&self) -> usize {
        self.path.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: CacheTerms = CacheTerms {
        write: 1.25,
        read: 0.1,
        least: 2,
    };

    fn outlook(segments: &[(u32, f32, f32)]) -> Outlook {
        let segments = segments.iter().map(|&(blocks, chance, again)| Segment {
            blocks,
            chance,
            again,
        });
        Outlook {
            path: Path::new(),
            segments: segments.collect(),
        }
    }

    #[test]
    fn a_write_pays_from_the_chance_at_which_its_price_comes_back() {
        // Once: (w − 1) / (1 − r) = 0.278; with a second return: (w − 1) / (w − r) = 0.217.
        for (chance, again, expected) in [
            (0.29, 0.0, 10),
            (0.27, 0.0, 0),
            (0.22, 0.9, 10),
            (0.21, 0.9, 0),
        ] {
            let outlook = outlook(&[(10, chance, again)]);
            assert_eq!(outlook.write(0, TERMS), expected, "{chance} {again}");
        }
    }

    #[test]
    fn a_prompt_is_written_as_far_as_it_pays_and_not_below_the_minimum() {
        let ends = outlook(&[(10, 0.9, 0.9), (4, 0.1, 0.9), (1, 0.0, 0.9)]);
        assert_eq!(ends.write(0, TERMS), 10);
        assert_eq!(ends.write(10, TERMS), 10);
        assert_eq!(ends.write(12, TERMS), 12, "what is held stays");
        let high = CacheTerms { least: 11, ..TERMS };
        assert_eq!(ends.write(0, high), 14, "the rest pays for the minimum");
        let higher = CacheTerms { least: 16, ..TERMS };
        assert_eq!(ends.write(0, higher), 0);
        let free = CacheTerms {
            write: 1.0,
            ..TERMS
        };
        assert_eq!(
            ends.write(0, free),
            14,
            "a block that never returns is not worth it"
        );
    }
}
