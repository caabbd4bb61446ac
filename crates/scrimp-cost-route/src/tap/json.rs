//! Looks for members of JSON that hold usage, and for the text of an answer.

use super::{
    content::Text,
    names::{self, Word},
    reading::Reading,
};

/// Longest object of usage that is read, in bytes.
const MOST: usize = 16 * 1024;
/// Longest number or string that is read, in bytes.
const SCALAR: usize = 64;
/// Length of the longest key that is looked for.
const KEY: usize = b"amazon-bedrock-invocationMetrics".len();

/// Keys of objects that hold usage, and the number of objects that they may lie in:
/// `{"usage"`, `{"message":{"usage"`, `{"response":{"meta":{"billed_units"`.
const OBJECTS: [(&[u8], u32); 8] = [
    (b"usage", 2),
    (b"Usage", 2),
    (b"usageMetadata", 2),
    (b"usage_metadata", 2),
    (b"token_usage", 2),
    (b"metrics", 2),
    (b"amazon-bedrock-invocationMetrics", 2),
    (b"billed_units", 3),
];

/// Keys of counts that lie in the document itself, and the number of objects that they may lie in: of
/// Ollama, llama.cpp, and Bedrock's models by Meta and Amazon; in its results, of watsonx, and in its
/// details, of Text Generation Inference.
const COUNTS: [(&[u8], u32); 11] = [
    (b"prompt_eval_count", 1),
    (b"eval_count", 1),
    (b"tokens_evaluated", 1),
    (b"tokens_predicted", 1),
    (b"prompt_token_count", 1),
    (b"generation_token_count", 1),
    (b"inputTextTokenCount", 1),
    (b"totalOutputTextTokenCount", 1),
    (b"input_token_count", 2),
    (b"generated_token_count", 2),
    (b"generated_tokens", 2),
];

/// Scanner of JSON.
#[derive(Debug, Default)]
pub(super) struct Json {
    state: State,
    depth: u32,
    key: Vec<u8>,
    value: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum State {
    #[default]
    Outside,
    /// Within a string; whether a backslash came last.
    String(bool),
    /// Behind a string that may be a key that is looked for.
    Colon,
    /// Behind the colon of such a key.
    Value,
    /// Within a number or a string that is a count, or a word that says what the document is.
    Scalar(bool),
    /// Within text of the answer.
    Text(Text, Escape),
    /// Within an object that is looked for: how deep, whether in a string, whether a backslash
    /// came last.
    Object(u32, bool, bool),
}

/// Place within an escape of a string.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Escape {
    None,
    /// Behind a backslash.
    Begun,
    /// Behind `\u` and this many digits, with their value.
    Unit(u8, u16),
}

// === impl Json ===

impl Json {
    /// Begins a document, whatever the last one left open.
    pub(super) fn restart(&mut self, reading: &mut Reading) {
        self.state = State::Outside;
        self.depth = 0;
        reading.end_document();
    }

    pub(super) fn step(&mut self, byte: u8, reading: &mut Reading) {
        self.state = match self.state {
            State::Object(depth, in_string, escaped) => {
                self.in_object(byte, (depth, in_string, escaped), reading)
            }
            State::Scalar(quoted) => return self.in_scalar(byte, quoted, reading),
            State::Text(text, escape) => in_text(byte, text, escape, reading),
            // A string cannot go over the end of a line, so that ends it.
            State::String(_) if byte == b'\n' => State::Outside,
            State::String(true) => State::String(false),
            State::String(false) => self.in_string(byte),
            State::Colon => match byte {
                b':' => State::Value,
                b' ' | b'\t' | b'\r' | b'\n' => State::Colon,
                _ => return self.again(byte, reading),
            },
            State::Value => match byte {
                b' ' | b'\t' | b'\r' | b'\n' => State::Value,
                _ => return self.in_value(byte, reading),
            },
            State::Outside => self.outside(byte, reading),
        };
    }

