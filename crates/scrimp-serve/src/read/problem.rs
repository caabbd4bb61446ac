//! Problems of a configuration, with their places.

use std::{cell::RefCell, error::Error, fmt, ops::Range};

/// Bytes of the source that a problem is about.
pub(crate) type Span = Range<usize>;

/// Something that is wrong, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) span: Span,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

/// Collects the problems of one file.
#[derive(Debug, Default)]
pub(crate) struct Problems(RefCell<Vec<Problem>>);

/// The problems of a configuration, in the order of their lines.
///
/// It is displayed with file, line and column, the line itself, and what would be right.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigError {
    file: String,
    source: String,
    problems: Vec<Problem>,
}

// === impl Problems ===

impl Problems {
    /// Adds a problem.
    pub(crate) fn add(&self, span: &Span, message: impl Into<String>, help: impl Into<String>) {
        let help: String = help.into();
        self.0.borrow_mut().push(Problem {
            span: span.clone(),
            message: message.into(),
            help: (!help.is_empty()).then_some(help),
        });
    }

    /// Returns the problems as an error, if there are any.
    pub(crate) fn finish(self, file: &str, source: &str) -> Result<(), ConfigError> {
        let mut problems = self.0.into_inner();
        if problems.is_empty() {
            return Ok(());
        }
        problems.sort_by_key(|problem| (problem.span.start, problem.span.end));
        problems.dedup();
        Err(ConfigError {
            file: file.into(),
            source: source.into(),
            problems,
        })
    }
}

// === impl ConfigError ===

impl ConfigError {
    /// Makes the error of a file that cannot be read at all.
    pub(crate) fn unreadable(file: &str, why: impl fmt::Display) -> Self {
        Self {
            file: file.into(),
            source: String::new(),
            problems: vec![Problem {
                span: 0..0,
                message: format!("cannot be read: {why}"),
                help: None,
            }],
        }
    }

    /// Returns the number of problems.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.problems.len()
    }

    /// Returns line and column (from 1) and the message of each problem.
    pub fn problems(&self) -> impl Iterator<Item = (usize, usize, &str)> {
        self.problems.iter().map(|problem| {
            let (line, column, _) = self.place(problem.span.start);
            (line, column, problem.message.as_str())
        })
    }

    /// Returns line, column and the text of the line.
    fn place(&self, at: usize) -> (usize, usize, &str) {
        let mut at = at.min(self.source.len());
        while !self.source.is_char_boundary(at) {
            at -= 1;
        }
        let before = &self.source[..at];
        let begin = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        let text = self.source[begin..].lines().next().unwrap_or_default();
        (line, self.source[begin..at].chars().count() + 1, text)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            if self.source.is_empty() {
                write!(f, "{}: {}", self.file, problem.message)?;
                continue;
            }
            let (line, column, text) = self.place(problem.span.start);
            write!(f, "{}:{line}:{column}: {}", self.file, problem.message)?;
            let number = line.to_string();
            let margin = " ".repeat(number.len());
            if may_have_secret(text) {
                if let Some(help) = &problem.help {
                    write!(f, "\n  {margin} = {help}")?;
                }
                continue;
            }
            writeln!(f)?;
            let rest = text.chars().count().saturating_sub(column - 1).max(1);
            let wide = self.source.get(problem.span.clone());
            let wide = wide.map_or(1, |bytes| bytes.chars().count()).clamp(1, rest);
            writeln!(f, "  {number} | {text}")?;
            let before: String = text.chars().take(column - 1).map(blank).collect();
            write!(f, "  {margin} | {before}{}", "^".repeat(wide))?;
            if let Some(help) = &problem.help {
                write!(f, "\n  {margin} = {help}")?;
            }
        }
        Ok(())
    }
}

/// Reports whether a line may hold a secret, which must not get into a log.
fn may_have_secret(line: &str) -> bool {
    ["plain", "key", "token", "url"]
        .iter()
        .any(|word| line.contains(word))
}

/// Keeps tabs, so that the mark stands below its place.
fn blank(letter: char) -> char {
    if letter == '\t' { '\t' } else { ' ' }
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for ConfigError {}
