//! Lines of a format of one's own: their facts are recognised by their looks.

use std::borrow::Cow;

use super::{
    BadLine,
    facts::Facts,
    fields::{Kind, Unit, at, latency_at},
    latency, time,
    value::Value,
    words::{Form, Word, Words, is_authority},
};

/// Most words of a line that are read.
const MOST: usize = 64;

/// Words after the request among which its status is searched first.
const NEAR: usize = 4;

const METHODS: [&str; 10] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE", "PURGE",
];

/// Reads a line that has a time, a request (in quotes, or a method and a target in two words), and
/// a status, which is searched after the request first, between blanks, tabs, bars or quotes. A line
/// that is `timed` by its wrapper needs no time.
pub(super) fn facts(line: &[u8], timed: bool) -> Result<Facts<'_>, BadLine> {
    let words: Vec<_> = Words::new(line).take(MOST).collect();
    if let Some(facts) = squid(&words).or_else(|| bunny(line)) {
        return Ok(facts);
    }
    let mut facts = Facts::default();
    let request = request(&words, &mut facts).ok_or(BadLine::NotALog)?;
    let found = moment(&words, &mut facts);
    found.or(timed.then_some(())).ok_or(BadLine::NotALog)?;
    let after = request + NEAR.min(words.len() - request);
    let mut near = (request..after).chain(0..request).chain(after..words.len());
    let status = near.find_map(|position| Some((position, status(words[position])?)));
    let (status, word) = status.ok_or(BadLine::NotALog)?;
    facts.word(at(Kind::Status, "a status"), word);
    let rest = &words[status + 1..];
    let whole = rest.iter().find(|word| is_whole(**word));
    if let Some(bytes) = whole {
        facts.word(at(Kind::Bytes, "a number"), *bytes);
    }
    if let Some(latency) = rest.iter().position(|word| is_latency(*word)) {
        let unit = match rest.get(latency + 1) {
            Some(next) if next.text == b"ms" => Unit::Millis,
            _ => Unit::Seconds,
        };
        facts.word(latency_at("a fraction", unit), rest[latency]);
    }
    let named = |word: &&Word<'_>| word.str().is_some_and(is_authority) && !is_latency(**word);
    if let Some(host) = words[..request].iter().find(named) {
        facts.word(at(Kind::Host, "a name of a host"), *host);
    }
    Ok(facts)
}

/// Reads a line of Squid's native format: `time elapsed client result/status bytes method URL …`.
fn squid<'a>(words: &[Word<'a>]) -> Option<Facts<'a>> {
    let [time, elapsed, _, result, bytes, method, url, ..] = words else {
        return None;
    };
    let (result, status) = result.str()?.split_once('/')?;
    let named = result
        .bytes()
        .all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let counted = is_whole(*elapsed) && is_whole(*bytes) && status.len() == 3;
    let (method, url) = (method.str()?, url.str()?);
    if !named || !counted || !METHODS.contains(&method) {
        return None;
    }
    let mut facts = Facts::default();
    facts.word(at(Kind::Time, "time"), *time);
    facts.word(latency_at("elapsed", Unit::Millis), *elapsed);
    facts.put(
        at(Kind::Status, "result/status"),
        Value::Text(Cow::Borrowed(status)),
    );
    facts.word(at(Kind::Bytes, "bytes"), *bytes);
    let line = Value::Text(Cow::Owned(format!("{method} {url}")));
    facts.put(at(Kind::RequestLine, "method and URL"), line);
    Some(facts)
}

/// Reads a line of Bunny's CDN, which names no method: `cache|status|time|bytes|zone|client|referer|URL|…`.
fn bunny(line: &[u8]) -> Option<Facts<'_>> {
    let text = std::str::from_utf8(line).ok()?;
    let parts: Vec<_> = text.splitn(10, '|').collect();
    let [cache, status, time, bytes, zone, client, _, url, place, _] = parts[..] else {
        return None;
    };
    let counted = [status, time, bytes, zone]
        .iter()
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    let named = |part: &str| {
        part.bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'-')
    };
    if !counted || !named(cache) || !named(place) || !url.contains("://") {
        return None;
    }
    let mut facts = Facts::default();
    for (kind, name, value) in [
        (Kind::Status, "status", status),
        (Kind::Time, "time", time),
        (Kind::Bytes, "bytes", bytes),
        (Kind::Client, "client", client),
        (Kind::Target, "URL", url),
    ] {
        facts.put(at(kind, name), Value::Text(Cow::Borrowed(value)));
    }
    Some(facts)
}

