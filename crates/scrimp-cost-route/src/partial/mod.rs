//! Usage of answers of which only a part was seen.
//!
//! Most providers report the usage at the end of a stream. What is missing when a caller leaves before is
//! estimated by what whole answers at the same price have had: a few hundred numbers, however many they
//! are.

mod fit;
mod lengths;
mod prompts;

use std::time::Duration;

use self::{
    fit::{Fit, dot},
    lengths::Lengths,
    prompts::Prompts,
};
use crate::{
    TokenClass, Usage,
    tap::{Content, MEASURES, Tap},
};

/// Factor by which the weight of earlier answers falls with each one.
const KEEP: f64 = 1.0 - 1.0 / 1024.0;

/// Share by which the tokens of either side may be off before anything was learned.
const UNKNOWN: f64 = 0.3;

/// Tokens per piece of text, byte of ASCII, byte of other characters, byte of thoughts, and part that it
/// came in, and those of an answer's end: of English and code by the tokenizers of OpenAI.
const EXPECTED: [f64; MEASURES + 1] = [0.75, 0.05, 0.35, 0.22, 0.01, 0.5];

/// Knowledge from whole answers at one price of one provider.
#[derive(Debug, Clone)]
pub(crate) struct Learned {
    answers: Fit<{ MEASURES + 1 }>,
    prompts: Prompts,
    lengths: Lengths,
    hidden: Hidden,
    /// Whole streams, and those of them that have reported their usage.
    streams: [f64; 2],
}

/// Part of an answer that was seen.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    /// Tokens that the answer has reported so far, and the text that came after.
    counted: u64,
    after: Content,
    all: Content,
    /// Time until the first text came, or until now.
    silence: Duration,
    is_stream: bool,
}

/// Tokens of an answer, as far as they can be told from the part that was seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Estimate {
    /// Tokens that were seen, or reported.
    pub(crate) shown: f64,
    /// Tokens of thoughts that are not shown.
    pub(crate) hidden: f64,
    /// Standard deviation.
    pub(crate) deviation: f64,
}

/// Thoughts that are billed and not shown. They come before the text, so they take time.
#[derive(Debug, Clone, Copy, Default)]
struct Hidden {
    tokens: f64,
    seconds: f64,
    answers: f64,
}

// === impl Learned ===

impl Learned {
    pub(crate) fn new() -> Self {
        Self {
            answers: Fit::new(EXPECTED),
            prompts: Prompts::new(),
            lengths: Lengths::new(),
            hidden: Hidden::default(),
            streams: [0.0; 2],
        }
    }

    /// Learns the tokens of a prompt, where `sent` was estimated.
    pub(crate) fn learn_prompt(&mut self, sent: &Usage, told: &Usage) {
        self.prompts.learn(sent, told);
    }

    /// Learns that a whole stream has reported its usage, or has not.
    pub(crate) fn learn_habit(&mut self, seen: &Seen, told: bool) {
        if seen.is_stream {
            let told = if told { 1.0 } else { 0.0 };
            self.streams = [self.streams[0] * KEEP + 1.0, self.streams[1] * KEEP + told];
        }
    }

    /// Learns the tokens of a whole answer.
    #[expect(clippy::cast_precision_loss, reason = "a count of tokens")]
    pub(crate) fn learn_answer(&mut self, seen: &Seen, told: &Usage) {
        self.lengths.learn(told.completion());
        if !seen.is_stream || seen.all.is_empty() {
            return;
        }
        let mut tokens = told.completion();
        // Thoughts that are shown are measured as the text is.
        if seen.all.thoughts == 0 {
            let hidden = told.tokens(TokenClass::Reasoning);
            tokens -= hidden;
            self.hidden.learn(hidden as f64, seen.silence);
        }
        self.answers
            .learn(&measures(&seen.all, true), tokens as f64);
    }

    /// Reports whether the text of such answers is understood.
    pub(crate) fn knows_answers(&self) -> bool {
        self.answers.weight() > 0.0
    }

    /// Returns the tokens of an answer, `whole` or as far as it was seen.
    #[expect(clippy::cast_precision_loss, reason = "a count of tokens")]
    pub(crate) fn answer(&self, seen: &Seen, whole: bool) -> Estimate {
        let measures = measures(&seen.after, whole);
        let fitted = dot(&self.answers.coefficients(), &measures);
        // Each part has a token at least.
        let fitted = fitted.max(seen.after.parts as f64);
        let hidden = match seen.counted == 0 && seen.all.thoughts == 0 {
            true => self.hidden.expect(seen.silence),
            false => 0.0,
        };
        let deviation = self.answers.deviation(&measures, UNKNOWN);
        Estimate {
            shown: seen.counted as f64 + fitted,
            hidden,
            deviation: deviation.hypot(UNKNOWN * hidden),
        }
    }

    /// Returns the usage of a prompt, where `sent` was estimated.
    pub(crate) fn prompt(&self, sent: &Usage) -> Usage {
        self.prompts.expect(sent)
    }

    /// Returns the share by which the tokens of a prompt may be off.
    pub(crate) fn prompt_deviation(&self) -> f64 {
        self.prompts.deviation(UNKNOWN)
    }

    /// Returns the expected number of tokens that an answer has after these.
    pub(crate) fn rest(&self, tokens: f64) -> f64 {
        self.lengths.rest(tokens)
    }

    /// Returns the chance that a stream reports its usage at its end.
    pub(crate) fn tells(&self) -> f64 {
        (self.streams[1] + 1.0) / (self.streams[0] + 1.0)
    }
}

