//! Lines of bounded length, and JSON texts in place of lines.

use std::io::{self, BufRead};

use super::objects::{Objects, Shape};

/// Highest length of a line; longer lines are skipped.
const MAX_LINE: usize = 1 << 20;

/// Reads lines and holds only one of bounded length in memory. If the text is a JSON array, or
/// objects over several lines, each object is a line.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    reader: R,
    line: Vec<u8>,
    objects: Option<Objects>,
    /// Number of the last line, from one.
    pub(crate) number: u64,
}

/// A line, without its line break.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    Text(&'a [u8]),
    TooLong,
}

// === impl Lines ===

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            reader,
            line: Vec::new(),
            objects: None,
            number: 0,
        }
    }

    /// Returns the next line with its number; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<(u64, Line<'_>)>> {
        if self.number == 0 && self.objects.is_none() {
            let shape = Shape::of(fill(&mut self.reader)?);
            self.objects = shape.map(Objects::new);
        }
        self.line.clear();
        if self.objects.is_some() {
            self.next_object()
        } else {
            self.next_line()
        }
    }

    fn next_line(&mut self) -> io::Result<Option<(u64, Line<'_>)>> {
        let mut too_long = false;
        let mut any = false;
        loop {
            let chunk = fill(&mut self.reader)?;
            if chunk.is_empty() {
                break;
            }
            any = true;
            let end = memchr::memchr(b'\n', chunk);
            let text = &chunk[..end.unwrap_or(chunk.len())];
            too_long |= self.line.len() + text.len() > MAX_LINE;
            if !too_long {
                self.line.extend_from_slice(text);
            }
            let used = text.len() + usize::from(end.is_some());
            self.reader.consume(used);
            if end.is_some() {
                break;
            }
        }
        if !any {
            return Ok(None);
        }
        self.number += 1;
        if too_long {
            return Ok(Some((self.number, Line::TooLong)));
        }
        let mut text = self.line.as_slice();
        if self.number == 1 {
            text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        }
        Ok(Some((self.number, Line::Text(text.trim_ascii_end()))))
    }

    fn next_object(&mut self) -> io::Result<Option<(u64, Line<'_>)>> {
        let Some(objects) = &mut self.objects else {
            return Ok(None);
        };
        let mut too_long = false;
        loop {
            let chunk = fill(&mut self.reader)?;
            if chunk.is_empty() {
                break;
            }
            let step = objects.step(chunk);
            let text = &chunk[step.start..step.end];
            too_long |= self.line.len() + text.len() > MAX_LINE;
            if !too_long {
                self.line.extend_from_slice(text);
            }
            let used = step.used;
            self.reader.consume(used);
            if step.done {
                break;
            }
        }
        self.number = objects.line();
        if too_long {
            return Ok(Some((self.number, Line::TooLong)));
        }
        let text = self.line.trim_ascii();
        Ok((!text.is_empty()).then_some((self.number, Line::Text(text))))
    }
}

/// Returns the next bytes; none at the end.
fn fill<R: BufRead>(reader: &mut R) -> io::Result<&[u8]> {
    loop {
        match reader.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
            Ok(_) => break,
        }
    }
    // What is in the buffer is returned at once.
    reader.fill_buf()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_line_ends_are_read() {
        let mut lines = Lines::new(&b"\xef\xbb\xbfone\r\n\ntwo\nlast"[..]);
        for expected in ["one", "", "two", "last"] {
            let (_, line) = lines.next().unwrap().unwrap();
            assert_eq!(line, Line::Text(expected.as_bytes()));
        }
        assert_eq!(lines.next().unwrap(), None);
        assert_eq!(lines.number, 4);
    }

    #[test]
    fn an_overlong_line_is_skipped_and_the_next_is_read() {
        let mut text = vec![b'x'; MAX_LINE + 1];
        text.extend_from_slice(b"\nnext\n");
        let mut lines = Lines::new(&text[..]);
        assert_eq!(lines.next().unwrap(), Some((1, Line::TooLong)));
        assert_eq!(lines.next().unwrap(), Some((2, Line::Text(b"next"))));
    }

    /// Returns each object with the number of the line on which it ends.
    fn objects(text: &str, buffer: usize) -> Vec<(u64, String)> {
        let mut lines = Lines::new(io::BufReader::with_capacity(buffer, text.as_bytes()));
        let mut found = Vec::new();
        while let Some((number, line)) = lines.next().unwrap() {
            let Line::Text(text) = line else {
                panic!("no line is too long");
            };
            found.push((number, String::from_utf8(text.to_vec()).unwrap()));
        }
        found
    }

    #[test]
    fn each_object_of_an_array_is_a_line() {
        let two = [
            (1, "{\"a\":\"]}\\\"{\"}".to_owned()),
            (2, "{\"b\":{\"c\":[1,{}]}}".to_owned()),
        ];
        for text in [
            "[{\"a\":\"]}\\\"{\"},\n{\"b\":{\"c\":[1,{}]}}]",
            "\u{feff}[{\"a\":\"]}\\\"{\"} ,\n {\"b\":{\"c\":[1,{}]}} ]\n",
            "{\"records\": [{\"a\":\"]}\\\"{\"},\n{\"b\":{\"c\":[1,{}]}}]}",
        ] {
            for buffer in [64, 1 << 16] {
                assert_eq!(objects(text, buffer), two, "{text}");
            }
        }
    }

    #[test]
    fn an_object_may_be_written_over_several_lines() {
        let text = "{\n  \"a\": 1\n}\n{\n  \"b\": 2\n}\n";
        let expected = [
            (3, "{\n  \"a\": 1\n}".to_owned()),
            (6, "{\n  \"b\": 2\n}".to_owned()),
        ];
        assert_eq!(objects(text, 64), expected);
        assert_eq!(objects("[\n]\n", 64), []);
    }

    #[test]
    fn an_array_is_read_in_bounded_memory() {
        let mut text = b"[".to_vec();
        for _ in 0..200_000 {
            text.extend_from_slice(b"{\"path\":\"/\"},");
        }
        text.extend_from_slice(b"{\"path\":\"/\"}]");
        let mut lines = Lines::new(&text[..]);
        let mut count = 0;
        while lines.next().unwrap().is_some() {
            count += 1;
        }
        assert_eq!(count, 200_001);
        assert!(lines.line.capacity() < 1024);
    }
}
