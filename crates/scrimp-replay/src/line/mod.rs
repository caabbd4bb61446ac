//! One line of a log, in any format.

mod aws;
mod clf;
mod client;
mod columns;
#[cfg(test)]
mod documented;
mod facts;
mod fields;
#[cfg(test)]
mod fixtures;
mod format;
#[cfg(test)]
mod frameworks;
mod json;
mod latency;
mod loose;
mod names;
mod pairs;
mod proxies;
mod reader;
mod tail;
mod target;
mod time;
mod value;
mod words;
mod wrap;

use std::{fmt, time::Duration};

use fields::KINDS;
pub(crate) use fields::Kind;
pub use format::Format;
pub(crate) use reader::Reader;
pub(crate) use time::{MICROS, format_time};

/// A request in a log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Entry {
    /// Time, in microseconds since 1970-01-01 UTC.
    pub(crate) time: i64,
    pub(crate) status: u16,
    /// Length of the response's body as logged.
    pub(crate) bytes: u64,
    pub(crate) method: String,
    /// The authority; empty if the log has none.
    pub(crate) host: String,
    /// Path and query, percent-encoded if the log did not encode them.
    pub(crate) target: String,
    /// User agent; empty if the log has none.
    pub(crate) user_agent: String,
    /// Hash of the client's address; zero if the log has none.
    pub(crate) client: u64,
    /// Time that the response took, in whole microseconds, if the log states it.
    pub(crate) latency: Option<Duration>,
}

/// A line that was read, and where its facts were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parsed {
    pub(crate) entry: Entry,
    pub(crate) seen: Seen,
}

/// The field that stated each fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Seen([Option<&'static str>; KINDS]);

/// Reason why a line is unusable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadLine {
    TooLong,
    NotALog,
    Json,
    Event,
    Time,
    Request,
    Method,
    Target,
    Host,
    Status,
}

/// Splits `GET /a b HTTP/1.1`: the method ends at the first space, and the target at the protocol,
/// which HTTP/0.9 and some servers leave out.
fn request_line(request: &[u8]) -> Result<(&str, &[u8]), BadLine> {
    if request == b"-" || request.is_empty() {
        return Err(BadLine::Request);
    }
    let blank = request.iter().position(|&byte| byte == b' ');
    let blank = blank.ok_or(BadLine::Request)?;
    let name = std::str::from_utf8(&request[..blank]).map_err(|_| BadLine::Method)?;
    let rest = &request[blank + 1..];
    let url = match rest.iter().rposition(|&byte| byte == b' ') {
        Some(at) if is_protocol(&rest[at + 1..]) => &rest[..at],
        _ => rest,
    };
    Ok((method(name)?, url.trim_ascii()))
}

/// Reports whether a word names the protocol. Hypercorn writes its version alone.
fn is_protocol(word: &[u8]) -> bool {
    word.starts_with(b"HTTP/") || matches!(word, b"1.0" | b"1.1" | b"2" | b"2.0" | b"3")
}

/// Checks a method: a token (RFC 9110 §5.6.2) of usual length.
fn method(text: &str) -> Result<&str, BadLine> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let known = !text.is_empty() && text.len() <= 32 && text.bytes().all(token);
    known.then_some(text).ok_or(BadLine::Method)
}

/// Checks a status: three digits, from 100.
fn status(number: u64) -> Result<u16, BadLine> {
    match u16::try_from(number) {
        Ok(status @ 100..=999) => Ok(status),
        _ => Err(BadLine::Status),
    }
}

/// Reports whether a log writes this for a value that is absent.
fn blank(text: &str) -> bool {
    matches!(text, "" | "-" | "\"-\"" | "null")
}

/// Reads a line by itself.
#[cfg(test)]
pub(crate) fn parse(line: &[u8]) -> Result<Entry, BadLine> {
    let parsed = Reader::new(None).read(line)?;
    Ok(parsed.map_or_else(Entry::default, |parsed| parsed.entry))
}

// === impl Seen ===

impl Seen {
    fn note(&mut self, kind: Kind, name: &'static str) {
        self.0[kind as usize] = Some(name);
    }

    /// Returns the name of the field that stated a fact.
    pub(crate) fn name(&self, kind: Kind) -> Option<&'static str> {
        self.0[kind as usize]
    }
}

// === impl BadLine ===

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "longer than 1 MiB",
            Self::NotALog => "in none of the known formats",
            Self::Json => "not valid JSON",
            Self::Event => "an event that is no request",
            Self::Time => "no readable time",
            Self::Request => "no request",
            Self::Method => "no HTTP method",
            Self::Target => "no valid URL",
            Self::Host => "no valid host name",
            Self::Status => "no HTTP status",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_panic(line in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&line);
        }

        #[test]
        fn no_text_of_log_like_pieces_panics(
            pieces in prop::collection::vec(
                prop::sample::select(vec![
                    "[", "]", "\"", " ", "\t", "|", "{", "}", "=", ":", "/", "#Fields: ", "GET ",
                    "/a?b", " HTTP/1.1", "200", "0.1", "17/May/2015:10:05:03 +0000", "-", "http ",
                    "2015-05-17T10:05:03Z", " stdout F ", "<13>", "µs", "status", "é", ",",
                ]),
                0..24,
            ),
        ) {
            let _ = parse(pieces.concat().as_bytes());
        }

        #[test]
        fn no_invalid_line_panics(
            time in "[0-9/:A-Za-z +\\-]{0,30}",
            request in "[ -~\\x80-\\xff\\\\\"]{0,60}",
            status in "[0-9\\-]{0,6}",
            bytes in "[0-9\\-]{0,24}",
        ) {
            let line = format!("::1 - - [{time}] \"{request}\" {status} {bytes} \"-\" \"ua\"");
            let _ = parse(line.as_bytes());
        }

        #[test]
        fn no_json_panics(
            key in "(time|ts|@timestamp|path|url|request|status|bytes|host|method|latency|log|x)",
            value in "(null|true|-?[0-9]{1,20}(\\.[0-9]{1,9})?(e[0-9]{1,3})?|\"[ -!#-\\[\\]-~]{0,40}\"|\\[\\]|\\{\\})",
        ) {
            let line = format!("{{\"time\":1,\"path\":\"/\",\"status\":200,\"{key}\":{value}}}");
            let _ = parse(line.as_bytes());
        }

        /// Every entry that parses can be sent, so the replay meets no invalid target.
        #[test]
        fn every_accepted_target_is_a_uri(target in "[!-~\\x80-\\xff]{1,80}") {
            let line = format!("h - - [17/May/2015:10:05:03 +0000] \"GET {target} HTTP/1.1\" 200 1");
            if let Ok(entry) = parse(line.as_bytes()) {
                let uri = format!("http://h{}", entry.target).parse::<http::Uri>();
                prop_assert!(uri.is_ok(), "{}", entry.target);
            }
        }
    }
}
