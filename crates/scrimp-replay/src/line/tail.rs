//! Additions of servers to Common Log Format: the referer, the user agent, and their own fields.

use std::time::Duration;

use super::{
    clf::{is_blank, quoted},
    fields::Unit,
    latency,
    names::Names,
    pairs,
    words::{Word, Words},
};

/// Fields after the number of bytes.
#[derive(Debug, Default)]
pub(super) struct Tail {
    pub(super) user_agent: String,
    pub(super) host: String,
    pub(super) latency: Option<Duration>,
    pub(super) latency_name: &'static str,
}

// === impl Tail ===

impl Tail {
    /// Reads `"referer" "user agent" …`, after a time where the server writes it there.
    pub(super) fn read(text: &[u8], names: &mut Names) -> Self {
        let mut tail = Self::default();
        if text.is_empty() {
            return tail;
        }
        let mut rest = text;
        if !rest.starts_with(b"\"") {
            let end = rest
                .iter()
                .position(|&byte| is_blank(byte))
                .unwrap_or(rest.len());
            let word = std::str::from_utf8(&rest[..end]).unwrap_or_default();
            if word.contains('.') {
                tail.time("the word after bytes", latency::text(word, Unit::Seconds));
                rest = rest[end..].trim_ascii_start();
            }
        }
        if let Some((agent, after)) = user_agent(rest) {
            tail.user_agent = agent;
            rest = after;
        }
        if !rest.trim_ascii_start().is_empty() {
            tail.extensions(rest, names);
        }
        tail
    }

    /// Reads the times that servers add: Traefik's `12ms` at the end, ingress-nginx's length and
    /// time, nginx's `$request_time`, and pairs such as `rt=0.012`.
    fn extensions(&mut self, text: &[u8], names: &mut Names) {
        let words: Vec<Word<'_>> = Words::new(text).take(24).collect();
        let last = words.last().and_then(|word| word.str());
        if let Some(number) = last.and_then(|last| last.strip_suffix("ms")) {
            self.time("the last word", latency::text(number, Unit::Millis));
        }
        let fraction = |word: &&Word<'_>| word.number().is_some() && word.text.contains(&b'.');
        let first = words.first().filter(|word| word.number().is_some());
        if self.latency.is_none()
            && let Some(first) = first
            && let Some(word) = [Some(first), words.get(1)]
                .into_iter()
                .flatten()
                .find(fraction)
        {
            let seconds = latency::text(word.str().unwrap_or_default(), Unit::Seconds);
            self.time("the fraction after user agent", seconds);
        }
        if !text.contains(&b'=') {
            return;
        }
        let text = String::from_utf8_lossy(text);
        let mut facts = pairs::some(&text, names);
        if self.latency.is_none() {
            self.time("a pair", facts.take_latency());
        }
        if let Some(host) = facts.take_host() {
            self.host = host;
        }
    }

    fn time(&mut self, name: &'static str, latency: Option<Duration>) {
        self.latency = latency;
        self.latency_name = name;
    }
}

/// Returns the second of the two fields in quotes that Combined adds, and the rest.
fn user_agent(rest: &[u8]) -> Option<(String, &[u8])> {
    let (_referer, rest) = quoted(rest)?;
    let blank = rest.first().filter(|&&byte| is_blank(byte));
    let (agent, rest) = quoted(&rest[usize::from(blank.is_some())..])?;
    let known = *agent != *b"-";
    let agent = if known {
        String::from_utf8_lossy(&agent).into_owned()
    } else {
        String::new()
    };
    Some((agent, rest))
}
