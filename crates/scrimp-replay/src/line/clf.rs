//! Common and Combined Log Format, as Apache and nginx write them.
//!
//! `host ident user [time] "request" status bytes "referer" "user agent"`. Fields before the time
//! may contain spaces (user names do); text after the ninth field is ignored, so that the usual
//! extensions are accepted.

use std::borrow::Cow;

use super::{BadLine, Entry, method, status, target, time};

pub(super) fn parse(line: &[u8]) -> Result<Entry, BadLine> {
    let (when, rest) = timestamp(line)?;
    let time = time::clf(when).ok_or(BadLine::Time)?;
    let (request, rest) = quoted(rest).ok_or(BadLine::Request)?;
    let (name, url) = request_line(&request)?;
    let mut words = rest.splitn(4, |&byte| byte == b' ').skip(1);
    let status = status(number(words.next().unwrap_or_default()).ok_or(BadLine::Status)?)?;
    // Servers write `-` for a body of no bytes.
    let bytes = number(words.next().unwrap_or_default()).unwrap_or(0);
    let user_agent = words.next().and_then(user_agent).unwrap_or_default();
    let (host, target) = target::split(name, url)?;
    Ok(Entry {
        time,
        status,
        bytes,
        method: name.to_owned(),
        host,
        target,
        user_agent,
    })
}

/// Returns the text between the brackets, and the rest. The client's address (IPv6) or a user name
/// may contain a bracket too, so the first pair counts that is long enough for a time and is
/// followed by a quote.
fn timestamp(line: &[u8]) -> Result<(&[u8], &[u8]), BadLine> {
    let (mut from, mut end) = (0, 0);
    while let Some(at) = position(&line[from..], b'[') {
        let start = from + at + 1;
        // The next closing bracket is that of the pair before, if it is not passed yet: so each
        // byte is looked at twice, however many brackets open.
        if end < start {
            end = start + position(&line[start..], b']').ok_or(BadLine::NotALog)?;
        }
        let rest = &line[end + 1..];
        if let Some(rest) = rest.strip_prefix(b" ")
            && rest.first() == Some(&b'"')
        {
            return Ok((&line[start..end], rest));
        }
        from = start;
    }
    Err(BadLine::NotALog)
}

/// Returns a field in quotes, unescaped, and the rest.
fn quoted(text: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let text = text.strip_prefix(b"\"")?;
    let mut escaped = false;
    let mut at = 0;
    loop {
        match *text.get(at)? {
            b'"' => break,
            b'\\' => {
                escaped = true;
                at += 2;
            }
            _ => at += 1,
        }
    }
    let (field, rest) = (&text[..at], &text[at + 1..]);
    let field = if escaped {
        Cow::Owned(unescape(field))
    } else {
        Cow::Borrowed(field)
    };
    Some((field, rest))
}

/// Decodes `\"`, `\\`, `\t` and `\xHH`. An unknown escape stays.
fn unescape(field: &[u8]) -> Vec<u8> {
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

/// Splits `GET /a b HTTP/1.1`: the method ends at the first space, and the target at the protocol,
/// which HTTP/0.9 and some servers leave out.
fn request_line(request: &[u8]) -> Result<(&str, &[u8]), BadLine> {
    if request == b"-" || request.is_empty() {
        return Err(BadLine::Request);
    }
    let blank = position(request, b' ').ok_or(BadLine::Request)?;
    let name = std::str::from_utf8(&request[..blank]).map_err(|_| BadLine::Method)?;
    let rest = &request[blank + 1..];
    let url = match rest.iter().rposition(|&byte| byte == b' ') {
        Some(at) if rest[at + 1..].starts_with(b"HTTP/") => &rest[..at],
        _ => rest,
    };
    Ok((method(name)?, url.trim_ascii()))
}

/// Returns the second of the two fields in quotes that Combined adds.
fn user_agent(rest: &[u8]) -> Option<String> {
    let (_referer, rest) = quoted(rest)?;
    let (agent, _) = quoted(rest.strip_prefix(b" ")?)?;
    if *agent == *b"-" {
        return None;
    }
    Some(String::from_utf8_lossy(&agent).into_owned())
}

fn position(text: &[u8], byte: u8) -> Option<usize> {
    text.iter().position(|&other| other == byte)
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(request: &str) -> Vec<u8> {
        format!("::1 - bob [smith] [17/May/2015:10:05:03 +0000] \"{request}\" 200 12 \"-\" \"a \\\"b\\\"\"")
            .into_bytes()
    }

    #[test]
    fn all_fields_of_a_combined_line_are_read() {
        let entry = parse(&line("GET /x?y=1 HTTP/1.1")).unwrap();
        assert_eq!(entry.time, 1_431_857_103_000_000);
        assert_eq!(
            (entry.method.as_str(), entry.target.as_str()),
            ("GET", "/x?y=1")
        );
        assert_eq!((entry.status, entry.bytes), (200, 12));
        assert_eq!(entry.user_agent, "a \"b\"");
        assert_eq!(entry.host, "");
    }

    #[test]
    fn a_common_line_ends_with_its_size_or_a_dash() {
        let common = b"10.0.0.1 - - [17/May/2015:10:05:03 +0000] \"HEAD / HTTP/1.0\" 304 -";
        let entry = parse(common).unwrap();
        assert_eq!(
            (entry.status, entry.bytes, entry.user_agent.as_str()),
            (304, 0, "")
        );
    }

    #[test]
    fn unusual_requests_are_read_as_their_server_wrote_them() {
        let target = |request| parse(&line(request)).map(|entry| entry.target);
        assert_eq!(target("GET /old"), Ok("/old".into()));
        assert_eq!(target("GET /a b HTTP/1.1"), Ok("/a%20b".into()));
        assert_eq!(
            target(r#"GET /say\"hi\" HTTP/1.1"#),
            Ok("/say%22hi%22".into())
        );
        assert_eq!(target(r"GET /\xC3\xA9 HTTP/1.1"), Ok("/%C3%A9".into()));
        assert_eq!(
            target(r"GET /back\\slash HTTP/1.1"),
            Ok("/back%5Cslash".into())
        );
        assert_eq!(target("-"), Err(BadLine::Request));
        assert_eq!(target(r"\x16\x03\x01 x"), Err(BadLine::Method));
        assert_eq!(target("GET relative HTTP/1.1"), Err(BadLine::Target));
    }

    #[test]
    fn the_error_of_a_damaged_line_names_the_missing_part() {
        assert_eq!(parse(b""), Err(BadLine::NotALog));
        assert_eq!(parse(b"hello"), Err(BadLine::NotALog));
        assert_eq!(
            parse(b"h - - [yesterday] \"GET / HTTP/1.1\" 200 1"),
            Err(BadLine::Time)
        );
        let cut = b"h - - [17/May/2015:10:05:03 +0000] \"GET / HT";
        assert_eq!(parse(cut), Err(BadLine::Request));
        let cut = b"h - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\"";
        assert_eq!(parse(cut), Err(BadLine::Status));
        let odd = b"h - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 20 1";
        assert_eq!(parse(odd), Err(BadLine::Status));
    }
}