/// Finds the request, and returns the position of the word after it.
fn request(words: &[Word<'_>], facts: &mut Facts<'_>) -> Option<usize> {
    for (position, word) in words.iter().enumerate() {
        let plain = word.plain();
        let text = String::from_utf8_lossy(&plain);
        if let Some((method, _)) = text.split_once(' ')
            && word.form != Form::Bracketed
            && METHODS.contains(&method)
        {
            let line = Value::Text(Cow::Owned(text.into_owned()));
            facts.put(at(Kind::RequestLine, "a request line"), line);
            return Some(position + 1);
        }
        if !METHODS.contains(&&*text) {
            continue;
        }
        // Ktor has a dash between them.
        let dashed = words
            .get(position + 1)
            .is_some_and(|next| next.text == b"-");
        let next = position + 1 + usize::from(dashed);
        let target = words.get(next).and_then(|next| next.str());
        let target = target.filter(|target| target.starts_with('/') || target.contains("://"));
        if let Some(target) = target {
            let line = Value::Text(Cow::Owned(format!("{text} {target}")));
            facts.put(at(Kind::RequestLine, "a method and a target"), line);
            return Some(next + 1);
        }
    }
    None
}

/// Finds the time: a word, or a day and a time of day.
fn moment<'a>(words: &[Word<'a>], facts: &mut Facts<'a>) -> Option<()> {
    for (position, word) in words.iter().enumerate() {
        // A number could be anything: only a time of today's length is one, with a fraction or not.
        let Some(text) = word.str() else {
            continue;
        };
        let number = text.len() >= 10 && text.starts_with('1');
        let dated = text.contains(['-', '/', ':']);
        // A zone, or a half of the day, goes with the words before it.
        for count in [3, 2].into_iter().filter(|_| dated) {
            let Some(joined) = joined(&words[position..], count) else {
                continue;
            };
            if time::text(&joined).is_some() {
                let value = Value::Text(Cow::Owned(joined));
                facts.put(at(Kind::Time, "a time and its zone"), value);
                return Some(());
            }
        }
        if (number || dated) && time::text(text).is_some() {
            facts.word(at(Kind::Time, "a time"), *word);
            return Some(());
        }
        let mut after = words[position + 1..].iter().take(2);
        let next = after.find(|next| next.text != b"-");
        let next = next.and_then(|next| next.str());
        if let Some(clock) = next.filter(|_| dated) {
            let both = format!("{text} {clock}");
            if time::is_clock(clock) && time::text(&both).is_some() {
                facts.put(
                    at(Kind::Time, "a day and a time"),
                    Value::Text(Cow::Owned(both)),
                );
                return Some(());
            }
        }
    }
    None
}

/// Joins the first words, if the last one is a zone or a half of the day.
fn joined(words: &[Word<'_>], count: usize) -> Option<String> {
    let texts: Option<Vec<_>> = words.get(..count)?.iter().map(|word| word.str()).collect();
    let texts = texts?;
    let last = texts[count - 1];
    (time::is_zone(last) || matches!(last, "AM" | "PM")).then(|| texts.join(" "))
}

/// Returns the word of a status, without the brackets that PHP's server puts around it.
fn status(word: Word<'_>) -> Option<Word<'_>> {
    let text = word.text.strip_suffix(b":").unwrap_or(word.text);
    let bare = text
        .strip_prefix(b"[")
        .and_then(|text| text.strip_suffix(b"]"));
    let text = bare.unwrap_or(text);
    let known = matches!(text, [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9']);
    known.then_some(Word { text, ..word })
}

fn is_whole(word: Word<'_>) -> bool {
    !word.text.is_empty() && word.text.iter().all(u8::is_ascii_digit)
}

/// Reports whether a word is a time as nginx and others write it: `0.012`, `12ms`.
fn is_latency(word: Word<'_>) -> bool {
    let text = word.str().unwrap_or_default();
    let begins = text.starts_with(|c: char| c.is_ascii_digit());
    let marked = text.contains('.') || text.ends_with('s');
    begins && marked && !text.contains([':', ',']) && latency::text(text, Unit::Seconds).is_some()
}

#[cfg(test)]
mod tests {
    use super::super::{Entry, parse};
    use std::time::Duration;

    #[test]
    fn lines_of_frameworks_are_read_by_their_looks() {
        let expected = Entry {
            time: 1_431_857_103_000_000,
            status: 200,
            method: "GET".into(),
            target: "/a?b=1".into(),
            latency: Some(Duration::from_micros(4_107)),
            ..Entry::default()
        };
        for (line, bytes) in [
            (
                "[GIN] 2015/05/17 - 10:05:03 | 200 |    4.107ms |  192.0.2.1 | GET      \"/a?b=1\"",
                0,
            ),
            ("2015-05-17T10:05:03Z GET /a?b=1 200 4.107 ms - 12", 12),
            (
                "2015-05-17T10:05:03Z INFO 192.0.2.1:5000 - \"GET /a?b=1 HTTP/1.1\" 200 4.107ms",
                0,
            ),
            ("2015/05/17 10:05:03\tGET\t/a?b=1\t200\t12\t0.004107", 12),
        ] {
            let expected = Entry {
                bytes,
                ..expected.clone()
            };
            assert_eq!(parse(line.as_bytes()), Ok(expected), "{line}");
        }
    }
}
