//! Reads the lines of a log: detects their format, and removes what wraps them.

use std::cmp::Reverse;

use super::{
    BadLine, Format, Parsed, aws, clf, columns::Columns, facts::Facts, format::ALL, json, loose,
    names::Names, pairs, proxies, wrap,
};

/// Most wrappers around a line, and most logs within another.
const MAX_WRAPPERS: usize = 4;
/// Longest line that is put together from parts.
const MAX_JOINED: usize = 1 << 20;
/// Length from which docker splits a line into parts.
const SPLIT: usize = 16_000;

/// Reads lines, one after the other.
#[derive(Debug)]
pub(crate) struct Reader {
    /// Formats in the order in which they are tried.
    order: Vec<Format>,
    names: Names,
    columns: Option<Columns>,
    /// Nothing was read yet, so that the next line may be the head of a table.
    first: bool,
    /// Number of wrappers around the last line that was read.
    depth: usize,
    /// The beginning of a line that was written in parts.
    begun: Vec<u8>,
    /// Format and wrappers of the last line that was read, the outermost first.
    pub(crate) last: Option<Format>,
    pub(crate) wrappers: Vec<&'static str>,
}

// === impl Reader ===

impl Reader {
    /// Makes a reader of one format, or of all.
    pub(crate) fn new(format: Option<Format>) -> Self {
        Self {
            order: format.map_or_else(|| ALL.to_vec(), |format| vec![format]),
            names: Names::default(),
            columns: None,
            first: true,
            depth: 0,
            begun: Vec::new(),
            last: None,
            wrappers: Vec::new(),
        }
    }

    /// Counts for each format how many of the first lines it reads, and tries the best one first
    /// from now on. Returns the counts that are above zero, the largest first.
    pub(crate) fn detect<'l>(
        &mut self,
        lines: &(impl Iterator<Item = &'l [u8]> + Clone),
    ) -> Vec<(Format, usize)> {
        let mut counts: Vec<_> = self
            .order
            .iter()
            .map(|&format| {
                let mut reader = Self::new(Some(format));
                let read = |line: &[u8]| matches!(reader.read(line), Ok(Some(_)));
                (format, lines.clone().map(read).filter(|read| *read).count())
            })
            .collect();
        // Text reads the lines of most formats, but less of them: it is the best one of nothing else.
        counts.sort_by_key(|&(format, count)| match format {
            Format::Text => (true, Reverse(usize::from(count > 0))),
            _ => (count == 0, Reverse(count)),
        });
        self.order = counts.iter().map(|&(format, _)| format).collect();
        counts.retain(|&(_, count)| count > 0);
        counts
    }

    /// Reads a line without its line break. Returns nothing for a directive, the head of a table, or
    /// a part of a line.
    pub(crate) fn read(&mut self, line: &[u8]) -> Result<Option<Parsed>, BadLine> {
        let plain = wrap::without_colours(line);
        let line = plain.as_ref();
        self.wrappers.clear();
        self.last = None;
        if line.is_empty() || self.is_directive(line) || self.is_head(line) {
            return Ok(None);
        }
        let read = self.usual(line).or_else(|_| self.unwrap(line, None, 0));
        self.first &= read.is_err();
        read
    }

    /// Reads `#Fields: …`, and skips other directives.
    fn is_directive(&mut self, line: &[u8]) -> bool {
        let Some(rest) = line.strip_prefix(b"#") else {
            return false;
        };
        let named = rest
            .iter()
            .take_while(|byte| byte.is_ascii_alphabetic() || **byte == b'-');
        let end = named.count();
        let directive = end > 0 && rest.get(end).is_none_or(|byte| b": \t".contains(byte));
        if directive && self.order.contains(&Format::W3c) {
            let columns = Columns::directive(&String::from_utf8_lossy(line));
            self.columns = columns.or(self.columns.take());
        }
        directive
    }

    fn is_head(&mut self, line: &[u8]) -> bool {
        let wanted = self.first && self.columns.is_none() && self.order.contains(&Format::Table);
        if wanted && !line.starts_with(b"{") {
            self.columns = Columns::head(&String::from_utf8_lossy(line), &mut self.names);
        }
        wanted && self.columns.is_some()
    }

    /// Reads a line in the best format, if the last one had no wrapper: most lines are like the last.
    fn usual(&mut self, line: &[u8]) -> Result<Option<Parsed>, BadLine> {
        let best = self.order.first().filter(|_| self.depth == 0);
        let format = *best.ok_or(BadLine::NotALog)?;
        let parsed = self.parse(format, line, None, 0)?;
        self.last = self.last.or(Some(format));
        Ok(parsed)
    }

    /// Reads a line with any number of wrappers, first with as many as the last line had. Returns
    /// nothing for a part of a line.
    fn unwrap(
        &mut self,
        line: &[u8],
        outer: Option<i64>,
        nesting: usize,
    ) -> Result<Option<Parsed>, BadLine> {
        let mut layers = vec![(line, outer, "")];
        while layers.len() <= MAX_WRAPPERS {
            let (rest, outer, _) = layers[layers.len() - 1];
            let Some(found) = wrap::peel(rest) else {
                break;
            };
            if found.partial {
                self.begin(found.rest);
                return Ok(None);
            }
            layers.push((found.rest, found.time.or(outer), found.name));
        }
        let joined = self.joined(&layers);
        let hint = if nesting == 0 { self.depth } else { 0 };
        let hint = hint.min(layers.len() - 1);
        let mut reason = BadLine::NotALog;
        let depths = [hint].into_iter();
        let depths = depths.chain((0..layers.len()).filter(|&depth| depth != hint));
        // Looks alone decide only where no format has clearer signs, with or without wrappers.
        for (by_looks, depth) in [false, true]
            .into_iter()
            .flat_map(|by_looks| depths.clone().map(move |depth| (by_looks, depth)))
        {
            let (mut text, outer, _) = layers[depth];
            if let Some(joined) = joined.as_deref().filter(|_| depth > 0) {
                text = joined;
            }
            match self.formats(text, outer, nesting, by_looks) {
                Ok(parsed) => {
                    let names = layers[1..=depth].iter().map(|&(_, _, name)| name);
                    self.wrappers.splice(0..0, names);
                    self.depth = if nesting == 0 { depth } else { self.depth };
                    return Ok(parsed);
                }
                Err(BadLine::NotALog) => {}
                Err(other) if reason == BadLine::NotALog => reason = other,
                Err(_) => {}
            }
        }
        Err(reason)
    }

