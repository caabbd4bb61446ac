//! Lines of pairs: `method=GET status=200` (logfmt, Rails' lograge, Heroku's router, tower-http's
//! text), and `method:GET` separated by tabs (LTSV).

use std::borrow::Cow;

use super::{
    BadLine,
    facts::Facts,
    fields::{Kind, at},
    names::Names,
    value::Value,
    words::unescape,
};

/// Most pairs that are read.
const MOST: usize = 256;

/// Fewest pairs that make a line one of these formats.
const FEWEST: usize = 3;

/// Gathers the facts of `name=value` pairs. Other words are left out.
pub(super) fn logfmt<'a>(text: &'a str, names: &mut Names) -> Result<Facts<'a>, BadLine> {
    let (pairs, facts) = gather(text, names);
    enough(pairs, facts)
}

/// Gathers the facts of pairs in a line of another format.
pub(super) fn some<'a>(text: &'a str, names: &mut Names) -> Facts<'a> {
    gather(text, names).1
}

fn gather<'a>(text: &'a str, names: &mut Names) -> (usize, Facts<'a>) {
    let mut facts = Facts::default();
    let mut pairs = 0;
    let mut rest = text;
    while let Some(at) = rest.find('=').filter(|_| pairs < MOST) {
        let before = &rest[..at];
        let name = before
            .rfind(|c: char| c.is_whitespace() || matches!(c, '{' | '(' | ',' | '"' | ';'))
            .map_or(before, |blank| before[blank..].trim_start_matches(is_edge));
        let (value, after) = value(&rest[at + 1..]);
        rest = after;
        if !name.is_empty() && name.len() <= 64 {
            pairs += 1;
            facts.add(names, name, &Value::Text(value));
        }
    }
    (pairs, facts)
}

fn is_edge(c: char) -> bool {
    c.is_whitespace() || matches!(c, '{' | '(' | ',' | '"' | ';')
}

/// Returns a value, in quotes or up to a blank, and the rest.
fn value(text: &str) -> (Cow<'_, str>, &str) {
    if let Some(quoted) = text.strip_prefix('"') {
        let mut escaped = false;
        for (at, byte) in quoted.bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => return (unquoted(&quoted[..at]), &quoted[at + 1..]),
                _ => {}
            }
        }
        return (unquoted(quoted), "");
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (value, rest) = text.split_at(end);
    // The end of a span: `request{method=GET uri=/a}:`.
    let value = value.trim_end_matches(':');
    let value = value.strip_suffix('}').unwrap_or(value);
    (Cow::Borrowed(value.trim_end_matches([',', ';'])), rest)
}

fn unquoted(text: &str) -> Cow<'_, str> {
    if text.contains('\\') {
        let plain = unescape(text.as_bytes());
        Cow::Owned(String::from_utf8_lossy(&plain).into_owned())
    } else {
        Cow::Borrowed(text)
    }
}

/// Gathers the facts of `label:value` pairs between tabs (Labeled Tab-separated Values,
/// <http://ltsv.org>).
pub(super) fn ltsv<'a>(text: &'a str, names: &mut Names) -> Result<Facts<'a>, BadLine> {
    let mut facts = Facts::default();
    let mut pairs = 0;
    for part in text.split('\t').take(MOST) {
        let Some((label, value)) = part.split_once(':') else {
            continue;
        };
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        if label.is_empty() || !label.bytes().all(known) {
            return Err(BadLine::NotALog);
        }
        pairs += 1;
        // The format calls the client so.
        let client = label == "host" && value.parse::<std::net::IpAddr>().is_ok();
        if client {
            facts.put(at(Kind::Client, "host"), Value::Text(Cow::Borrowed(value)));
            continue;
        }
        let value = value
            .strip_prefix('[')
            .and_then(|v| v.strip_suffix(']'))
            .unwrap_or(value);
        facts.add(names, label, &Value::Text(Cow::Borrowed(value)));
    }
    enough(pairs, facts)
}

fn enough(pairs: usize, facts: Facts<'_>) -> Result<Facts<'_>, BadLine> {
    if pairs < FEWEST {
        return Err(BadLine::NotALog);
    }
    Ok(facts)
}
