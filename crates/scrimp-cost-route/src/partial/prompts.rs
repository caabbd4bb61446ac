//! Tokens of prompts by the size of their requests.

use crate::{TokenClass, Usage};

/// Factor by which the weight of earlier prompts of about the same size falls with each one.
const KEEP: f32 = 1.0 - 1.0 / 2048.0;

/// Classes of sizes. Each has sizes up to four times those of the one before.
const SIZES: usize = 14;

/// Classes of tokens that belong to a prompt.
const CLASSES: usize = TokenClass::Output.index();

/// Tokens that prompts had, and those that were estimated, by size.
#[derive(Debug, Clone)]
pub(super) struct Prompts {
    rows: [Row; SIZES],
    /// Sums of tokens, and of the amounts by which they were off.
    off: [f64; 2],
}

/// Prompts of about the same size.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    estimated: f32,
    tokens: [f32; CLASSES],
}

// === impl Prompts ===

impl Prompts {
    pub(super) fn new() -> Self {
        Self {
            rows: [Row::default(); SIZES],
            off: [0.0; 2],
        }
    }

    /// Learns the tokens of a prompt, and what was estimated.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of tokens, of which a part in a million does not matter"
    )]
    pub(super) fn learn(&mut self, estimated: &Usage, told: &Usage) {
        if estimated.prompt() == 0 {
            return;
        }
        let prompt = told.prompt() as f64;
        let off = (self.expect(estimated).prompt() as f64 - prompt).abs();
        self.off = [
            self.off[0] * f64::from(KEEP) + prompt,
            self.off[1] * f64::from(KEEP) + off,
        ];
        let row = &mut self.rows[size(estimated.prompt())];
        row.estimated = row.estimated * KEEP + estimated.prompt() as f32;
        for (sum, class) in row.tokens.iter_mut().zip(TokenClass::ALL) {
            *sum = *sum * KEEP + told.tokens(class) as f32;
        }
    }

    /// Returns the tokens that a prompt is expected to have, by what was estimated. The other side of the
    /// usage is empty.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts of tokens, at least 0"
    )]
    pub(super) fn expect(&self, estimated: &Usage) -> Usage {
        let own = estimated.prompt() as f32;
        let place = size(estimated.prompt());
        let row = &self.rows[place];
        // The nearer a row, the more it says of one in which there is little yet.
        let rows = self.rows.iter().enumerate();
        let near = rows.fold(Row::default(), |near, (other, row)| {
            let steps = u8::try_from(other.abs_diff(place)).unwrap_or(u8::MAX);
            near.plus(row, (0.25_f32).powi(3 * i32::from(steps)))
        });
        let mut usage = Usage::default();
        for (place, class) in TokenClass::ALL.into_iter().take(CLASSES).enumerate() {
            let first = estimated.tokens(class) as f32;
            // As one more prompt of which the estimate is right, and one like those of about its size.
            let usual = (near.tokens[place] + first) / (near.estimated + own).max(1.0);
            let share = (row.tokens[place] + own * usual) / (row.estimated + own).max(1.0);
            usage = usage.with(class, (share * own).round() as u64);
        }
        usage
    }

    /// Returns the share by which the prompts' tokens are usually off.
    pub(super) fn deviation(&self, unknown: f64) -> f64 {
        let [tokens, off] = self.off;
        if tokens == 0.0 { unknown } else { off / tokens }
    }
}

// === impl Row ===

impl Row {
    /// Adds a share of another row.
    fn plus(mut self, other: &Self, share: f32) -> Self {
        self.estimated += share * other.estimated;
        for (sum, tokens) in self.tokens.iter_mut().zip(other.tokens) {
            *sum += share * tokens;
        }
        self
    }
}

fn size(tokens: u64) -> usize {
    let size = tokens.checked_ilog2().unwrap_or(0) / 2;
    usize::try_from(size).map_or(SIZES - 1, |size| size.min(SIZES - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_is_put_right_by_what_prompts_of_its_size_had() {
        let mut prompts = Prompts::new();
        let sent = Usage::text(1_000, 0);
        assert_eq!(prompts.expect(&sent), sent);
        // A quarter comes from the cache; large ones are pictures, which have few tokens.
        let told = Usage::text(600, 0).with(TokenClass::CacheRead, 200);
        for _ in 0..500 {
            prompts.learn(&sent, &told);
            prompts.learn(&Usage::text(300_000, 0), &Usage::text(1_500, 0));
        }
        let near = |got: u64, expected: u64| {
            assert!(got.abs_diff(expected) <= expected.div_ceil(100), "{got}");
        };
        let expected = prompts.expect(&Usage::text(900, 0));
        near(expected.tokens(TokenClass::Input), 540);
        near(expected.tokens(TokenClass::CacheRead), 180);
        // Of the size after that nothing is known, so its neighbour counts, and the estimate a little.
        let next = prompts.expect(&Usage::text(1_100, 0));
        assert!((880..960).contains(&next.prompt()), "{next:?}");
        near(prompts.expect(&Usage::text(300_000, 0)).prompt(), 1_500);
        // Only the first picture was far off.
        assert!(prompts.deviation(9.0) < 0.4);
    }

    #[test]
    fn an_empty_prompt_has_no_tokens() {
        let mut prompts = Prompts::new();
        prompts.learn(&Usage::default(), &Usage::text(7, 0));
        assert_eq!(prompts.expect(&Usage::default()), Usage::default());
    }
}
