//! The canonical form of JSON (RFC 8785).

mod number;

/// JSON in its canonical form (RFC 8785): without white space, with sorted members, and with strings
/// and numbers written in one way.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CanonicalJson {
    /// The text, in UTF-8.
    pub text: Vec<u8>,
    /// True if each number has the value that was written. The form has numbers of double precision, so
    /// that `9007199254740993` becomes `9007199254740992`; to a program with longer integers these are
    /// two values.
    pub exact: bool,
}

/// Objects and arrays within each other that are read.
const DEPTH: usize = 100;

/// Returns the canonical form of JSON (RFC 8785). `None` if the text is not JSON, has two members of
/// one name in an object or a surrogate alone in a string (RFC 7493), a number beyond double precision,
/// or more than 100 objects and arrays within each other.
#[must_use]
pub fn canonical_json(json: &[u8]) -> Option<CanonicalJson> {
    let mut reader = Reader {
        rest: std::str::from_utf8(json).ok()?,
        exact: true,
    };
    let mut text = Vec::with_capacity(json.len());
    reader.value(&mut text, DEPTH)?;
    reader.skip();
    reader.rest.is_empty().then_some(CanonicalJson {
        text,
        exact: reader.exact,
    })
}

struct Reader<'a> {
    rest: &'a str,
    exact: bool,
}

/// A member of an object: its name for sorting, and the whole as it is written.
struct Member {
    name: Vec<u16>,
    text: Vec<u8>,
}

// === impl Reader ===

impl Reader<'_> {
    fn skip(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    /// Takes a token if it comes next, behind white space.
    fn take(&mut self, token: &str) -> bool {
        self.skip();
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn value(&mut self, out: &mut Vec<u8>, depth: usize) -> Option<()> {
        self.skip();
        match self.rest.as_bytes().first()? {
            b'{' => self.object(out, depth.checked_sub(1)?),
            b'[' => self.array(out, depth.checked_sub(1)?),
            b'"' => {
                write(&self.string()?, out);
                Some(())
            }
            b'-' | b'0'..=b'9' => self.number(out),
            _ => {
                let word = ["true", "false", "null"]
                    .into_iter()
                    .find(|word| self.take(word))?;
                out.extend_from_slice(word.as_bytes());
                Some(())
            }
        }
    }

    fn array(&mut self, out: &mut Vec<u8>, depth: usize) -> Option<()> {
        self.take("[");
        out.push(b'[');
        if !self.take("]") {
            loop {
                self.value(out, depth)?;
                match self.take(",") {
                    true => out.push(b','),
                    false => break,
                }
            }
            self.take("]").then_some(())?;
        }
        out.push(b']');
        Some(())
    }

    fn object(&mut self, out: &mut Vec<u8>, depth: usize) -> Option<()> {
        self.take("{");
        let mut members = Vec::new();
        if !self.take("}") {
            loop {
                self.skip();
                let name = self.string()?;
                let mut text = Vec::new();
                write(&name, &mut text);
                text.push(b':');
                self.take(":").then_some(())?;
                self.value(&mut text, depth)?;
                let name = name.encode_utf16().collect();
                members.push(Member { name, text });
                if !self.take(",") {
                    break;
                }
            }
            self.take("}").then_some(())?;
        }
        // Names are compared as UTF-16 (§3.2.3).
        members.sort_by(|a, b| a.name.cmp(&b.name));
        if members.windows(2).any(|pair| pair[0].name == pair[1].name) {
            return None;
        }
        out.push(b'{');
        for (index, member) in members.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(&member.text);
        }
        out.push(b'}');
        Some(())
    }

    fn number(&mut self, out: &mut Vec<u8>) -> Option<()> {
        let end = self
            .rest
            .find(|c: char| !matches!(c, '-' | '+' | '.' | 'e' | 'E' | '0'..='9'));
        let (literal, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        let (text, exact) = number::canonical(literal)?;
        self.rest = rest;
        self.exact &= exact;
        out.extend_from_slice(text.as_bytes());
        Some(())
    }

    fn string(&mut self) -> Option<String> {
        self.rest = self.rest.strip_prefix('"')?;
        let mut text = String::new();
        loop {
            let end = self
                .rest
                .find(|c: char| matches!(c, '"' | '\\' | '\0'..='\x1f'))?;
            text.push_str(&self.rest[..end]);
            let special = self.rest.as_bytes()[end];
            self.rest = &self.rest[end + 1..];
            match special {
                b'"' => return Some(text),
                b'\\' => text.push(self.escaped()?),
                _ => return None,
            }
        }
    }

    /// Reads what follows a backslash.
    fn escaped(&mut self) -> Option<char> {
        let first = self.rest.chars().next()?;
        self.rest = &self.rest[first.len_utf8()..];
        match first {
            '"' | '\\' | '/' => Some(first),
            'b' => Some('\x08'),
            'f' => Some('\x0c'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'u' => {
                let unit = self.unit()?;
                if !(0xD800..0xDC00).contains(&unit) {
                    return char::from_u32(unit.into());
                }
                self.rest = self.rest.strip_prefix("\\u")?;
                let low = self.unit()?;
                char::decode_utf16([unit, low]).next()?.ok()
            }
            _ => None,
        }
    }

    /// Reads four hexadecimal digits.
    fn unit(&mut self) -> Option<u16> {
        let digits = self.rest.get(..4)?;
        let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let unit = u16::from_str_radix(digits, 16).ok().filter(|_| hex)?;
        self.rest = &self.rest[4..];
        Some(unit)
    }
}

/// Writes a string with the escapes that are needed, and no other (§3.2.2.2).
fn write(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x09 => out.extend_from_slice(b"\\t"),
            0x0a => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            0x0d => out.extend_from_slice(b"\\r"),
            0..=0x1f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests;