fn measures(content: &Content, whole: bool) -> [f64; MEASURES + 1] {
    let mut measures = [0.0; MEASURES + 1];
    measures[..MEASURES].copy_from_slice(&content.measures());
    measures[MEASURES] = if whole { 1.0 } else { 0.0 };
    measures
}

// === impl Seen ===

impl Seen {
    /// Returns the part of an answer that a tap has seen, with the time until its first text.
    pub(crate) fn of(tap: &Tap, silence: Duration) -> Self {
        let (counted, after) = tap.since_counted();
        Self {
            counted,
            after,
            all: tap.content(),
            silence,
            is_stream: tap.is_stream(),
        }
    }

    /// Reports whether it has no text.
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

// === impl Estimate ===

impl Estimate {
    /// Makes an estimate of an answer that is not understood.
    #[expect(clippy::cast_precision_loss, reason = "a count of tokens")]
    pub(crate) fn guessed(tokens: u64) -> Self {
        let shown = tokens as f64;
        Self {
            shown,
            hidden: 0.0,
            deviation: UNKNOWN * shown,
        }
    }

    /// Returns all tokens.
    pub(crate) fn tokens(&self) -> f64 {
        self.shown + self.hidden
    }
}

// === impl Hidden ===

impl Hidden {
    fn learn(&mut self, tokens: f64, silence: Duration) {
        self.tokens = self.tokens * KEEP + tokens;
        self.seconds = self.seconds * KEEP + silence.as_secs_f64();
        self.answers = self.answers * KEEP + 1.0;
    }

    /// Returns the tokens of thoughts that such a silence is expected to have had.
    fn expect(&self, silence: Duration) -> f64 {
        if self.tokens == 0.0 {
            0.0
        } else if self.seconds > 0.0 {
            self.tokens / self.seconds * silence.as_secs_f64()
        } else {
            self.tokens / self.answers
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns an event of a stream of chat completions.
    fn event(member: &str, text: &str) -> String {
        format!("data: {{\"choices\":[{{\"delta\":{{\"{member}\":\"{text}\"}}}}]}}\n\n")
    }

    fn seen(stream: &str, silence: u64) -> Seen {
        let mut tap = Tap::new();
        tap.see(stream.as_bytes());
        Seen::of(&tap, Duration::from_secs(silence))
    }

    #[test]
    fn one_token_an_event_is_found_out() {
        let mut learned = Learned::new();
        let words = ["Say ", "this ", "extraordinary ", "a", "\\n\\n", "\\u4e2d"];
        for n in 1..300_usize {
            let stream: String = (0..n % 40 + 2)
                .map(|k| event("content", words[(n + k) % 6]))
                .collect();
            let tokens = u64::try_from(n % 40 + 2).unwrap();
            learned.learn_answer(&seen(&stream, 0), &Usage::text(10, tokens));
        }
        let cut: String = (0..25).map(|k| event("content", words[k % 6])).collect();
        let estimate = learned.answer(&seen(&cut, 0), false);
        assert!((estimate.tokens() - 25.0).abs() < 0.1, "{estimate:?}");
        assert!(estimate.deviation < 1.0, "{estimate:?}");
    }

    #[test]
    fn thoughts_that_are_not_shown_are_expected_by_their_time() {
        let mut learned = Learned::new();
        for n in 1..200_u64 {
            let stream = event("content", "Say this is a test.").repeat(3);
            let told = Usage::text(10, 18).with(TokenClass::Reasoning, 50 * (n % 7));
            learned.learn_answer(&seen(&stream, n % 7), &told);
        }
        let silent = learned.answer(&seen("", 4), false);
        assert!((silent.hidden - 200.0).abs() < 2.0, "{silent:?}");
        assert!(silent.shown < 0.1, "{silent:?}");
        // Thoughts that are shown are not expected beside.
        let shown = event("reasoning_content", "so far").repeat(2);
        assert!(learned.answer(&seen(&shown, 4), false).hidden < 0.1);
    }

    #[test]
    fn a_running_count_is_taken_and_only_what_comes_after_is_estimated() {
        let chunk = |text: &str, count: u32| {
            format!(
                "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":\"{text}\"}}]}}}}],\
                 \"usageMetadata\":{{\"promptTokenCount\":9,\"candidatesTokenCount\":{count}}}}}\n\n"
            )
        };
        let learned = Learned::new();
        let stream = chunk("Say this is", 30) + &chunk("a test", 41);
        assert_eq!(learned.answer(&seen(&stream, 0), false).tokens(), 41.0);
        let more = stream + "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"one two";
        let more = learned.answer(&seen(&more, 0), false).tokens();
        assert!((42.0..45.0).contains(&more), "{more}");
        // A count before any text stands for none.
        let start = "data: {\"message\":{\"usage\":{\"output_tokens\":8}}}\n\n".to_owned();
        let start = learned.answer(&seen(&(start + &event("text", "Say")), 0), false);
        assert!(start.tokens() < 2.0, "{start:?}");
    }

    #[test]
    fn text_that_comes_twice_is_measured_once() {
        let stream = "data: {\"type\":\"response.output_text.delta\",\"delta\":\"Say\"}\n\n\
            data: {\"type\":\"response.output_text.done\",\"text\":\"Say\"}\n\n\
            data: {\"type\":\"response.content_part.done\",\"part\":{\"text\":\"Say\"}}\n\n";
        let all = seen(stream, 0).all;
        assert_eq!((all.ascii, all.parts), (3, 1));
        let thought =
            "data: {\"type\":\"response.reasoning_summary_text.delta\",\"delta\":\"Say\"}\n\n";
        assert_eq!(seen(thought, 0).all.thoughts, 3);
    }
}