    fn outside(&mut self, byte: u8, reading: &mut Reading) -> State {
        match byte {
            b'"' => {
                self.key.clear();
                return State::String(false);
            }
            b'{' => self.depth = self.depth.saturating_add(1),
            b'}' => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    reading.documents += 1;
                    reading.end_document();
                }
            }
            _ => {}
        }
        State::Outside
    }

    /// Takes the byte again, from the start: the earlier bytes were no key that is looked for.
    fn again(&mut self, byte: u8, reading: &mut Reading) {
        self.state = State::Outside;
        self.step(byte, reading);
    }

    fn in_string(&mut self, byte: u8) -> State {
        match byte {
            b'\\' => {
                // No key that is looked for has one.
                self.key.resize(KEY + 1, 0);
                State::String(true)
            }
            b'"' if self.is_sought() => State::Colon,
            b'"' => State::Outside,
            _ => {
                if self.key.len() <= KEY {
                    self.key.push(byte);
                }
                State::String(false)
            }
        }
    }

    fn is_sought(&self) -> bool {
        self.is_count()
            || names::text(&self.key).is_some()
            || names::word(&self.key).is_some()
            || self.is_object()
    }

    fn is_object(&self) -> bool {
        let mut objects = OBJECTS.iter();
        objects.any(|(key, depth)| *key == self.key && self.depth <= *depth)
    }

    fn is_count(&self) -> bool {
        let mut counts = COUNTS.iter();
        counts.any(|(key, depth)| *key == self.key && (1..=*depth).contains(&self.depth))
    }

    fn in_value(&mut self, byte: u8, reading: &mut Reading) {
        self.value.clear();
        let is_count = self.is_count();
        match byte {
            b'"' if is_count || names::word(&self.key).is_some() => {
                self.state = State::Scalar(true);
            }
            b'"' => match names::text(&self.key) {
                Some(text) => {
                    let text = reading.begin_text(text);
                    self.state = State::Text(text, Escape::None);
                }
                None => self.again(byte, reading),
            },
            b'{' if self.is_object() => {
                self.value.push(b'{');
                self.state = State::Object(1, false, false);
            }
            b'{' | b'[' => self.again(byte, reading),
            _ if is_count => {
                self.value.push(byte);
                self.state = State::Scalar(false);
            }
            _ => self.again(byte, reading),
        }
    }

    fn in_scalar(&mut self, byte: u8, quoted: bool, reading: &mut Reading) {
        let ends = match byte {
            b'"' | b'\n' => true,
            b',' | b'}' | b' ' | b'\t' | b'\r' => !quoted,
            _ => false,
        };
        if !ends {
            if self.value.len() <= SCALAR {
                self.value.push(byte);
            }
            return;
        }
        match names::word(&self.key) {
            Some(Word::Kind) if self.depth == 1 => reading.kind(&self.value),
            Some(Word::Kind) => {}
            Some(Word::End) => reading.finished(),
            None => reading.count(&self.key, &self.value),
        }
        self.state = State::Outside;
        if !quoted {
            // It may end the object too.
            self.step(byte, reading);
        }
    }

    fn in_object(
        &mut self,
        byte: u8,
        (depth, in_string, escaped): (u32, bool, bool),
        reading: &mut Reading,
    ) -> State {
        // Only its end is looked for in an object that is too long.
        if self.value.len() <= MOST {
            self.value.push(byte);
        }
        match (in_string, byte) {
            (true, _) if escaped => State::Object(depth, true, false),
            (true, b'\\') => State::Object(depth, true, true),
            (_, b'"') => State::Object(depth, !in_string, false),
            (false, b'{') => State::Object(depth.saturating_add(1), false, false),
            (false, b'}') if depth == 1 => {
                let whole = Some(&*self.value).filter(|value| value.len() <= MOST);
                reading.object(self.depth, &self.key, whole);
                State::Outside
            }
            (false, b'}') => State::Object(depth - 1, false, false),
            _ => State::Object(depth, in_string, false),
        }
    }

    /// Reports whether no document is open.
    pub(super) fn is_outside(&self) -> bool {
        self.depth == 0
    }

    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.key.capacity() + self.value.capacity()
    }
}

/// Takes a byte of a text.
fn in_text(byte: u8, text: Text, escape: Escape, reading: &mut Reading) -> State {
    let escape = match (escape, byte) {
        // A string cannot go over the end of a line.
        (_, b'\n') | (Escape::None, b'"') => {
            reading.end_text();
            return State::Outside;
        }
        (Escape::None, b'\\') => Escape::Begun,
        (Escape::None, byte) => {
            reading.text(byte, text);
            Escape::None
        }
        (Escape::Begun, b'u') => Escape::Unit(0, 0),
        (Escape::Begun, byte) => {
            let byte = match byte {
                b'n' => b'\n',
                b't' => b'\t',
                b'r' => b'\r',
                byte => byte,
            };
            reading.text(byte, text);
            Escape::None
        }
        (Escape::Unit(digits, value), byte) => {
            let digit = char::from(byte).to_digit(16).unwrap_or_default();
            let value = value << 4 | u16::try_from(digit).unwrap_or_default();
            if digits == 3 {
                reading.unit(value, text);
                Escape::None
            } else {
                Escape::Unit(digits + 1, value)
            }
        }
    };
    State::Text(text, escape)
}
