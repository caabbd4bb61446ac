//! The objects of a JSON text that is no sequence of lines.

/// Bytes that show the shape of a text.
const BEGINNING: usize = 1 << 10;

/// Shape of such a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `[{…}, {…}]`, or `{"records": [{…}, {…}]}`: objects after the first bracket.
    Array,
    /// Objects over several lines, one after another.
    Objects,
}

/// Finds objects in a text that comes in pieces.
#[derive(Debug)]
pub(crate) struct Objects {
    /// The bracket before the objects was not passed yet.
    before: bool,
    /// Open braces and brackets of the present object.
    depth: usize,
    in_string: bool,
    escaped: bool,
    line: u64,
}

/// A part of a piece: the bytes that belong to the present object.
#[derive(Debug, Default)]
pub(crate) struct Step {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) used: usize,
    /// The object ends here.
    pub(crate) done: bool,
}

// === impl Shape ===

impl Shape {
    /// Returns the shape of a text by its beginning; `None` for lines.
    pub(crate) fn of(text: &[u8]) -> Option<Self> {
        // The same part of every text, however it comes in pieces.
        let text = &text[..text.len().min(BEGINNING)];
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let mut marks = text.trim_ascii_start();
        let array = |text: &[u8]| {
            let inner = text.strip_prefix(b"[")?.trim_ascii_start();
            matches!(inner.first(), None | Some(b'{' | b']')).then_some(Self::Array)
        };
        if let Some(shape) = array(marks) {
            return Some(shape);
        }
        marks = marks.strip_prefix(b"{")?;
        let first = marks.iter().position(|byte| !b" \t\r".contains(byte));
        if first.is_some_and(|at| marks[at] == b'\n') {
            // `{`, a line break, and a list: the list's objects. Otherwise the objects themselves.
            return Some(listed(marks).unwrap_or(Self::Objects));
        }
        listed(marks)
    }
}

/// Returns the shape of `"records": [{…`, after the first brace.
fn listed(text: &[u8]) -> Option<Shape> {
    let name = text.trim_ascii_start().strip_prefix(b"\"")?;
    let end = name
        .iter()
        .take(32)
        .position(|byte| !byte.is_ascii_alphabetic())?;
    let rest = name[end..].strip_prefix(b"\"")?.trim_ascii_start();
    let rest = rest.strip_prefix(b":")?.trim_ascii_start();
    let rest = rest.strip_prefix(b"[")?.trim_ascii_start();
    rest.starts_with(b"{").then_some(Shape::Array)
}

// === impl Objects ===

impl Objects {
    pub(crate) fn new(shape: Shape) -> Self {
        Self {
            before: shape == Shape::Array,
            depth: 0,
            in_string: false,
            escaped: false,
            line: 1,
        }
    }

    /// Returns the number of the present line, from one.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// Looks at the next bytes, up to the end of an object.
    pub(crate) fn step(&mut self, piece: &[u8]) -> Step {
        let mut start = if self.depth > 0 { Some(0) } else { None };
        for (at, &byte) in piece.iter().enumerate() {
            if byte == b'\n' {
                self.line += 1;
            }
            if self.before {
                self.before = byte != b'[';
                continue;
            }
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    // No string contains a line break: a cut one ends here, and its object with it.
                    b'\n' => return self.end(start, at + 1),
                    _ => {}
                }
                continue;
            }
            match byte {
                b'{' | b'[' if self.depth > 0 || byte == b'{' => {
                    self.depth += 1;
                    start = start.or(Some(at));
                }
                b'}' | b']' if self.depth > 0 => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return self.end(start, at + 1);
                    }
                }
                b'"' if self.depth > 0 => self.in_string = true,
                _ => {}
            }
        }
        Step {
            start: start.unwrap_or(piece.len()),
            end: piece.len(),
            used: piece.len(),
            done: false,
        }
    }

    fn end(&mut self, start: Option<usize>, end: usize) -> Step {
        self.depth = 0;
        self.in_string = false;
        self.escaped = false;
        Step {
            start: start.unwrap_or(end),
            end,
            used: end,
            done: true,
        }
    }
}
