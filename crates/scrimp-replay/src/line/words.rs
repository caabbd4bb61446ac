//! Words of a line: separated by blanks, in quotes, brackets or braces where they contain some.

use std::{borrow::Cow, net::Ipv6Addr};

/// A word, without its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word<'a> {
    pub(super) text: &'a [u8],
    pub(super) form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    Quoted,
    /// In brackets.
    Bracketed,
    /// In braces.
    Braced,
}

/// Iterator over the words of a line.
#[derive(Debug, Clone)]
pub(super) struct Words<'a> {
    rest: &'a [u8],
    /// Closing characters that do not occur any more, so that they are searched once.
    absent: [bool; 2],
}

// === impl Words ===

impl<'a> Words<'a> {
    pub(super) fn new(line: &'a [u8]) -> Self {
        Self {
            rest: line,
            absent: [false; 2],
        }
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = Word<'a>;

    fn next(&mut self) -> Option<Word<'a>> {
        let text = self.rest.trim_ascii_start();
        let (form, close) = match text.first()? {
            b'"' => (Form::Quoted, b'"'),
            b'[' => (Form::Bracketed, b']'),
            b'{' => (Form::Braced, b'}'),
            _ => (Form::Plain, 0),
        };
        let absent = match form {
            Form::Bracketed => Some(0),
            Form::Braced => Some(1),
            Form::Plain | Form::Quoted => None,
        };
        if form != Form::Plain && !absent.is_some_and(|at| self.absent[at]) {
            let inner = &text[1..];
            if let Some(end) = closing(inner, close) {
                self.rest = &inner[end + 1..];
                return Some(Word {
                    text: &inner[..end],
                    form,
                });
            }
            // A server that cut the line has cut the quote too.
            if form == Form::Quoted {
                self.rest = &[];
                return Some(Word { text: inner, form });
            }
            absent.iter().for_each(|&at| self.absent[at] = true);
        }
        let end = text.iter().position(u8::is_ascii_whitespace);
        let (word, rest) = text.split_at(end.unwrap_or(text.len()));
        self.rest = rest;
        Some(Word {
            text: word,
            form: Form::Plain,
        })
    }
}

/// Returns the end of a quote: an unescaped quote before a blank or the end of the line. Others
/// are part of a text that was not escaped.
fn closing(text: &[u8], close: u8) -> Option<usize> {
    let escape = if close == b'"' { b'\\' } else { close };
    let mut at = 0;
    loop {
        at += memchr::memchr2(close, escape, text.get(at..)?)?;
        if text[at] != close {
            at += 2;
        } else if text.get(at + 1).is_none_or(u8::is_ascii_whitespace) {
            return Some(at);
        } else {
            at += 1;
        }
    }
}

// === impl Word ===

impl<'a> Word<'a> {
    /// Returns the text with `\"`, `\\`, `\t` and `\xHH` decoded if it was in quotes.
    pub(super) fn plain(self) -> Cow<'a, [u8]> {
        if self.form == Form::Quoted && self.text.contains(&b'\\') {
            Cow::Owned(unescape(self.text))
        } else {
            Cow::Borrowed(self.text)
        }
    }

    pub(super) fn str(self) -> Option<&'a str> {
        std::str::from_utf8(self.text).ok()
    }

    /// Returns a number, if it is one and was not in quotes.
    pub(super) fn number(self) -> Option<f64> {
        let text = self.str().filter(|_| self.form == Form::Plain)?;
        let digits = text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b".-".contains(&byte));
        text.parse().ok().filter(|_| digits)
    }

    /// Reports whether a log writes this for a value that is absent.
    pub(super) fn is_blank(self) -> bool {
        matches!(self.text, b"" | b"-")
    }
}

/// Decodes `\"`, `\\`, `\t` and `\xHH`. An unknown escape stays.
pub(super) fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        let (byte, next) = match (first, tail) {
            (b'\\', [b'x', high, low, next @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, next),
                _ => (b'\\', tail),
            },
            (b'\\', [b't', next @ ..]) => (b'\t', next),
            (b'\\', [b'n', next @ ..]) => (b'\n', next),
            (b'\\', [b'r', next @ ..]) => (b'\r', next),
            (b'\\', [escaped @ (b'"' | b'\\'), next @ ..]) => (*escaped, next),
            _ => (*first, tail),
        };
        plain.push(byte);
        rest = next;
    }
    plain
}

pub(super) fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// Reports whether a text is the name of a host, or an IPv6 address as URLs write it.
pub(super) fn is_authority(text: &str) -> bool {
    let address = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    is_host_name(text) || address.is_some_and(|(address, _)| address.parse::<Ipv6Addr>().is_ok())
}

/// Reports whether a text is the name of a host, as opposed to an address, a version or a word.
pub(super) fn is_host_name(text: &str) -> bool {
    let name = text.split_once(':').map_or(text, |(name, _)| name);
    let label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    let named = last.bytes().any(|byte| byte.is_ascii_alphabetic());
    name == "localhost" || (name.contains('.') && named && name.split('.').all(label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_end_at_blanks_outside_of_quotes_brackets_and_braces() {
        let line = br#"a  [b c]	"d \"e\" f" {g h|i} - "j"k l" [m "#;
        let words: Vec<_> = Words::new(line)
            .map(|word| (word.plain().into_owned(), word.form))
            .collect();
        let expected: [(&[u8], Form); 8] = [
            (b"a", Form::Plain),
            (b"b c", Form::Bracketed),
            (b"d \"e\" f", Form::Quoted),
            (b"g h|i", Form::Braced),
            (b"-", Form::Plain),
            (b"j\"k l", Form::Quoted),
            (b"[m", Form::Plain),
            (b"", Form::Plain),
        ];
        for (word, expected) in words.iter().zip(expected) {
            assert_eq!((word.0.as_slice(), word.1), expected);
        }
        assert_eq!(words.len(), 7);
    }

    #[test]
    fn a_name_of_a_host_is_told_from_addresses_and_versions() {
        for host in ["shop.example", "a-b.c.example:8443", "localhost", "1wt.eu"] {
            assert!(is_host_name(host), "{host}");
        }
        for other in [
            "10.0.0.1",
            "::1",
            "HTTP/1.1",
            "word",
            "1.2",
            "",
            ".",
            "a..b",
            "curl/8.0",
            "10.0.0.1:80",
        ] {
            assert!(!is_host_name(other), "{other}");
        }
    }
}
