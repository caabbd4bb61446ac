//! Facts of an answer that are no usage: its model, and why it ended.

/// Longest key or value that is kept, in bytes.
const LONGEST: usize = 128;
/// Most reasons of one answer that are kept.
const MOST: usize = 8;
/// Depth of nesting up to which members are read: `choices[].finish_reason` is at 3. Deeper ones are of the
/// content, such as arguments of tools.
const DEEPEST: usize = 3;

/// Keys of the model of an answer.
const MODEL: [&[u8]; 2] = [b"model", b"modelVersion"];
/// Keys of the reason for which an answer ended.
const REASON: [&[u8]; 4] = [
    b"finish_reason",
    b"stop_reason",
    b"finishReason",
    b"stopReason",
];

/// Scanner of JSON, lines of JSON and server-sent events, chunk by chunk. Memory does not grow with the answer.
#[derive(Debug, Default)]
pub(super) struct AnswerFacts {
    model: Option<Box<str>>,
    reasons: Vec<Box<str>>,
    depth: usize,
    place: Place,
    /// The string that is being read, up to its bound.
    text: Vec<u8>,
    /// The last string, if a value may follow it.
    key: Option<Key>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Model,
    Reason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    /// Between strings.
    #[default]
    Outside,
    /// After a string that may be a key.
    After,
    /// After a key that is read, and its colon.
    Value(Key),
    /// Within a string; with a key, it is that key's value.
    Text(Option<Key>),
    /// After a backslash.
    Escape(Option<Key>),
}

// === impl AnswerFacts ===

impl AnswerFacts {
    pub(super) fn see(&mut self, chunk: &[u8]) {
        chunk.iter().for_each(|byte| self.step(*byte));
    }

    pub(super) fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Returns the reasons, with commas between them.
    pub(super) fn reasons(&self) -> Option<String> {
        (!self.reasons.is_empty()).then(|| self.reasons.join(","))
    }

    fn step(&mut self, byte: u8) {
        self.place = match (self.place, byte) {
            // No string has a line break: the text was no JSON, and what follows may be.
            (Place::Text(_) | Place::Escape(_), b'\n') => {
                self.depth = 0;
                Place::Outside
            }
            (Place::Text(of), b'\\') => {
                self.push(byte);
                Place::Escape(of)
            }
            (Place::Text(of), b'"') => self.end_text(of),
            (Place::Text(of) | Place::Escape(of), _) => {
                self.push(byte);
                Place::Text(of)
            }
            (Place::Value(key), b'"') => self.begin_text(Some(key)),
            (_, b'"') if self.depth > 0 => self.begin_text(None),
            (Place::After, b':') => match self.key.take() {
                Some(key) => Place::Value(key),
                None => Place::Outside,
            },
            (place, b' ' | b'\t' | b'\r' | b'\n') => place,
            (_, b'{' | b'[') => {
                self.depth += 1;
                Place::Outside
            }
            (_, b'}' | b']') => {
                self.depth = self.depth.saturating_sub(1);
                Place::Outside
            }
            _ => Place::Outside,
        };
    }

    fn begin_text(&mut self, of: Option<Key>) -> Place {
        self.text.clear();
        Place::Text(of)
    }

    fn push(&mut self, byte: u8) {
        // One more than the bound tells that it was passed.
        if self.text.len() <= LONGEST {
            self.text.push(byte);
        }
    }

    fn end_text(&mut self, of: Option<Key>) -> Place {
        let Some(key) = of else {
            self.key = self.key_named();
            return Place::After;
        };
        let text = std::str::from_utf8(&self.text).unwrap_or_default();
        if (1..=LONGEST).contains(&text.len()) && !text.contains('\\') {
            match key {
                Key::Model if self.model.is_none() => self.model = Some(text.into()),
                Key::Reason
                    if self.reasons.len() < MOST
                        && !self.reasons.iter().any(|had| **had == *text) =>
                {
                    self.reasons.push(text.into());
                }
                Key::Model | Key::Reason => {}
            }
        }
        Place::Outside
    }

    fn key_named(&self) -> Option<Key> {
        let is_in = |keys: &[&[u8]]| keys.contains(&&*self.text);
        match (1..=DEEPEST).contains(&self.depth) {
            true if is_in(&MODEL) => Some(Key::Model),
            true if is_in(&REASON) => Some(Key::Reason),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn facts(text: &str) -> (Option<String>, Option<String>) {
        let mut facts = AnswerFacts::default();
        facts.see(text.as_bytes());
        (facts.model().map(Into::into), facts.reasons())
    }

    fn both(model: &str, reasons: &str) -> (Option<String>, Option<String>) {
        (Some(model.into()), Some(reasons.into()))
    }

    #[test]
    fn answers_of_each_dialect_tell_model_and_reason() {
        let chat = r#"{"id":"x","model":"small-2026","choices":[{"index":0,"message":{"content":"hi"},
            "finish_reason":"stop"},{"index":1,"finish_reason":"length"},{"finish_reason":"stop"}]}"#;
        assert_eq!(facts(chat), both("small-2026", "stop,length"));
        let messages = r#"{"type":"message","model":"large","content":[{"type":"tool_use","input":
            {"model":"forged","stop_reason":"forged"}}],"stop_reason":"tool_use"}"#;
        assert_eq!(facts(messages), both("large", "tool_use"));
        let stream = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"large\",\
            \"stop_reason\":null}}\n\nevent: message_delta\ndata: {\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n";
        assert_eq!(facts(stream), both("large", "end_turn"));
        let gemini = r#"[{"candidates":[{"finishReason":"STOP"}],"modelVersion":"g"}]"#;
        assert_eq!(facts(gemini).0.as_deref(), Some("g"));
        let gemini = r#"{"candidates":[{"finishReason":"STOP"}],"modelVersion":"g"}"#;
        assert_eq!(facts(gemini), both("g", "STOP"));
    }

    #[test]
    fn words_of_the_content_are_no_facts() {
        let text = r#"{"choices":[{"message":{"content":"{\"model\":\"forged\",\"finish_reason\":\"x\"}"}}],
            "x":"model","y":["model","z"]}"#;
        assert_eq!(facts(text), (None, None));
        assert_eq!(facts("\"model\":\"forged\""), (None, None));
    }

    #[test]
    fn a_hundred_times_the_bounds_is_not_kept() {
        let mut facts = AnswerFacts::default();
        for reason in 0..100 * MOST {
            facts.see(format!("{{\"finish_reason\":\"{reason}\"}}\n").as_bytes());
        }
        let long = "x".repeat(100 * LONGEST);
        facts.see(format!("{{\"model\":\"{long}\",\"{long}\":1}}").as_bytes());
        assert_eq!((facts.reasons.len(), facts.model()), (MOST, None));
        assert!(facts.text.capacity() <= 4 * LONGEST);
    }

    proptest! {
        #[test]
        fn chunks_are_of_no_matter_and_no_bytes_panic(bytes: Vec<u8>, cut in 0..200_usize) {
            let text = br#"{"model":"a\"b","model":"small","choices":[{"finish_reason":"stop"}]}"#;
            for whole in [&text[..], &bytes[..]] {
                let cut = cut.min(whole.len());
                let (mut one, mut two) = (AnswerFacts::default(), AnswerFacts::default());
                one.see(whole);
                two.see(&whole[..cut]);
                two.see(&whole[cut..]);
                prop_assert_eq!((one.model(), one.reasons()), (two.model(), two.reasons()));
            }
        }
    }
}
