//! Words and numbers in the messages of errors.

use std::time::Duration;

use serde_json::value::RawValue;

use super::json;

/// Meaning of a message about a batch that was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OfBatch {
    /// It is too large; with the number of items that are taken, if the message names it.
    TooLarge(Option<usize>),
    /// Batches are not taken.
    NotTaken,
}

/// Words that forbid batches at all.
const NOT_TAKEN: &[&str] = &[
    "not support",
    "unsupported",
    "not allow",
    "not permitted",
    "not enabled",
    "not available",
    "not implemented",
    "disabled",
    "forbidden",
];

/// Words of a size.
const SIZE: &[&str] = &[
    "limit",
    "large",
    "big",
    "long",
    "too many",
    "exceed",
    "max",
    "more than",
    "size",
    "at most",
    "up to",
];

/// Units behind a number that is no number of calls.
const UNITS: &[&str] = &[
    "b", "byte", "bytes", "kb", "kib", "mb", "mib", "ms", "s", "sec", "secs", "second", "seconds",
    "minute", "minutes", "rps",
];

/// Members of an error's data that say how many seconds to wait.
const WAITS: &[&str] = &[
    "retry_after",
    "retry_after_seconds",
    "retryAfter",
    "retryAfterSeconds",
    "backoff_seconds",
];

/// The longest wait that is believed.
const MOST: f64 = 31_536_000.0;

/// Returns what a message in lower case says of a batch of this many items; `None` if it is about
/// something else.
pub(crate) fn of_batch(text: &str, items: usize) -> Option<OfBatch> {
    if !text.contains("batch") {
        return None;
    }
    let limit = limit(text, items);
    if limit.is_none() && has(text, NOT_TAKEN) {
        return Some(OfBatch::NotTaken);
    }
    has(text, SIZE).then_some(OfBatch::TooLarge(limit))
}

/// Reports whether a text has one of these parts.
pub(crate) fn has(text: &str, parts: &[&str]) -> bool {
    parts.iter().any(|part| text.contains(part))
}

/// Returns the limit that a message about a batch of `items` names: the largest number that the batch
/// exceeds.
fn limit(text: &str, items: usize) -> Option<usize> {
    numbers(text)
        .filter(|(_, unit)| !UNITS.contains(unit))
        .filter_map(|(number, _)| usize::try_from(number).ok())
        .filter(|number| (1..items).contains(number))
        .max()
}

/// Returns the time that an error asks to wait, in its data or in words such as "retry in 10s".
pub(crate) fn wait(text: &str, data: Option<&RawValue>) -> Option<Duration> {
    let told = data.and_then(|data| told(data, true));
    let seconds = told.or_else(|| {
        let at = ["retry in", "again in", "retry after", "again after", "wait"]
            .iter()
            .find_map(|words| Some(text.find(words)? + words.len()))?;
        let (number, unit) = numbers(&text[at..]).next()?;
        match unit {
            "ms" => Some(number as f64 / 1_000.0),
            "minute" | "minutes" => Some(number as f64 * 60.0),
            _ => Some(number as f64),
        }
    })?;
    Duration::try_from_secs_f64(seconds.min(MOST)).ok()
}

fn told(data: &RawValue, outer: bool) -> Option<f64> {
    let fields = json::object(data.get().as_bytes())?;
    let named = |name: &&str| {
        let value = json::get(&fields, name)?;
        json::text(value)
            .unwrap_or_else(|| value.get().to_owned())
            .parse()
            .ok()
    };
    let told = WAITS.iter().find_map(named);
    told.or_else(|| self::told(json::get(&fields, "rate").filter(|_| outer)?, false))
}

/// Returns the whole numbers of a text that stand for themselves, and the word behind each. `2.0`,
/// `-32005`, `v3` and `50/second` are none; `1,000` is one.
fn numbers(text: &str) -> impl Iterator<Item = (u64, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let start = rest.find(|c: char| c.is_ascii_digit())?;
            let before = rest[..start].chars().next_back();
            let (number, behind) = number(&rest[start..]);
            rest = behind;
            let joined = before.is_some_and(|c| c.is_alphanumeric() || ".-_".contains(c));
            let goes_on = behind.starts_with('/') || has_decimals(behind);
            // Decimals are joined to their point.
            if joined || goes_on {
                continue;
            }
            let Some(number) = number else { continue };
            let unit = behind.strip_prefix(' ').unwrap_or(behind);
            let end = unit.find(|c: char| !c.is_alphanumeric());
            return Some((number, &unit[..end.unwrap_or(unit.len())]));
        }
    })
}

/// Splits off the digits at the start of a text. A comma may stand before each three of them.
fn number(text: &str) -> (Option<u64>, &str) {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut end = digits(text);
    while text[end..].starts_with(',') && digits(&text[end + 1..]) == 3 {
        end += 4;
    }
    (text[..end].replace(',', "").parse().ok(), &text[end..])
}

fn has_decimals(behind: &str) -> bool {
    let mut next = behind.chars();
    next.next() == Some('.') && next.next().is_some_and(|c| c.is_ascii_digit())
}
