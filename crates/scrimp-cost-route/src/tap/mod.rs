//! Reads the usage of a call from its answer, as the answer passes.
//!
//! One scanner serves JSON bodies and server-sent events alike: it looks for the key `usage`
//! (or `usageMetadata`) at most two objects deep, keeps that object, and nothing else. A
//! string cannot go over a line's end in either, so a line's end ends it. Each event of a stream
//! is JSON of its own, so its beginning ends whatever an earlier event left open.

mod fields;

use crate::Usage;

/// Longest usage object that is read, in bytes.
const MOST: usize = 8 * 1024;
/// Length of the longest key that is looked for.
const KEY: usize = b"usageMetadata".len();
/// Number of objects that it may lie in: `{"usage"`, `{"message":{"usage"`.
const DEPTH: u32 = 2;

/// Scanner of a body's bytes, which remembers the usage that they report.
#[derive(Debug, Default)]
pub struct Tap {
    state: State,
    depth: u32,
    key: Vec<u8>,
    object: Vec<u8>,
    found: Option<Usage>,
    /// Server-sent events that were seen, each of about one token.
    events: u64,
    line: u8,
    bytes: u64,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum State {
    #[default]
    Outside,
    /// Within a string; whether a backslash came last.
    String(bool),
    /// Behind a string that may be the key.
    Colon,
    /// Behind the key's colon.
    Value,
    /// Within the object: how deep, whether in a string, whether a backslash came last.
    Object(u32, bool, bool),
}

// === impl Tap ===

impl Tap {
    /// Makes a tap that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at the next bytes of the body.
    pub fn see(&mut self, chunk: &[u8]) {
        self.bytes += chunk.len() as u64;
        for &byte in chunk {
            if self.begins_event(byte) {
                self.events += 1;
                self.state = State::Outside;
                self.depth = 0;
            }
            self.step(byte);
        }
    }

    /// Returns the usage that the answer has reported so far: the latest of each kind of token.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        self.found
    }

    /// Returns the number of answer tokens seen, estimated from events, or from bytes if there
    /// are no events. It is for answers that break off before they report it.
    pub(crate) fn guess(&self) -> u64 {
        if self.events > 0 {
            self.events
        } else {
            self.bytes / 4
        }
    }

    /// Reports whether this byte ends the `data:` at the beginning of a line. No line of JSON begins
    /// with it.
    fn begins_event(&mut self, byte: u8) -> bool {
        const DATA: &[u8] = b"data:";
        let place = usize::from(self.line);
        self.line = match byte {
            b'\n' | b'\r' => 0,
            _ if DATA.get(place) == Some(&byte) => self.line + 1,
            _ if place <= DATA.len() => u8::MAX,
            _ => self.line,
        };
        let begins = usize::from(self.line) == DATA.len();
        if begins {
            self.line = u8::MAX;
        }
        begins
    }

    fn step(&mut self, byte: u8) {
        self.state = match self.state {
            State::Object(depth, in_string, escaped) => {
                self.in_object(byte, depth, in_string, escaped)
            }
            _ if byte == b'\n' => match self.state {
                State::Colon | State::Value => self.state,
                _ => State::Outside,
            },
            State::String(true) => State::String(false),
            State::String(false) => self.in_string(byte),
            State::Colon => match byte {
                b':' => State::Value,
                b' ' | b'\t' | b'\r' => State::Colon,
                _ => return self.again(byte),
            },
            State::Value => match byte {
                b'{' => {
                    self.object.clear();
                    self.object.push(b'{');
                    State::Object(1, false, false)
                }
                b' ' | b'\t' | b'\r' => State::Value,
                _ => return self.again(byte),
            },
            State::Outside => match byte {
                b'"' => {
                    self.key.clear();
                    State::String(false)
                }
                b'{' => {
                    self.depth = self.depth.saturating_add(1);
                    State::Outside
                }
                b'}' => {
                    self.depth = self.depth.saturating_sub(1);
                    State::Outside
                }
                _ => State::Outside,
            },
        };
    }

    /// Takes the byte again, from the start: the earlier bytes were not the key.
    fn again(&mut self, byte: u8) {
        self.state = State::Outside;
        self.step(byte);
    }

    fn in_string(&mut self, byte: u8) -> State {
        match byte {
            b'\\' => {
                // No key that is looked for has one.
                self.key.resize(KEY + 1, 0);
                State::String(true)
            }
            b'"' => {
                let is_key = matches!(&*self.key, b"usage" | b"usageMetadata");
                if is_key && self.depth <= DEPTH {
                    State::Colon
                } else {
                    State::Outside
                }
            }
            _ => {
                if self.key.len() <= KEY {
                    self.key.push(byte);
                }
                State::String(false)
            }
        }
    }

