//! Kinds of text by which two prompts differ.

use super::stats::BreakKind;

/// Bytes before and behind a difference that are looked at, at most.
const AROUND: usize = 64;
/// Least length of an identifier.
const IDENTIFIER: usize = 8;
/// Seconds since 1970 that are taken for a time: 2011 to 2049.
const TIMES: std::ops::Range<u64> = 1_300_000_000..2_500_000_000;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const DAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// Returns the kind of a difference: of the bytes between two places of a text, in an earlier and a later prompt.
pub(super) fn kind(
    (earlier, from, until): (&[u8], usize, usize),
    (later, start, end): (&[u8], usize, usize),
) -> BreakKind {
    let kinds = [of(earlier, from, until), of(later, start, end)];
    match kinds {
        [one, other] if one == other => one,
        // An identifier may have digits alone.
        [BreakKind::Number, BreakKind::Identifier] | [BreakKind::Identifier, BreakKind::Number] => {
            BreakKind::Identifier
        }
        // A time or an identifier that one of the two prompts lacks.
        [one, BreakKind::Other] if from == until || start == end => one,
        [BreakKind::Other, other] if from == until || start == end => other,
        _ => BreakKind::Other,
    }
}

/// Returns the kind of a part of a text, together with the rest of the words that it begins and ends in.
fn of(text: &[u8], from: usize, until: usize) -> BreakKind {
    let begin = back(text, from);
    let end = until
        + text[until..]
            .iter()
            .take(AROUND)
            .take_while(|byte| is_word(**byte))
            .count();
    let mut found = [false; 4];
    for word in text[begin..end]
        .split(|byte| !is_word(*byte))
        .filter(|word| !word.is_empty())
    {
        let kind = word_kind(word, text, begin, end);
        found[match kind {
            BreakKind::TimeStamp => 0,
            BreakKind::Identifier => 1,
            BreakKind::Number => 2,
            _ => 3,
        }] = true;
    }
    match found {
        [true, ..] => BreakKind::TimeStamp,
        [_, true, ..] => BreakKind::Identifier,
        [_, _, true, false] => BreakKind::Number,
        _ => BreakKind::Other,
    }
}

/// Returns the start of the word that a place is in. The letter of an escape, as in `\n`, is no part of a word.
fn back(text: &[u8], at: usize) -> usize {
    let mut begin = at;
    while begin > 0 && at - begin < AROUND && is_word(text[begin - 1]) {
        let is_escape =
            begin > 1 && text[begin - 2] == b'\\' && text[begin - 1].is_ascii_lowercase();
        if is_escape {
            break;
        }
        begin -= 1;
    }
    begin
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':' | b'.' | b'+' | b'/')
}

fn word_kind(word: &[u8], text: &[u8], begin: usize, end: usize) -> BreakKind {
    let word = trimmed(word);
    let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = word
        .iter()
        .filter(|byte| byte.is_ascii_alphabetic())
        .count();
    if is_time(word, digits, letters) || is_day(word, digits) && has_month(text, begin, end) {
        return BreakKind::TimeStamp;
    }
    let mixed = digits > 0 && letters > 0 && word.len() >= IDENTIFIER;
    match (digits, letters) {
        _ if mixed => BreakKind::Identifier,
        (1.., 0) => BreakKind::Number,
        _ => BreakKind::Other,
    }
}

/// Removes punctuation around a word.
fn trimmed(word: &[u8]) -> &[u8] {
    let is_mark = |byte: &u8| byte.is_ascii_punctuation();
    let begin = word.iter().take_while(|byte| is_mark(byte)).count();
    let end = word[begin..]
        .iter()
        .rev()
        .take_while(|byte| is_mark(byte))
        .count();
    &word[begin..word.len() - end]
}

fn is_time(word: &[u8], digits: usize, letters: usize) -> bool {
    if digits == 0 {
        return is_name(word);
    }
    // The digits as `0`, such as 0000-00-00T00:00:00Z.
    let shape: Vec<u8> = word
        .iter()
        .take(AROUND)
        .map(|byte| if byte.is_ascii_digit() { b'0' } else { *byte })
        .collect();
    let has = |form: &[u8]| shape.windows(form.len()).any(|window| window == form);
    let begins = |form: &[u8]| shape.starts_with(form);
    let date = [
        &b"0000-00-00"[..],
        b"0000/00/00",
        b"00/00/0000",
        b"00.00.0000",
        b"0/00/0000",
        b"00/0/0000",
    ];
    let clock = letters <= 4 && (has(b"00:00") || begins(b"0:00"));
    date.iter().any(|form| has(form)) || has(b"00000000T0000") || clock || is_epoch(word)
}

