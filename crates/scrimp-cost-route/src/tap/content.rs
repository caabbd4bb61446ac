//! Measures the text of an answer, by which tokens are estimated where none are reported.

/// Number of measures.
pub(crate) const MEASURES: usize = 5;

/// Amount of text in an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Content {
    /// Pieces that tokenizers split text into first: words, groups of up to three digits, runs of
    /// punctuation and of white space.
    pub(crate) pieces: u64,
    /// Bytes of ASCII.
    pub(crate) ascii: u64,
    /// Bytes of all other characters, as UTF-8.
    pub(crate) other: u64,
    /// Bytes of thoughts that are shown. They may be a summary of those that are billed.
    pub(crate) thoughts: u64,
    /// Parts that it came in. Each has a token at least.
    pub(crate) parts: u64,
    last: Class,
    run: u8,
}

/// Kind of a piece of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Text {
    /// Text of the answer, and arguments of calls.
    Answer,
    /// Thoughts before it.
    Thought,
}

/// Class of the last byte.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Class {
    #[default]
    None,
    Letter,
    Digit,
    Space,
    Line,
    Sign,
    Other,
}

// === impl Content ===

impl Content {
    /// Takes the next byte of a text, with the escapes of JSON resolved.
    pub(super) fn step(&mut self, byte: u8, text: Text) {
        if text == Text::Thought {
            self.thoughts += 1;
            return;
        }
        let class = match byte {
            b'a'..=b'z' | b'A'..=b'Z' => Class::Letter,
            b'0'..=b'9' => Class::Digit,
            b' ' | b'\t' => Class::Space,
            b'\r' | b'\n' => Class::Line,
            0x80.. => Class::Other,
            _ => Class::Sign,
        };
        match class {
            Class::Other => self.other += 1,
            _ => self.ascii += 1,
        }
        self.run = match class == self.last {
            true => self.run.saturating_add(1),
            false => 1,
        };
        self.last = class;
        let begins = match class {
            // A space alone belongs to the word after it.
            Class::Space => self.run == 2,
            Class::Digit if self.run > 3 => {
                self.run = 1;
                true
            }
            _ => self.run == 1,
        };
        self.pieces += u64::from(begins);
    }

    /// Takes a character that is written by its number in UTF-16.
    pub(super) fn step_unit(&mut self, unit: u16, text: Text) {
        let bytes = match unit {
            0..0x80 => return self.step(unit.to_le_bytes()[0], text),
            // Half of a character of four bytes.
            0x80..0x800 | 0xd800..0xe000 => 2,
            _ => 3,
        };
        (0..bytes).for_each(|_| self.step(0x80, text));
    }

    /// Reports whether no text was seen.
    pub(crate) fn is_empty(&self) -> bool {
        self.ascii + self.other + self.thoughts == 0
    }

    /// Returns the measures.
    #[expect(clippy::cast_precision_loss, reason = "a count of bytes")]
    pub(crate) fn measures(&self) -> [f64; MEASURES] {
        let all = [
            self.pieces,
            self.ascii,
            self.other,
            self.thoughts,
            self.parts,
        ];
        all.map(|measure| measure as f64)
    }

    /// Returns the text that came after an earlier state.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self {
            pieces: self.pieces - earlier.pieces,
            ascii: self.ascii - earlier.ascii,
            other: self.other - earlier.other,
            thoughts: self.thoughts - earlier.thoughts,
            parts: self.parts - earlier.parts,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Content {
        let mut content = Content::default();
        text.bytes()
            .for_each(|byte| content.step(byte, Text::Answer));
        content
    }

    #[test]
    fn words_digits_signs_and_lines_are_pieces() {
        for (text, pieces) in [
            ("", 0),
            ("Say this is a test", 5),
            ("fn main() {\n    let x = 12345;\n}", 14),
            ("a  b", 3),
            ("2026", 2),
            ("1234567", 3),
        ] {
            assert_eq!(of(text).pieces, pieces, "{text:?}");
        }
    }

    #[test]
    fn characters_count_as_their_bytes_however_they_are_written() {
        let text = "é中😀";
        let mut written = Content::default();
        let units = text.encode_utf16();
        units.for_each(|unit| written.step_unit(unit, Text::Answer));
        assert_eq!((written.ascii, written.other), (0, 9));
        assert_eq!(of(text).other, 9);
        let mut thought = Content::default();
        thought.step_unit(0x41, Text::Thought);
        thought.step_unit(0x4e2d, Text::Thought);
        assert_eq!((thought.thoughts, thought.pieces), (4, 0));
    }
}
