//! Patterns: matching agrees with the definition, and takes pattern × text steps.
//!
//! The pattern, a NUL, the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scrimp_cache::Pattern;
use scrimp_fuzz::{
    cost::{SMALL, within},
    fields::halves,
};

enum Token {
    Byte(u8),
    Segment,
    Any,
}

fn tokens(pattern: &[u8]) -> Vec<Token> {
    let (mut all, mut rest) = (Vec::new(), pattern);
    while let [first, behind @ ..] = rest {
        let name = behind.iter().position(|&byte| byte == b'}');
        (rest, _) = match (first, behind, name) {
            (b'*', [b'*', behind @ ..], _) => (behind, all.push(Token::Any)),
            (b'*', ..) => (behind, all.push(Token::Segment)),
            (b'{', _, Some(end)) => (&behind[end + 1..], all.push(Token::Segment)),
            _ => (behind, all.push(Token::Byte(*first))),
        };
    }
    all
}

/// Matches by the definition: the places in the text that each token may end at.
fn matches(pattern: &[u8], text: &[u8], separator: u8, ignore_case: bool) -> bool {
    let mut places = vec![false; text.len() + 1];
    places[0] = true;
    for token in tokens(pattern) {
        let mut next = vec![false; text.len() + 1];
        for at in 0..=text.len() {
            let before = at.checked_sub(1);
            next[at] = match (&token, before) {
                (Token::Byte(_), None) => false,
                (Token::Byte(byte), Some(before)) => {
                    let same = match ignore_case {
                        true => text[before].eq_ignore_ascii_case(byte),
                        false => text[before] == *byte,
                    };
                    same && places[before]
                }
                (Token::Any, before) => places[at] || before.is_some_and(|before| next[before]),
                (Token::Segment, before) => {
                    let goes_on = |before: usize| next[before] && text[before] != separator;
                    places[at] || before.is_some_and(goes_on)
                }
            };
        }
        places = next;
    }
    places[text.len()]
}

fuzz_target!(|data: &[u8]| {
    let (pattern, text) = halves(data);
    let (Ok(own), Ok(text)) = (std::str::from_utf8(pattern), std::str::from_utf8(text)) else {
        return;
    };
    for (compiled, separator, ignore_case) in [
        (Pattern::path(own), b'/', false),
        (Pattern::host(own), b'.', true),
        (Pattern::media_type(own), b'/', true),
        (Pattern::name(own), b'\n', false),
    ] {
        assert_eq!(compiled.as_str(), own);
        let found = within(SMALL, || compiled.matches(text));
        let by = |pattern: &[u8]| matches(pattern, text.as_bytes(), separator, ignore_case);
        // `/a/**` also means `/a`.
        let folder = pattern
            .strip_suffix(b"**")
            .and_then(|rest| rest.strip_suffix(&[separator]))
            .filter(|rest| !rest.is_empty());
        assert_eq!(found, by(pattern) || folder.is_some_and(by));
    }
});
