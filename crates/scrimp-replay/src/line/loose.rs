//! Lines of a format of one's own: their facts are recognised by their looks.

use std::borrow::Cow;

use super::{
    BadLine,
    facts::Facts,
    fields::{Kind, Unit, at, latency_at},
    time,
    value::Value,
    words::{Form, Word, Words, is_authority},
};

/// Most words of a line that are read.
const MOST: usize = 64;

/// Words after the request among which its status is searched.
const NEAR: usize = 4;

const METHODS: [&str; 10] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE", "PURGE",
];

/// Reads a line that has a time, a request (in quotes, or a method and a target in two words), and
/// a status after it, in any order otherwise, between blanks, tabs or quotes.
pub(super) fn facts(line: &[u8]) -> Result<Facts<'_>, BadLine> {
    let words: Vec<_> = Words::new(line).take(MOST).collect();
    let mut facts = Facts::default();
    let request = request(&words, &mut facts).ok_or(BadLine::NotALog)?;
    moment(&words, &mut facts).ok_or(BadLine::NotALog)?;
    let after = &words[request..];
    let status = after.iter().take(NEAR).position(|word| is_status(*word));
    let status = status.ok_or(BadLine::NotALog)?;
    facts.word(at(Kind::Status, "a status"), after[status]);
    let rest = &after[status + 1..];
    let whole = rest.iter().find(|word| is_whole(**word));
    if let Some(bytes) = whole {
        facts.word(at(Kind::Bytes, "a number"), *bytes);
    }
    let latency = rest.iter().find(|word| is_latency(**word));
    if let Some(latency) = latency {
        facts.word(latency_at("a fraction", Unit::Seconds), *latency);
    }
    let named = |word: &&Word<'_>| word.str().is_some_and(is_authority);
    if let Some(host) = words[..request].iter().find(named) {
        facts.word(at(Kind::Host, "a name of a host"), *host);
    }
    Ok(facts)
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
        let target = words.get(position + 1).and_then(|next| next.str());
        let target = target.filter(|target| target.starts_with('/') || target.contains("://"));
        if METHODS.contains(&&*text)
            && let Some(target) = target
        {
            let line = Value::Text(Cow::Owned(format!("{text} {target}")));
            facts.put(at(Kind::RequestLine, "a method and a target"), line);
            return Some(position + 2);
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
        if (number || dated) && time::text(text).is_some() {
            facts.word(at(Kind::Time, "a time"), *word);
            return Some(());
        }
        let next = words.get(position + 1).and_then(|next| next.str());
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

fn is_status(word: Word<'_>) -> bool {
    matches!(word.text, [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9'])
}

fn is_whole(word: Word<'_>) -> bool {
    !word.text.is_empty() && word.text.iter().all(u8::is_ascii_digit)
}

/// Reports whether a word is a time as nginx and others write it: `0.012`, `12ms`.
fn is_latency(word: Word<'_>) -> bool {
    let text = word.str().unwrap_or_default();
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let fraction = text.split_once('.');
    let unit = text.strip_suffix("ms").or_else(|| text.strip_suffix('s'));
    fraction.is_some_and(|(whole, rest)| digits(whole) && digits(rest))
        || unit.is_some_and(|number| digits(&number.replacen('.', "", 1)))
}
