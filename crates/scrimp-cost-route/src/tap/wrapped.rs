//! Documents that Bedrock's InvokeModelWithResponseStream wraps: the payload of a frame is
//! `{"bytes":"…"}`, with the document of the model in base64, and padding `"p":"…"` beside it.

use super::{json::Json, reading::Reading};

/// Reader of a payload of that form. Of any other payload it reads nothing.
#[derive(Debug, Default)]
pub(super) struct Wrapped {
    place: Place,
    json: Json,
}

/// Name of the member with the document.
const NAME: &[u8] = b"bytes";

/// Place within a payload.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum Place {
    /// Before a member.
    #[default]
    Before,
    /// Before the quote that begins a name.
    Quote,
    /// Within a name, behind this many bytes of the one that is looked for; `None` if it is another.
    Name(Option<usize>),
    /// Before a colon, and then before the quote of a value: whether it is the document.
    Colon(bool),
    Value(bool),
    /// Within the value of another member.
    Other,
    /// Within the document: bits that are no whole byte yet, and their number.
    Document(u32, u32),
    /// Behind what is of use, or within a payload of another form.
    End,
}

// === impl Wrapped ===

impl Wrapped {
    /// Begins a payload.
    pub(super) fn restart(&mut self) {
        self.place = Place::Before;
    }

    pub(super) fn step(&mut self, byte: u8, reading: &mut Reading) {
        self.place = match (self.place, byte) {
            (Place::End, _) => Place::End,
            (Place::Document(bits, count), byte) => self.in_document(byte, bits, count, reading),
            (Place::Other, b'"') => Place::Before,
            (Place::Other, byte) if byte != b'\\' => Place::Other,
            (Place::Name(matched), b'"') => Place::Colon(matched == Some(NAME.len())),
            (Place::Name(matched), byte) => {
                let matched = matched.filter(|matched| NAME.get(*matched) == Some(&byte));
                Place::Name(matched.map(|matched| matched + 1))
            }
            (place, b' ' | b'\t' | b'\r' | b'\n') => place,
            (Place::Before, b'{' | b',') => Place::Quote,
            (Place::Quote, b'"') => Place::Name(Some(0)),
            (Place::Colon(document), b':') => Place::Value(document),
            (Place::Value(true), b'"') => {
                self.json.restart(reading);
                Place::Document(0, 0)
            }
            (Place::Value(false), b'"') => Place::Other,
            _ => Place::End,
        };
    }

    /// Takes six bits more (RFC 4648 §4).
    fn in_document(&mut self, byte: u8, bits: u32, count: u32, reading: &mut Reading) -> Place {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return Place::End,
        };
        let (bits, count) = (bits << 6 | u32::from(six), count + 6);
        if count < 8 {
            return Place::Document(bits, count);
        }
        let rest = count - 8;
        let [.., whole] = (bits >> rest).to_be_bytes();
        self.json.step(whole, reading);
        Place::Document(bits & ((1 << rest) - 1), rest)
    }

    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.json.memory()
    }
}
