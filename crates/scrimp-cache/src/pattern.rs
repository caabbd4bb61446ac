//! Patterns for hosts, paths and content types.

use std::fmt;

use smallvec::SmallVec;

/// A pattern: `*` matches anything but the separator, `**` anything at all, and `{name}` is a `*`
/// with a name.
///
/// Matching takes at most text × pattern steps, for any text and pattern.
#[derive(Clone, PartialEq, Eq)]
pub struct Pattern {
    text: Box<str>,
    tokens: Box<[Token]>,
    /// The names of tokens, for those that have one.
    names: Box<[(usize, Box<str>)]>,
    /// The pattern without its final separator and `**`, if it ends in them.
    folder: Option<Box<Self>>,
    /// Prefix of every text that matches: it excludes most of many rules quickly.
    begins: Box<[u8]>,
    separator: u8,
    ignore_case: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Literal(Box<[u8]>),
    /// Anything up to the next separator, or nothing.
    Segment,
    /// Anything, or nothing.
    Any,
}

// === impl Pattern ===

impl Pattern {
    /// Returns a pattern for paths: `/` separates, case counts. `/a/**` matches `/a` too.
    #[must_use]
    pub fn path(text: &str) -> Self {
        Self::new(text, b'/', false)
    }

    /// Returns a pattern for host names: `.` separates, case does not count.
    #[must_use]
    pub fn host(text: &str) -> Self {
        Self::new(text, b'.', true)
    }

    /// Returns a pattern for media types: `/` separates, case does not count.
    #[must_use]
    pub fn media_type(text: &str) -> Self {
        Self::new(text, b'/', true)
    }

    /// Returns a pattern for tags: there is no separator, `*` matches anything.
    #[must_use]
    pub fn name(text: &str) -> Self {
        Self::new(text, b'\n', false)
    }

    /// Returns a pattern for all texts with this prefix, whatever characters it holds.
    pub(crate) fn literal_prefix(prefix: &str) -> Self {
        Self {
            text: format!("{prefix}**").into(),
            tokens: [Token::Literal(prefix.as_bytes().into()), Token::Any].into(),
            names: Box::default(),
            folder: None,
            begins: prefix.as_bytes().into(),
            separator: b'\n',
            ignore_case: false,
        }
    }

    /// Returns the prefix, if the pattern is one made from a prefix.
    #[cfg(feature = "codec")]
    pub(crate) fn as_literal_prefix(&self) -> Option<&str> {
        let prefix = self.text.strip_suffix("**")?;
        let [Token::Literal(literal), Token::Any] = &*self.tokens else {
            return None;
        };
        (**literal == *prefix.as_bytes()).then_some(prefix)
    }

    fn new(text: &str, separator: u8, ignore_case: bool) -> Self {
        let folder = text.strip_suffix("**").and_then(|rest| {
            rest.strip_suffix(char::from(separator))
                .filter(|rest| !rest.is_empty())
        });
        let mut names = Vec::new();
        let mut tokens = Vec::new();
        let mut literal = Vec::new();
        let mut rest = text.as_bytes();
        while let Some(&byte) = rest.first() {
            let (token, length) = match byte {
                b'*' if rest.starts_with(b"**") => (Token::Any, 2),
                b'*' => (Token::Segment, 1),
                b'{' => match rest.iter().position(|&byte| byte == b'}') {
                    Some(end) => (Token::Segment, end + 1),
                    None => {
                        literal.push(byte);
                        rest = &rest[1..];
                        continue;
                    }
                },
                byte => {
                    literal.push(if ignore_case {
                        byte.to_ascii_lowercase()
                    } else {
                        byte
                    });
                    rest = &rest[1..];
                    continue;
                }
            };
            flush(&mut literal, &mut tokens);
            if byte == b'{' {
                let name = String::from_utf8_lossy(&rest[1..length - 1]);
                names.push((tokens.len(), name.into()));
                tokens.push(token);
            } else if tokens.last() != Some(&token) {
                tokens.push(token);
            }
            rest = &rest[length..];
        }
        flush(&mut literal, &mut tokens);
        let folder = folder.map(|folder| Box::new(Self::new(folder, separator, ignore_case)));
        let begins = match (&folder, tokens.first()) {
            (Some(folder), _) => folder.begins.clone(),
            (None, Some(Token::Literal(literal))) => literal.clone(),
            (None, _) => Box::default(),
        };
        Self {
            text: text.into(),
            tokens: tokens.into(),
            names: names.into(),
            folder,
            begins,
            separator,
            ignore_case,
        }
    }

    /// Returns the pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the beginning of every text that matches.
    pub(crate) fn beginning(&self) -> &[u8] {
        &self.begins
    }

