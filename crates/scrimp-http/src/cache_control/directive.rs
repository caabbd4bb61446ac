//! One directive: its name and its argument.

use crate::{
    list::{is_token, unquote},
    scan::find,
};

pub(super) fn is(name: &[u8], expected: &str) -> bool {
    // Most directives are in lower case.
    name == expected.as_bytes() || name.eq_ignore_ascii_case(expected.as_bytes())
}

pub(super) fn shorten(slot: &mut Option<u32>, seconds: u32) {
    *slot = Some(slot.map_or(seconds, |present| present.min(seconds)));
}

/// Splits a directive into its name and its argument without quotes.
pub(super) fn directive(member: &[u8]) -> (&[u8], Option<std::borrow::Cow<'_, [u8]>>) {
    let Some(equals) = find(member, b'=') else {
        return (member, None);
    };
    // White space around the sign is not allowed. The name is still recognised, so that
    // `no-store =x` stays in force; the argument is invalid, so that `max-age = 9` is 0.
    let name = member[..equals].trim_ascii_end();
    let raw = &member[equals + 1..];
    if name.len() != equals || raw.first().is_some_and(u8::is_ascii_whitespace) {
        return (name, Some(b"".as_slice().into()));
    }
    (name, Some(unquote(raw)))
}

/// Reports whether the rest after a directive's name is empty, or `=` and a value.
///
/// A value that has no quotes and is not a token, such as `max-age='60'` or `max-age=60;`, is
/// malformed.
pub(super) fn is_argument(member: &[u8], name: &[u8]) -> bool {
    match &member[name.len()..] {
        [] => true,
        [b'=', b'"', inner @ .., b'"'] => !ends_early(inner),
        [b'=', value @ ..] => is_token(value),
        _ => false,
    }
}

/// Reports whether a quoted string ends before its last byte.
pub(super) fn ends_early(inner: &[u8]) -> bool {
    let mut escaped = false;
    let early = inner.iter().any(|&byte| {
        let quote = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        quote
    });
    early || escaped
}
