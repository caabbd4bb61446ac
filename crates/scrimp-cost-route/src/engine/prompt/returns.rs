//! Chances that blocks of prompts return in time, learned from those that did.

/// Sights of a block before this one: none, one too long ago, one, several.
pub(super) const SIGHTS: usize = 4;
/// Groups of blocks by the number of blocks behind them.
pub(super) const ENDS: usize = 5;
const SIZES: usize = 8;
const KINDS: usize = 16;
const COARSE: usize = SIGHTS * 2 * ENDS;

/// Stages of a lifetime. The chance is learned for each, from the blocks that have not returned
/// before: so what has not returned yet counts as far as it has got, and a chance is known long before
/// the first lifetime is over.
pub(super) const STAGES: usize = 4;
/// Ends of the stages, as shares of the lifetime.
const STAGE_ENDS: [f64; STAGES] = [1.0 / 27.0, 1.0 / 9.0, 1.0 / 3.0, 1.0];

/// Assumed chance per stage by sights, before anything is known, and its weight in observations. For
/// blocks that were never seen, it is in sum below the chance at which a write pays: the first write
/// waits for the first return.
const GUESS: [f32; SIGHTS] = [0.04, 0.12, 0.2, 0.3];
const GUESS_WEIGHT: f32 = 3.0;
/// Weight of a coarser class' chance, in observations.
const PARENT_WEIGHT: f32 = 6.0;
/// Observations of a class from which on older ones lose weight.
const MEMORY: f32 = 400.0;

/// Features of blocks whose chance is learned together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Class {
    pub(super) sights: u8,
    /// True if the prompt continues one that was seen within the lifetime.
    pub(super) continues: bool,
    /// Logarithm of the number of blocks of the prompt.
    pub(super) size: u8,
    pub(super) kind: u16,
}

/// Observed returns, by class: coarse ones, by size, and by size and kind.
#[derive(Debug)]
pub(super) struct Returns(Vec<Cell>);

/// Blocks that reached each stage, and those that returned in it.
#[derive(Debug, Clone, Copy, Default)]
struct Cell([(f32, f32); STAGES]);

// === impl Class ===

impl Class {
    /// Returns the places of a class, from the coarsest to the finest.
    fn places(self, end: usize) -> [usize; 3] {
        let sights = usize::from(self.sights).min(SIGHTS - 1);
        let coarse = (sights * 2 + usize::from(self.continues)) * ENDS + end;
        let of_kind = coarse * KINDS + usize::from(self.kind) % KINDS;
        let fine = of_kind * SIZES + usize::from(self.size).min(SIZES - 1);
        [coarse, COARSE + of_kind, COARSE * (1 + KINDS) + fine]
    }
}

/// Returns the group of a block with this many blocks behind it, and the greatest number of the
/// group. The last block differs from the others most, as it is rarely whole.
pub(super) fn end(behind: u32) -> (usize, u32) {
    match behind {
        0 => (0, 0),
        1 => (1, 1),
        2..4 => (2, 3),
        4..8 => (3, 7),
        8.. => (4, u32::MAX),
    }
}

// === impl Returns ===

impl Returns {
    pub(super) fn new() -> Self {
        Self(vec![Cell::default(); COARSE * (1 + KINDS + SIZES * KINDS)])
    }

    /// Learns from blocks of a class in one stage: they returned, or did not.
    pub(super) fn learn(
        &mut self,
        class: Class,
        end: usize,
        stage: usize,
        weight: f32,
        returned: bool,
    ) {
        for place in class.places(end) {
            let (all, back) = &mut self.0[place].0[stage];
            *all += weight;
            *back += if returned { weight } else { 0.0 };
            if *all > MEMORY {
                *all /= 2.0;
                *back /= 2.0;
            }
        }
    }

    /// Returns the chance that a block of a class returns within the lifetime.
    pub(super) fn chance(&self, class: Class, end: usize) -> f32 {
        let cells = class.places(end).map(|place| self.0[place]);
        let guess = GUESS[usize::from(class.sights).min(SIGHTS - 1)];
        let mut never = 1.0;
        for stage in 0..STAGES {
            let (mut chance, mut weight) = (guess, GUESS_WEIGHT);
            for cell in cells {
                let (all, back) = cell.0[stage];
                chance = (back + weight * chance) / (all + weight);
                weight = PARENT_WEIGHT;
            }
            never *= 1.0 - chance;
        }
        1.0 - never
    }
}

/// Returns the stage of an age, given as a share of the lifetime; `STAGES` if the lifetime is over.
pub(super) fn stage(age: f64) -> usize {
    STAGE_ENDS.iter().take_while(|end| age > **end).count()
}

/// Returns the end of a stage, as a share of the lifetime.
pub(super) fn stage_end(stage: usize) -> f64 {
    STAGE_ENDS[stage]
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASS: Class = Class {
        sights: 0,
        continues: false,
        size: 3,
        kind: 0,
    };

    /// Learns from a block that returns in a stage, or never.
    fn one(returns: &mut Returns, class: Class, back: Option<usize>) {
        for stage in 0..=back.unwrap_or(STAGES - 1) {
            returns.learn(class, 4, stage, 1.0, back == Some(stage));
        }
    }

    #[test]
    fn chances_approach_what_is_observed_and_follow_a_change() {
        let mut returns = Returns::new();
        let guess = returns.chance(CLASS, 4);
        assert!(guess < 0.2, "below what any write needs");
        for n in 0..1_000 {
            one(
                &mut returns,
                CLASS,
                (n % 10 == 0).then_some(n / 10 % STAGES),
            );
        }
        assert!((returns.chance(CLASS, 4) - 0.1).abs() < 0.02);
        let larger = Class { size: 5, ..CLASS };
        assert!(
            (returns.chance(larger, 4) - 0.1).abs() < 0.02,
            "as coarse ones"
        );
        assert!(
            (returns.chance(CLASS, 0) - guess).abs() < 1e-6,
            "other ends"
        );
        for n in 0..2_000 {
            one(&mut returns, CLASS, Some(n % STAGES));
        }
        assert!(returns.chance(CLASS, 4) > 0.95);
    }

    #[test]
    fn a_chance_is_learned_before_the_first_lifetime_is_over() {
        let mut returns = Returns::new();
        for _ in 0..100 {
            returns.learn(CLASS, 4, 0, 1.0, true);
            for _ in 0..4 {
                returns.learn(CLASS, 4, 0, 1.0, false);
            }
        }
        let chance = returns.chance(CLASS, 4);
        assert!(
            (0.2..0.35).contains(&chance),
            "a fifth at once, the rest is a guess: {chance}"
        );
    }

    #[test]
    fn stages_end_with_the_lifetime() {
        assert_eq!(
            [0.0, 0.03, 0.1, 0.2, 1.0, 1.1].map(stage),
            [0, 0, 1, 2, 3, 4]
        );
        for n in 0..STAGES {
            assert_eq!(stage(stage_end(n)), n);
        }
    }

    #[test]
    fn each_class_has_places_of_its_own() {
        let mut places = std::collections::HashSet::new();
        for sights in 0..4 {
            for (continues, size, kind) in [(false, 0, 0), (true, 7, 15), (false, 7, 3)] {
                for end in 0..ENDS {
                    let class = Class {
                        sights,
                        continues,
                        size,
                        kind,
                    };
                    assert!(places.insert(class.places(end)[2]));
                }
            }
        }
        let most = Class {
            sights: 200,
            continues: true,
            size: 200,
            kind: u16::MAX,
        };
        assert_eq!(most.places(ENDS - 1)[2] + 1, Returns::new().0.len());
    }
}