    /// Returns the length of the parts that wait for the end of their line.
    #[cfg(test)]
    pub(super) fn begun_bytes(&self) -> usize {
        self.begun.len()
    }

    fn begin(&mut self, part: &[u8]) {
        if self.begun.len() + part.len() <= MAX_JOINED {
            self.begun.extend_from_slice(part);
        } else {
            self.begun.clear();
        }
    }

    /// Returns a line that was begun earlier, with its end.
    fn joined(&mut self, layers: &[(&[u8], Option<i64>, &str)]) -> Option<Vec<u8>> {
        let (rest, ..) = layers.iter().find(|(_, _, name)| *name == "CRI")?;
        if self.begun.is_empty() {
            return None;
        }
        let mut line = std::mem::take(&mut self.begun);
        line.extend_from_slice(rest);
        Some(line)
    }

    fn formats(
        &mut self,
        text: &[u8],
        outer: Option<i64>,
        nesting: usize,
        by_looks: bool,
    ) -> Result<Option<Parsed>, BadLine> {
        let mut reason = BadLine::NotALog;
        for at in 0..self.order.len() {
            let format = self.order[at];
            if by_looks != (format == Format::Text) {
                continue;
            }
            match self.parse(format, text, outer, nesting) {
                Ok(parsed) => {
                    self.last = self.last.or(Some(format));
                    return Ok(parsed);
                }
                Err(other) if reason == BadLine::NotALog => reason = other,
                Err(_) => {}
            }
        }
        if !by_looks
            && !self.order.contains(&Format::Json)
            && let Ok(parsed) = self.json(text, outer, nesting)
        {
            return Ok(parsed);
        }
        Err(reason)
    }

    fn parse(
        &mut self,
        format: Format,
        text: &[u8],
        outer: Option<i64>,
        nesting: usize,
    ) -> Result<Option<Parsed>, BadLine> {
        let facts = match format {
            Format::Json => return self.json(text, outer, nesting),
            Format::Clf => return clf::parse(text, &mut self.names).map(Some),
            Format::W3c | Format::Table => return self.columns(text, outer),
            Format::Alb => aws::balancer(text)?,
            Format::S3 => aws::s3(text)?,
            Format::Haproxy => proxies::haproxy(text)?,
            Format::Envoy => proxies::envoy(text)?,
            Format::Text => loose::facts(text, outer.is_some())?,
            Format::Ltsv => {
                let text = String::from_utf8_lossy(text);
                return pairs::ltsv(&text, &mut self.names)?.finish(outer).map(Some);
            }
            Format::Logfmt => {
                let text = String::from_utf8_lossy(text);
                return pairs::logfmt(&text, &mut self.names)?
                    .finish(outer)
                    .map(Some);
            }
        };
        facts.finish(outer).map(Some)
    }

    fn columns(&mut self, text: &[u8], outer: Option<i64>) -> Result<Option<Parsed>, BadLine> {
        let text = String::from_utf8_lossy(text);
        if self.columns.is_none() {
            self.columns = Columns::guess(&text);
        }
        let columns = self.columns.as_ref().ok_or(BadLine::NotALog)?;
        columns
            .facts(&text, &mut self.names)?
            .finish(outer)
            .map(Some)
    }

    fn json(
        &mut self,
        text: &[u8],
        outer: Option<i64>,
        nesting: usize,
    ) -> Result<Option<Parsed>, BadLine> {
        if text.first() != Some(&b'{') {
            return Err(BadLine::NotALog);
        }
        let text = String::from_utf8_lossy(text);
        let mut facts: Facts<'_> = json::facts(&text, &mut self.names)?;
        let inner = (nesting < MAX_WRAPPERS).then(|| facts.inner()).flatten();
        let Some(inner) = inner else {
            // An object may wrap a line of any format, and is a request itself in this one.
            if !self.order.contains(&Format::Json) {
                return Err(BadLine::NotALog);
            }
            return facts.finish(outer).map(Some);
        };
        let outer = facts.time().or(outer);
        let mut line = std::mem::take(&mut self.begun);
        line.extend_from_slice(inner.trim_end_matches(['\n', '\r']).as_bytes());
        match self.unwrap(&line, outer, nesting + 1) {
            Ok(parsed) => {
                self.wrappers.insert(0, "JSON");
                Ok(parsed)
            }
            // Docker ends a whole line with a line break.
            Err(_) if inner.len() >= SPLIT && !inner.ends_with('\n') => {
                self.begin(&line);
                Ok(None)
            }
            Err(reason) => Err(facts
                .finish(outer)
                .err()
                .filter(|own| *own != BadLine::Request)
                .unwrap_or(reason)),
        }
    }
}