    /// Returns whether the pattern matches all of `text`.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.matches_bytes(text.as_bytes())
    }

    /// Returns whether the pattern matches all of `text`.
    pub(crate) fn matches_bytes(&self, text: &[u8]) -> bool {
        if !self.may_begin(text) || !self.may_end(text) {
            return false;
        }
        match &*self.tokens {
            [] | [Token::Literal(_)] => return text.len() == self.begins.len(),
            // The folder itself, or anything in it.
            [Token::Literal(literal), Token::Any] => {
                return text.len() == self.begins.len() || self.starts_with(text, literal);
            }
            _ => {}
        }
        if self.run(text, |_, _| {}) {
            return true;
        }
        // `/a/**` also means `/a`, which authors of rules easily forget.
        self.folder
            .as_ref()
            .is_some_and(|folder| folder.run(text, |_, _| {}))
    }

    /// Returns whether the pattern, which is one for names, may match a text that begins with this
    /// one.
    #[must_use]
    pub(crate) fn may_match(&self, beginning: &str) -> bool {
        let (own, beginning) = (&*self.begins, beginning.as_bytes());
        let open = self
            .tokens
            .iter()
            .any(|token| !matches!(token, Token::Literal(_)));
        match own.len() < beginning.len() {
            true => open && beginning.starts_with(own),
            false => own.starts_with(beginning),
        }
    }

    /// Reports whether a segment of the pattern has this name.
    pub(crate) fn has_name(&self, name: &str) -> bool {
        self.names.iter().any(|(_, known)| **known == *name)
    }

    /// Returns the parts of `text` that the named tokens match; empty if it does not match.
    pub(crate) fn captures<'a>(&'a self, text: &'a str) -> Vec<(&'a str, &'a str)> {
        if self.names.is_empty() {
            return Vec::new();
        }
        let mut starts = vec![text.len(); self.tokens.len() + 1];
        if !self.run(text.as_bytes(), |token, at| starts[token] = at) {
            return Vec::new();
        }
        let part = |(token, name): &'a (usize, Box<str>)| {
            Some((&**name, text.get(starts[*token]..starts[*token + 1])?))
        };
        self.names.iter().filter_map(part).collect()
    }

    /// Matches greedily, with two places to go back to: the last `*`, which stops at a separator,
    /// and the last `**`, which does not. Earlier ones need no second try: the last `**` covers
    /// their matches.
    ///
    /// A `*` behind a `**` is not tried twice at one place. The first try failed, and each later one
    /// begins farther behind in the same segment, where less is left to match.
    ///
    /// It reports to `reached` the last place at which it tried each token.
    fn run(&self, text: &[u8], mut reached: impl FnMut(usize, usize)) -> bool {
        type Retry = Option<(usize, usize)>;
        // For each token, the first place at which it was not tried yet.
        let mut untried = SmallVec::<[usize; 16]>::new();
        let (mut at, mut token) = (0, 0);
        let (mut segment, mut any): (Retry, Retry) = (None, None);
        loop {
            reached(token, at);
            let step = match self.tokens.get(token) {
                None if at == text.len() => return true,
                None => false,
                Some(Token::Any) => {
                    any = Some((at, token));
                    segment = None;
                    token += 1;
                    true
                }
                Some(Token::Segment) => {
                    if any.is_some() {
                        untried.resize(self.tokens.len(), 0);
                    }
                    let first = untried.get(token).is_none_or(|&place| at >= place);
                    segment = first.then_some((at, token));
                    mark(&mut untried, token, at);
                    token += 1;
                    first
                }
                Some(Token::Literal(literal)) => {
                    let found = self.starts_with(&text[at..], literal);
                    if found {
                        at += literal.len();
                        token += 1;
                    }
                    found
                }
            };
            if step {
                continue;
            }
            if let Some((from, back)) = segment
                && text.get(from).is_some_and(|&byte| byte != self.separator)
            {
                segment = Some((from + 1, back));
                mark(&mut untried, back, from + 1);
                (at, token) = (from + 1, back + 1);
            } else if let Some((from, back)) = any
                && from < text.len()
            {
                any = Some((from + 1, back));
                segment = None;
                (at, token) = (from + 1, back + 1);
            } else {
                return false;
            }
        }
    }

    /// Returns false if no text that the pattern matches begins like this one.
    #[inline]
    pub(crate) fn may_begin(&self, text: &[u8]) -> bool {
        self.starts_with(text, &self.begins)
    }

    /// Returns false if the pattern ends in a literal and the text does not end in it.
    #[inline]
    fn may_end(&self, text: &[u8]) -> bool {
        let Some(Token::Literal(end)) = self.tokens.last() else {
            return true;
        };
        let start = text.len().checked_sub(end.len());
        start.is_some_and(|start| self.starts_with(&text[start..], end))
    }

    fn starts_with(&self, text: &[u8], literal: &[u8]) -> bool {
        text.get(..literal.len()).is_some_and(|start| {
            if self.ignore_case {
                start.eq_ignore_ascii_case(literal)
            } else {
                start == literal
            }
        })
    }
}

/// Marks a token as tried up to a place, if places are counted at all.
fn mark(untried: &mut [usize], token: usize, at: usize) {
    if let Some(place) = untried.get_mut(token) {
        *place = (*place).max(at + 1);
    }
}

fn flush(literal: &mut Vec<u8>, tokens: &mut Vec<Token>) {
    if !literal.is_empty() {
        tokens.push(Token::Literal(std::mem::take(literal).into()));
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?})", self.text)
    }
}

#[cfg(test)]
mod tests;
