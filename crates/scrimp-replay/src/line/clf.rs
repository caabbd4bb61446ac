//! Common and Combined Log Format, as Apache, nginx and Traefik write them.
//!
//! `host ident user [time] "request" status bytes "referer" "user agent"`. Fields before the time
//! may contain spaces (user names do). A host before the client's address counts
//! (`vhost_combined`), and so do the usual times after the ninth field; other text there is ignored.

use std::{borrow::Cow, net::IpAddr};

use super::{
    BadLine, Entry, Parsed, Seen, client,
    fields::Kind,
    names::Names,
    request_line, status,
    tail::Tail,
    target, time,
    words::{is_host_name, unescape},
};

pub(super) fn parse(line: &[u8], names: &mut Names) -> Result<Parsed, BadLine> {
    let [before, when, rest] = timestamp(line)?;
    let iso = || time::text(std::str::from_utf8(when).ok()?);
    let time = time::clf(when).or_else(|| iso().filter(|_| !before.is_empty()));
    let time = time.ok_or(BadLine::Time)?;
    let (request, rest) = quoted(rest).ok_or(BadLine::Request)?;
    let (name, url) = request_line(&request)?;
    let mut words = rest.splitn(4, |&byte| is_blank(byte)).skip(1);
    let status = status(number(words.next().unwrap_or_default()).ok_or(BadLine::Status)?)?;
    // Servers write `-` for a body of no bytes.
    let bytes = number(words.next().unwrap_or_default()).unwrap_or(0);
    let (mut host, target) = target::split(name, url)?;
    let mut seen = Seen::default();
    seen.note(Kind::Time, "[time]");
    seen.note(Kind::RequestLine, "\"request\"");
    seen.note(Kind::Status, "status");
    seen.note(Kind::Bytes, "bytes");
    let leading = leading_host(before);
    if host.is_empty()
        && let Some(first) = leading
    {
        host = target::host(first)?;
        seen.note(Kind::Host, "the first word");
    }
    let client = client_of(before, leading.is_some());
    if client.is_some() {
        seen.note(Kind::Client, "the word before ident and user");
    }
    let tail = Tail::read(words.next().unwrap_or_default(), names);
    if tail.latency.is_some() {
        seen.note(Kind::Latency, tail.latency_name);
    }
    if host.is_empty() && !tail.host.is_empty() {
        host = target::host(tail.host.as_bytes())?;
        seen.note(Kind::Host, "host=");
    }
    if !tail.user_agent.is_empty() {
        seen.note(Kind::Agent, "\"user agent\"");
    }
    Ok(Parsed {
        entry: Entry {
            time,
            status,
            bytes,
            method: name.to_owned(),
            host,
            target,
            user_agent: tail.user_agent,
            client: client.map_or(0, client::hash),
            latency: tail.latency,
        },
        seen,
    })
}

/// Returns the text before the time, the time between the brackets, and the rest. The client's
/// address (IPv6) or a user name may contain a bracket too, so the first pair counts that is long
/// enough for a time and is followed by a quote.
fn timestamp(line: &[u8]) -> Result<[&[u8]; 3], BadLine> {
    let (mut from, mut end) = (0, 0);
    while let Some(at) = position(&line[from..], b'[') {
        let start = from + at + 1;
        // The next closing bracket is that of the pair before, if it is not passed yet: so each
        // byte is looked at twice, however many brackets open.
        if end < start {
            end = start + position(&line[start..], b']').ok_or(BadLine::NotALog)?;
        }
        let rest = &line[end + 1..];
        if let Some(rest) = rest.strip_prefix(b" ").or_else(|| rest.strip_prefix(b"\t"))
            && rest.first() == Some(&b'"')
        {
            return Ok([&line[..start - 1], &line[start..end], rest]);
        }
        from = start;
    }
    Err(BadLine::NotALog)
}

/// Returns the host before the client's address, as in `shop.example:443 192.0.2.1 - -`. The client
/// is an address, or a name where the server looks them up; an ident is neither.
fn leading_host(before: &[u8]) -> Option<&[u8]> {
    let mut words = before
        .split(|&byte| is_blank(byte))
        .filter(|word| !word.is_empty());
    let (first, second) = (words.next()?, words.next()?);
    words.nth(1)?;
    let (first_text, second) = (
        std::str::from_utf8(first).ok()?,
        std::str::from_utf8(second).ok()?,
    );
    let address = |text: &str| text.trim_matches(['[', ']', ',']).parse::<IpAddr>().is_ok();
    let client = address(second) || is_host_name(second);
    // Two addresses are those of a client and its proxy.
    let host = !first_text.ends_with(',') && first_text != "_" && !address(first_text);
    (client && host).then_some(first)
}

/// Returns the client's address: the first one, or else the first word, which a host may precede.
fn client_of(before: &[u8], has_host: bool) -> Option<&str> {
    let mut words = before
        .split(|&byte| is_blank(byte))
        .filter(|word| !word.is_empty())
        .skip(usize::from(has_host));
    let address = words
        .clone()
        .filter_map(|word| std::str::from_utf8(word).ok())
        .find(|word| client::is_address(word));
    let first = || std::str::from_utf8(words.next()?).ok();
    address.or_else(first).filter(|text| *text != "-")
}

pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Returns a field in quotes, unescaped, and the rest.
pub(super) fn quoted(text: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let text = text.strip_prefix(b"\"")?;
    let mut escaped = false;
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            break;
        }
        escaped = true;
        at += 2;
    }
    let (field, rest) = (&text[..at], &text[at + 1..]);
    let field = if escaped {
        Cow::Owned(unescape(field))
    } else {
        Cow::Borrowed(field)
    };
    Some((field, rest))
}

fn position(text: &[u8], byte: u8) -> Option<usize> {
    memchr::memchr(byte, text)
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &[u8]) -> Result<Entry, BadLine> {
        super::parse(line, &mut Names::default()).map(|parsed| parsed.entry)
    }

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
