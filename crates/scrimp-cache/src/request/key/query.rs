//! The query of a target URI, or the part of it that belongs to a key.

use scrimp_core::KeyBuf;

use super::framed;

/// Writes the chosen parameters of a query and its `?`, by name and then in request order.
///
/// Names are compared decoded, as the upstream reads them. A query that two readers may split
/// differently (a `;`, a broken escape, a name that some take for a chosen one) goes into the key
/// whole: otherwise a value outside the key could change the response for others.
pub(super) fn chosen_parameters(key: &mut KeyBuf, whole: &str, names: &[Box<str>]) {
    let query = whole.strip_prefix('?').unwrap_or_default();
    if query.contains(';')
        || !escapes_are_whole(query.as_bytes())
        || query.split('&').any(|pair| resembles_one(pair, names))
    {
        key.part(whole.as_bytes());
        return;
    }
    // All share one part, so that no pair can pass for a part of another kind.
    key.part_with(|write| {
        write(b"&");
        for wanted in names {
            // An encoded text is never shorter.
            for pair in query.split('&') {
                let (name, value) = match pair.split_once('=') {
                    Some((name, value)) => (name, Some(value)),
                    None => (pair, None),
                };
                if name.len() >= wanted.len() && decoded_eq(name.as_bytes(), wanted.as_bytes()) {
                    framed(wanted.as_bytes(), write);
                    // A parameter without `=` differs from one with an empty value.
                    write(&[u8::from(value.is_some())]);
                    framed(value.unwrap_or_default().as_bytes(), write);
                }
            }
        }
    });
}

fn escapes_are_whole(text: &[u8]) -> bool {
    text.iter().enumerate().all(|(index, &byte)| {
        byte != b'%'
            || text
                .get(index + 1..index + 3)
                .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

/// Returns whether an encoded name decodes to `wanted`.
fn decoded_eq(encoded: &[u8], wanted: &[u8]) -> bool {
    // The common case is an exact match, without escapes.
    encoded == wanted && is_plain(wanted) || decoded(encoded).eq(wanted.iter().copied())
}

/// Returns whether all upstreams read a name as it is written, except for its case.
fn is_plain(name: &[u8]) -> bool {
    name.iter()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// Returns whether a parameter is not one of `names`, but some upstream reads it as one.
fn resembles_one(pair: &str, names: &[Box<str>]) -> bool {
    let name = pair.split('=').next().unwrap_or_default().as_bytes();
    let plain = is_plain(name);
    names.iter().any(|wanted| {
        let wanted = wanted.as_bytes();
        if plain && is_plain(wanted) {
            return name != wanted && name.eq_ignore_ascii_case(wanted);
        }
        !decoded_eq(name, wanted) && loosely(decoded(name)).eq(loosely(wanted.iter().copied()))
    })
}

/// Normalises a name as the most lenient upstreams do: in any case (ASP.NET), without leading
/// white space, without a `[` or NUL and what follows, and with `_` for `.` and a blank (PHP).
fn loosely(name: impl Iterator<Item = u8>) -> impl Iterator<Item = u8> {
    name.skip_while(u8::is_ascii_whitespace)
        .take_while(|byte| !matches!(byte, b'[' | 0))
        .map(|byte| match byte {
            b'.' | b' ' => b'_',
            byte => byte.to_ascii_lowercase(),
        })
}

/// Decodes escapes. A broken escape ends the text.
fn decoded(encoded: &[u8]) -> impl Iterator<Item = u8> {
    let mut bytes = encoded.iter().copied();
    std::iter::from_fn(move || {
        Some(match bytes.next()? {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => byte,
        })
    })
}
