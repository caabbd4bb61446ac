//! Lists, quoted strings and weights (RFC 9110 §5.6, §12.4.2).

use std::borrow::Cow;

use http::HeaderValue;

use crate::scan::find;

/// Returns the members of a list field, over all its lines, without white space around them.
///
/// Commas inside quoted strings do not separate. Empty members are left out (§5.6.1.2).
pub fn members<'a>(
    lines: impl IntoIterator<Item = &'a HeaderValue>,
) -> impl Iterator<Item = &'a [u8]> {
    lines
        .into_iter()
        .flat_map(|line| line_members(line.as_bytes()))
}

/// Returns the members of one line of a list field.
pub fn line_members(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    split(line, b',').filter(|member| !member.is_empty())
}

/// Splits at a separator outside quoted strings, and trims white space.
pub fn split(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    // Most lines have no quotes; a separator in them is found without state.
    let quotes = find(text, b'"').is_some();
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = match quotes {
            true => outside_quotes(text, separator),
            false => find(text, separator),
        };
        let (piece, others) = match end {
            Some(end) => (&text[..end], Some(&text[end + 1..])),
            None => (text, None),
        };
        rest = others;
        Some(piece.trim_ascii())
    })
}

fn outside_quotes(text: &[u8], separator: u8) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    text.iter().position(|&byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => return byte == separator && !quoted,
        }
        false
    })
}

/// Reports whether the text is a token (§5.6.2).
#[must_use]
pub fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| TOKEN[usize::from(*byte)])
}

/// Bytes that are allowed in tokens.
static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"!#$%&'*+-.^_`|~";
    let mut at = 0;
    while at < others.len() {
        table[others[at] as usize] = true;
        at += 1;
    }
    table
};

/// Returns the content of a quoted string (§5.6.4), or the text itself if it has no quotes.
#[must_use]
pub fn unquote(text: &[u8]) -> Cow<'_, [u8]> {
    match text {
        [b'"', inner @ .., b'"'] => unescape(inner),
        _ => text.into(),
    }
}

fn unescape(quoted: &[u8]) -> Cow<'_, [u8]> {
    if !quoted.contains(&b'\\') {
        return quoted.into();
    }
    let mut bytes = quoted.iter().copied();
    let mut plain = Vec::with_capacity(quoted.len());
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'\\' => bytes.next().unwrap_or(byte),
            byte => byte,
        });
    }
    plain.into()
}

/// Returns a parameter's name and its value behind the `=`, both without white space.
#[must_use]
pub fn parameter(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    match find(text, b'=') {
        Some(at) => (text[..at].trim_ascii(), Some(text[at + 1..].trim_ascii())),
        None => (text.trim_ascii(), None),
    }
}

/// Reads delta-seconds (RFC 9111 §1.2.2): digits only.
///
/// A number that is too large counts as 2³¹ s.
#[must_use]
pub fn delta_seconds(text: &[u8]) -> Option<u32> {
    const MOST: u32 = 1 << 31;
    let value = digits(text)?;
    Some(u32::try_from(value).unwrap_or(MOST).min(MOST))
}

/// Reads a number of digits only; one that is too large counts as the largest.
#[must_use]
pub fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0u64, |value, digit| {
        value
            .saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    }))
}

/// Reads the parameter `q` as thousandths (§12.4.2): 0 to 1 with at most three decimals.
///
/// `None` if the text is another parameter or not such a number.
#[must_use]
pub fn weight(text: &[u8]) -> Option<u16> {
    let (name, value) = parameter(text);
    if !name.eq_ignore_ascii_case(b"q") {
        return None;
    }
    let (whole, rest) = value?.split_first()?;
    let thousandths = match rest {
        [] => 0,
        [b'.', decimals @ ..] if decimals.len() <= 3 => {
            let missing = u32::try_from(3 - decimals.len()).ok()?;
            match decimals {
                [] => 0,
                decimals => u16::try_from(digits(decimals)?).ok()? * 10u16.pow(missing),
            }
        }
        _ => return None,
    };
    match whole {
        b'0' => Some(thousandths),
        b'1' if thousandths == 0 => Some(1000),
        _ => None,
    }
}

/// Returns a member's value without its parameters, and the parameters.
pub fn with_parameters(member: &[u8]) -> (&[u8], impl Iterator<Item = &[u8]>) {
    let mut pieces = split(member, b';');
    let value = pieces.next().unwrap_or_default();
    (value, pieces.filter(|piece| !piece.is_empty()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts<'a>(members: impl Iterator<Item = &'a [u8]>) -> Vec<&'a str> {
        members
            .map(|member| std::str::from_utf8(member).unwrap())
            .collect()
    }

    #[test]
    fn lists_are_read_over_lines_and_around_quotes() {
        let lines = ["a , b", r#" c="x, y" ,,"#, r#"d="\",", e"#].map(HeaderValue::from_static);
        let read = texts(members(&lines));
        assert_eq!(read, ["a", "b", r#"c="x, y""#, r#"d="\",""#, "e"]);
    }

    #[test]
    fn a_quoted_pair_means_its_second_byte() {
        assert_eq!(&*unquote(br#""a\"b\\""#), br#"a"b\"#);
        assert_eq!(&*unquote(b"a"), b"a");
        assert_eq!(&*unquote(b"\""), b"\"");
    }

    #[test]
    fn weights_have_three_decimals_at_most_and_go_from_0_to_1() {
        for (text, expected) in [
            ("q=1", 1000),
            ("q=0", 0),
            ("Q = 0.5", 500),
            ("q=0.", 0),
            ("q=1.000", 1000),
            ("q=0.001", 1),
            ("q=0.25", 250),
        ] {
            assert_eq!(weight(text.as_bytes()), Some(expected), "{text}");
        }
        for text in [
            "q=1.5", "x=0.5", "q=2", "q=-1", "q=.5", "q=0.0001", "q", "q=", "q=1.001", "q=NaN",
            "q=+1",
        ] {
            assert_eq!(weight(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_number_consists_of_digits_only() {
        assert_eq!(delta_seconds(b"007"), Some(7));
        assert_eq!(delta_seconds(b"99999999999999999999999"), Some(1 << 31));
        for text in ["", "-1", "+1", "1.5", " 1", "1s"] {
            assert_eq!(delta_seconds(text.as_bytes()), None, "{text}");
        }
        assert_eq!(digits(b"18446744073709551616"), Some(u64::MAX));
    }

    #[test]
    fn parameters_follow_the_value_and_are_not_read_inside_quotes() {
        let (value, parameters) = with_parameters(br#"text/plain; a="x;y" ;b"#);
        assert_eq!(value, b"text/plain");
        assert_eq!(texts(parameters), [r#"a="x;y""#, "b"]);
    }

    proptest! {
        #[test]
        fn members_are_pieces_of_their_line_and_hold_no_comma_outside_quotes(line in "[ -~]{0,60}") {
            let line = HeaderValue::from_str(&line).unwrap();
            let all = members([&line]).map(<[u8]>::len).sum::<usize>();
            prop_assert!(all <= line.len());
            for member in members([&line]) {
                prop_assert!(!member.is_empty() && member == member.trim_ascii());
                prop_assert!(member.contains(&b'"') || !member.contains(&b','));
            }
        }
    }
}