    fn in_object(&mut self, byte: u8, depth: u32, in_string: bool, escaped: bool) -> State {
        if self.object.len() >= MOST {
            self.object.clear();
            return State::Outside;
        }
        self.object.push(byte);
        match (in_string, byte) {
            (true, _) if escaped => State::Object(depth, true, false),
            (true, b'\\') => State::Object(depth, true, true),
            (_, b'"') => State::Object(depth, !in_string, false),
            (false, b'{') => State::Object(depth + 1, false, false),
            (false, b'}') if depth == 1 => {
                if let Some(found) = fields::read(&self.object, self.found) {
                    self.found = Some(found);
                }
                State::Outside
            }
            (false, b'}') => State::Object(depth - 1, false, false),
            _ => State::Object(depth, in_string, false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TokenClass;
    use proptest::prelude::*;

    fn read(body: &str) -> Option<Usage> {
        let mut tap = Tap::new();
        tap.see(body.as_bytes());
        tap.usage()
    }

    const OPENAI: &str = r#"{"id":"x","choices":[{"message":{"content":"say \"usage\": {\"prompt_tokens\": 9}"}}],
        "usage" : {"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,
        "prompt_tokens_details":{"cached_tokens":40,"audio_tokens":10},
        "completion_tokens_details":{"reasoning_tokens":20}}}"#;

    #[test]
    fn a_json_answer_says_it_once() {
        let expected = Usage::text(50, 30)
            .with(TokenClass::CacheRead, 40)
            .with(TokenClass::InputAudio, 10)
            .with(TokenClass::Reasoning, 20);
        assert_eq!(read(OPENAI), Some(expected));
    }

    #[test]
    fn a_stream_says_it_at_both_ends() {
        let body = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":\
            {\"input_tokens\":25,\"cache_read_input_tokens\":5,\"cache_creation_input_tokens\":7,\"output_tokens\":1}}}\n\n\
            : don't be confused by a quote: \"\n\n\
            data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":15}}\n\n";
        let expected = Usage::text(25, 15)
            .with(TokenClass::CacheRead, 5)
            .with(TokenClass::CacheWrite, 7);
        assert_eq!(read(body), Some(expected));
    }

    #[test]
    fn an_event_is_read_whatever_earlier_events_left_open() {
        let event = "\n\ndata: {\"usage\":{\"input_tokens\":7,\"output_tokens\":3}}\n\n";
        for open in [
            "data: {\"a\":{\"b\":{\"c\":1",
            "data: {\"usage\":{\"input_tokens\":1",
            "data: {\"usage\":{\"x\":\"",
            "data: {\"usage\"",
            "data: {\"usage\":",
            "data: \"\\",
        ] {
            let stream = format!("{open}{event}");
            assert_eq!(read(&stream), Some(Usage::text(7, 3)), "{stream}");
        }
    }

    #[test]
    fn nulls_and_nonsense_are_passed_over() {
        assert_eq!(read("data: {\"usage\":null}\n\ndata: [DONE]\n"), None);
        assert_eq!(read("{\"usage\":{\"disk\":\"90 %\"}}"), None);
        assert_eq!(
            read("{\"a\":{\"b\":{\"usage\":{\"prompt_tokens\":1}}}}"),
            None
        );
    }

    #[test]
    fn gemini_counts_thoughts_apart() {
        let body = r#"{"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":5,"thoughtsTokenCount":3,"cachedContentTokenCount":4}}"#;
        let expected = Usage::text(6, 5)
            .with(TokenClass::CacheRead, 4)
            .with(TokenClass::Reasoning, 3);
        assert_eq!(read(body), Some(expected));
    }

    #[test]
    fn memory_stays_small_however_long_the_answer() {
        let mut tap = Tap::new();
        tap.see(b"{\"usage\":{\"x\":\"");
        for _ in 0..10_000 {
            tap.see(&[b'y'; 1_000]);
        }
        assert!(tap.object.capacity() + tap.key.capacity() < 40_000);
    }

    #[test]
    fn what_was_cut_off_is_guessed_by_events_or_bytes() {
        let mut tap = Tap::new();
        tap.see(b"data: {\"a\":1}\n\ndata: {\"a\":2}\n\nda");
        assert_eq!(tap.guess(), 2);
        let mut tap = Tap::new();
        tap.see(&[b'x'; 400]);
        assert_eq!(tap.guess(), 100);
    }

    proptest! {
        #[test]
        fn chunks_may_end_anywhere(cuts in proptest::collection::vec(0..OPENAI.len(), 0..8)) {
            let mut cuts = cuts;
            cuts.sort_unstable();
            let mut tap = Tap::new();
            let mut start = 0;
            for cut in cuts.into_iter().chain([OPENAI.len()]) {
                tap.see(&OPENAI.as_bytes()[start..cut]);
                start = cut;
            }
            prop_assert_eq!(tap.usage(), read(OPENAI));
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            Tap::new().see(&bytes);
        }
    }
}
