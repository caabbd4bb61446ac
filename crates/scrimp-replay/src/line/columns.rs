//! Columns with names: W3C Extended Log Format (CloudFront, IIS), Zeek, and tables with a head.

use std::borrow::Cow;

use super::{BadLine, facts::Facts, fields::Kind, names::Names, value::Value, words::Words};

/// Most columns that are read.
const MOST: usize = 512;

/// Order of the columns of CloudFront, for a file whose head is missing.
const CLOUDFRONT: &str = "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem \
     sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type \
     x-edge-request-id x-host-header cs-protocol cs-bytes time-taken";

/// Names and separator of the columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    names: Vec<String>,
    separator: Separator,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Separator {
    /// Tabs if a line has some, otherwise blanks.
    Detect,
    /// One character, with fields in quotes as in CSV (RFC 4180).
    Byte(u8),
}

// === impl Columns ===

impl Columns {
    /// Reads `#Fields: date time cs-method …`.
    pub(super) fn directive(line: &str) -> Option<Self> {
        let head = line
            .get(..7)
            .filter(|head| head.eq_ignore_ascii_case("#fields"))?;
        let names = line[head.len()..].trim_start_matches(':');
        let names: Vec<_> = names
            .split_whitespace()
            .take(MOST)
            .map(str::to_owned)
            .collect();
        (!names.is_empty()).then_some(Self {
            names,
            separator: Separator::Detect,
        })
    }

    /// Reads the head of a table: names of a request's facts between equal separators.
    pub(super) fn head(line: &str, known: &mut Names) -> Option<Self> {
        b"\t,;|".iter().find_map(|&separator| {
            let names = split(line, Separator::Byte(separator));
            let names: Vec<_> = names
                .map(|name| name.trim().to_owned())
                .take(MOST)
                .collect();
            let mut has = |wanted: &[Kind]| {
                let mut fields = names.iter().flat_map(|name| known.find(name).to_vec());
                fields.any(|field| wanted.contains(&field.kind))
            };
            let complete = has(&[Kind::Time, Kind::Day])
                && has(&[Kind::Status])
                && has(&[Kind::Target, Kind::RequestLine]);
            complete.then_some(Self {
                names,
                separator: Separator::Byte(separator),
            })
        })
    }

    /// Returns the columns of a line that looks like CloudFront's, without its head.
    pub(super) fn guess(line: &str) -> Option<Self> {
        let mut fields = line.split('\t');
        let (day, clock) = (fields.next()?, fields.next()?);
        let count = CLOUDFRONT.split_whitespace().count();
        let long = fields.nth(count - 3).is_some();
        let dated = day.len() == 10 && super::time::is_clock(clock);
        (long && dated).then(|| Self {
            names: CLOUDFRONT.split_whitespace().map(str::to_owned).collect(),
            separator: Separator::Detect,
        })
    }

    /// Gathers the facts of a line.
    pub(super) fn facts<'a>(&self, line: &'a str, known: &mut Names) -> Result<Facts<'a>, BadLine> {
        let mut facts = Facts::default();
        let mut filled = 0;
        for (name, value) in self.names.iter().zip(split(line, self.separator)) {
            filled += 1;
            facts.add(known, name, &Value::Text(value));
        }
        // A line of another format in between has fewer fields.
        if filled < self.names.len().min(3) {
            return Err(BadLine::NotALog);
        }
        Ok(facts)
    }
}

fn split(line: &str, separator: Separator) -> Box<dyn Iterator<Item = Cow<'_, str>> + '_> {
    match separator {
        Separator::Detect if line.contains('\t') => Box::new(line.split('\t').map(Cow::Borrowed)),
        Separator::Detect => {
            Box::new(Words::new(line.as_bytes()).map(|word| String::from_utf8_lossy(word.text)))
        }
        Separator::Byte(byte) => Box::new(Quoted {
            rest: Some(line),
            separator: char::from(byte),
        }),
    }
}

/// Fields that may be in quotes, with `""` for a quote.
struct Quoted<'a> {
    rest: Option<&'a str>,
    separator: char,
}

impl<'a> Iterator for Quoted<'a> {
    type Item = Cow<'a, str>;

    fn next(&mut self) -> Option<Cow<'a, str>> {
        let rest = self.rest.take()?;
        let Some(quoted) = rest.strip_prefix('"') else {
            return Some(match rest.split_once(self.separator) {
                Some((field, rest)) => {
                    self.rest = Some(rest);
                    Cow::Borrowed(field)
                }
                None => Cow::Borrowed(rest),
            });
        };
        let bytes = quoted.as_bytes();
        let mut at = 0;
        let mut doubled = false;
        while at < bytes.len() {
            if bytes[at] == b'"' {
                if bytes.get(at + 1) != Some(&b'"') {
                    break;
                }
                doubled = true;
                at += 1;
            }
            at += 1;
        }
        let at = at.min(bytes.len());
        let field = &quoted[..at];
        let tail = quoted.get(at + 1..).unwrap_or_default();
        self.rest = tail.split_once(self.separator).map(|(_, rest)| rest);
        Some(if doubled {
            Cow::Owned(field.replace("\"\"", "\""))
        } else {
            Cow::Borrowed(field)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_table_may_be_in_quotes() {
        let line = r#"a,"b,""c""",,"d"#;
        let fields: Vec<_> = split(line, Separator::Byte(b',')).collect();
        assert_eq!(fields, ["a", "b,\"c\"", "", "d"]);
    }
}
