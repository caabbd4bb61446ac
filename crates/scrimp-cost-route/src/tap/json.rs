//! Looks for members of JSON that hold usage.

use super::reading::Reading;

/// Longest object of usage that is read, in bytes.
const MOST: usize = 16 * 1024;
/// Longest number or string that is read, in bytes.
const SCALAR: usize = 40;
/// Length of the longest key that is looked for.
const KEY: usize = b"amazon-bedrock-invocationMetrics".len();

/// Keys of objects that hold usage, and the number of objects that they may lie in:
/// `{"usage"`, `{"message":{"usage"`, `{"response":{"meta":{"billed_units"`.
const OBJECTS: [(&[u8], u32); 7] = [
    (b"usage", 2),
    (b"usageMetadata", 2),
    (b"usage_metadata", 2),
    (b"token_usage", 2),
    (b"metrics", 2),
    (b"amazon-bedrock-invocationMetrics", 2),
    (b"billed_units", 3),
];

/// Keys of counts that lie in the document itself: of Ollama, llama.cpp, and Bedrock's models by
/// Meta and Amazon.
const COUNTS: [&[u8]; 7] = [
    b"prompt_eval_count",
    b"eval_count",
    b"tokens_evaluated",
    b"tokens_predicted",
    b"prompt_token_count",
    b"generation_token_count",
    b"inputTextTokenCount",
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
    /// Within a number or a string that is a count.
    Scalar(bool),
    /// Within an object that is looked for: how deep, whether in a string, whether a backslash
    /// came last.
    Object(u32, bool, bool),
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
        let is_object = || {
            let mut objects = OBJECTS.iter();
            objects.any(|(key, depth)| *key == self.key && self.depth <= *depth)
        };
        self.is_count() || is_object()
    }

    fn is_count(&self) -> bool {
        self.depth == 1 && COUNTS.contains(&&*self.key)
    }

    fn in_value(&mut self, byte: u8, reading: &mut Reading) {
        self.value.clear();
        match (byte, self.is_count()) {
            (b'{', false) => {
                self.value.push(b'{');
                self.state = State::Object(1, false, false);
            }
            (b'"', true) => self.state = State::Scalar(true),
            (b'{' | b'[', true) | (_, false) => self.again(byte, reading),
            (_, true) => {
                self.value.push(byte);
                self.state = State::Scalar(false);
            }
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
        reading.count(&self.key, &self.value);
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
