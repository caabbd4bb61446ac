//! One line of a log, in any format.

mod clf;
mod json;
mod target;
mod time;

use std::fmt;

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
}

/// Reason why a line is unusable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadLine {
    TooLong,
    NotALog,
    Json,
    Time,
    Request,
    Method,
    Target,
    Host,
    Status,
}

/// Reads a line in Common or Combined Log Format, or of JSON. The first character decides. The line
/// must not include its line break.
pub(crate) fn parse(line: &[u8]) -> Result<Entry, BadLine> {
    match line.first() {
        Some(b'{') => json::parse(line),
        _ => clf::parse(line),
    }
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

// === impl BadLine ===

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "longer than 1 MiB",
            Self::NotALog => "neither Common or Combined Log Format nor a JSON object",
            Self::Json => "not valid JSON",
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
            key in "(time|ts|@timestamp|path|url|request|status|bytes|host|method|x)",
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