/// Reports whether a word is a number of seconds or milliseconds since 1970.
fn is_epoch(word: &[u8]) -> bool {
    let word = word.rsplit(|byte| *byte == b':').next().unwrap_or(word);
    let whole = word.split(|byte| *byte == b'.').next().unwrap_or(word);
    let number = std::str::from_utf8(whole)
        .ok()
        .and_then(|text| text.parse::<u64>().ok());
    number.is_some_and(|number| match whole.len() {
        10 => TIMES.contains(&number),
        13 => TIMES.contains(&(number / 1_000)),
        _ => false,
    })
}

/// Reports whether a word names a month or a day of the week, in full or by three letters.
fn is_name(word: &[u8]) -> bool {
    let is = |name: &&str| {
        word.eq_ignore_ascii_case(name.as_bytes())
            || word.eq_ignore_ascii_case(&name.as_bytes()[..3])
    };
    MONTHS.iter().chain(&DAYS).any(is)
}

/// Reports whether a word may be the number of a day or a year, such as `30`, `30th` or `2026`.
fn is_day(word: &[u8], digits: usize) -> bool {
    let rest = &word[digits.min(word.len())..];
    (1..=4).contains(&digits)
        && (rest.is_empty() || [&b"st"[..], b"nd", b"rd", b"th"].contains(&rest))
}

/// Reports whether a month is named near a place.
fn has_month(text: &[u8], begin: usize, end: usize) -> bool {
    const NEAR: usize = 16;
    let near = &text[begin.saturating_sub(NEAR)..text.len().min(end + NEAR)];
    let mut words = near.split(|byte| !byte.is_ascii_alphabetic());
    words.any(|word| {
        let is = |name: &&str| {
            word.eq_ignore_ascii_case(name.as_bytes())
                || word.eq_ignore_ascii_case(&name.as_bytes()[..3])
        };
        MONTHS.iter().any(is)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the kind of the difference of two texts, as far as they differ.
    fn between(earlier: &str, later: &str) -> BreakKind {
        let (a, b) = (earlier.as_bytes(), later.as_bytes());
        let front = a.iter().zip(b).take_while(|(a, b)| a == b).count();
        let most = a.len().min(b.len()) - front;
        let back = a
            .iter()
            .rev()
            .zip(b.iter().rev())
            .take(most)
            .take_while(|(a, b)| a == b)
            .count();
        kind((a, front, a.len() - back), (b, front, b.len() - back))
    }

    #[test]
    fn times_are_known_in_the_forms_that_prompts_have() {
        for (earlier, later) in [
            ("Today is 2026-01-15.", "Today is 2026-01-16."),
            (
                "now: 2026-01-15T10:22:33Z, go",
                "now: 2026-01-15T10:22:34Z, go",
            ),
            ("at 2026-01-15 10:22:33 UTC", "at 2026-01-16 09:01:07 UTC"),
            (r"date\n2026/01/15\n", r"date\n2026/01/16\n"),
            (
                "Current date: Thursday, January 15, 2026",
                "Current date: Friday, January 16, 2026",
            ),
            ("It is 30th November 2026", "It is 29th November 2026"),
            ("Time: 9:05 am", "Time: 9:06 am"),
            ("Time: 10:05", "Time: 11:45"),
            (r#"{"ts":1768472553}"#, r#"{"ts":1768472990}"#),
            (r#"{"ts":1768472553123}"#, r#"{"ts":1768472990001}"#),
            ("run 20260115T102233Z", "run 20260116T112233Z"),
            ("date:2026-01-15", "date:2026-01-16"),
        ] {
            assert_eq!(between(earlier, later), BreakKind::TimeStamp, "{earlier}");
        }
    }

    #[test]
    fn identifiers_and_numbers_are_known() {
        for (earlier, later, expected) in [
            (
                "session 6f1c2b3a-1111-4d2e-9a3b-0123456789ab",
                "session 0a9b8c7d-2222-4d2e-9a3b-0123456789ab",
                BreakKind::Identifier,
            ),
            (
                "<doc id=\"doc_8f3a21c9\">",
                "<doc id=\"doc_77ab90ee\">",
                BreakKind::Identifier,
            ),
            (
                "request req_01HXYZ4T9",
                "request req_01HXZZ8Q2",
                BreakKind::Identifier,
            ),
            ("user 4711 asks", "user 815 asks", BreakKind::Number),
            ("balance: 12.50", "balance: 7.25", BreakKind::Number),
            ("for Alice", "for Robert", BreakKind::Other),
            ("in May", "in the spring", BreakKind::Other),
        ] {
            assert_eq!(between(earlier, later), expected, "{earlier}");
        }
    }

    #[test]
    fn text_of_any_bytes_is_classified() {
        for seed in 0..2_000 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let text: Vec<u8> = (0..rng.usize(0..200))
                .map(|_| b"0aT-:/\\n\xff "[rng.usize(0..10)])
                .collect();
            let from = rng.usize(0..=text.len());
            let until = rng.usize(from..=text.len());
            let _ = of(&text, from, until);
        }
    }
}
