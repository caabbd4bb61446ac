//! The query of a target URI, or the part of it that belongs to a key.

use scrimp_core::KeyBuf;
use smallvec::SmallVec;

use super::framed;
use crate::rule::Parameters;

/// The chosen parameters of a query: the index of each name, and its value.
type Chosen<'a> = SmallVec<[(usize, Option<&'a [u8]>); 8]>;

/// Writes the chosen parameters of a query and its `?`, by name and then in request order.
///
/// Names are compared decoded, as the upstream reads them. A query that two readers may split
/// differently (a `;`, a broken escape, a name that some take for a chosen one) goes into the key
/// whole: otherwise a value outside the key could change the response for others.
pub(super) fn chosen_parameters(key: &mut KeyBuf, whole: &str, parameters: &Parameters) {
    let query = whole.strip_prefix('?').unwrap_or_default();
    let names = &parameters.names;
    let mut chosen = Chosen::new();
    if !parameters.plain || !choose_plainly(&mut chosen, query, names) {
        return generally_chosen(key, whole, names);
    }
    key.part_with(|write| {
        write(b"&");
        for (index, wanted) in names.iter().enumerate() {
            let values = chosen.iter().filter(|(name, _)| *name == index);
            values.for_each(|(_, value)| parameter(wanted, *value, write));
        }
    });
}

/// Does the same for any query.
fn generally_chosen(key: &mut KeyBuf, whole: &str, names: &[Box<str>]) {
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
                    parameter(wanted, value.map(str::as_bytes), write);
                }
            }
        }
    });
}

fn parameter(name: &str, value: Option<&[u8]>, write: &mut dyn FnMut(&[u8])) {
    framed(name.as_bytes(), write);
    // A parameter without `=` differs from one with an empty value.
    write(&[u8::from(value.is_some())]);
    framed(value.unwrap_or_default(), write);
}

/// Finds the chosen parameters of a query in one pass, in request order. Returns false if a name in it
/// is not plain or differs from a chosen one, which are plain, in case only, or if two readers may
/// split the query differently.
fn choose_plainly<'a>(chosen: &mut Chosen<'a>, query: &'a str, names: &[Box<str>]) -> bool {
    let mut rest = query.as_bytes();
    loop {
        let end = rest.iter().position(|byte| !is_plain_byte(*byte));
        let (name, behind) = rest.split_at(end.unwrap_or(rest.len()));
        let (value, others) = match behind {
            [] => (None, None),
            [b'&', others @ ..] => (None, Some(others)),
            [b'=', behind @ ..] => match value_end(behind) {
                Some(end) => (Some(&behind[..end]), behind.get(end + 1..)),
                None => return false,
            },
            _ => return false,
        };
        for (index, wanted) in names.iter().enumerate() {
            if *name == *wanted.as_bytes() {
                chosen.push((index, value));
            } else if name.eq_ignore_ascii_case(wanted.as_bytes()) {
                return false;
            }
        }
        match others {
            Some(others) => rest = others,
            None => return true,
        }
    }
}

/// Returns the length of a value. `None` if two readers may see it end at different places, or
/// decode it differently.
fn value_end(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let stop = text[at..]
            .iter()
            .position(|byte| KINDS[usize::from(*byte)] & STOP != 0);
        at += stop.unwrap_or(text.len() - at);
        match text.get(at) {
            None | Some(b'&') => return Some(at),
            Some(b'%') if escapes_are_whole(text.get(at..at + 3)?) => at += 3,
            Some(_) => return None,
        }
    }
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
    name.iter().all(|byte| is_plain_byte(*byte))
}

#[inline]
fn is_plain_byte(byte: u8) -> bool {
    KINDS[usize::from(byte)] & PLAIN != 0
}

/// A byte of a [plain](Parameters::is_plain) name.
const PLAIN: u8 = 1;
/// A byte that ends a value, or may.
const STOP: u8 = 2;

static KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        kinds[byte] = match byte as u8 {
            b'&' | b';' | b'%' => STOP,
            byte if Parameters::is_plain(byte) => PLAIN,
            _ => 0,
        };
        byte += 1;
    }
    kinds
};

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

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn one_pass_finds_what_looking_for_each_name_does(
            query in "(\\?[abA=&;%2_.+]{0,24})?",
            names in vec("[abA_.]{0,2}", 1..4),
        ) {
            let parameters = Parameters::new(names.into_iter().map(Into::into).collect());
            let written = |write: &dyn Fn(&mut KeyBuf)| {
                let mut key = KeyBuf::new();
                write(&mut key);
                key.as_ref().as_bytes().to_vec()
            };
            prop_assert_eq!(
                written(&|key| chosen_parameters(key, &query, &parameters)),
                written(&|key| generally_chosen(key, &query, &parameters.names)),
            );
        }
    }

    #[test]
    fn a_plain_query_takes_one_pass_and_others_do_not() {
        let names: [Box<str>; 2] = ["a".into(), "page".into()];
        let plain = |query: &str| {
            let mut chosen = Chosen::new();
            choose_plainly(&mut chosen, query, &names).then_some(chosen.len())
        };
        assert_eq!(plain("page=2&utm_source=x%20y&a"), Some(2));
        assert_eq!(plain(""), Some(0));
        for other in ["PAGE=2", "a=1;b=2", "%61=1", "a=%zz", "a.b=1", "a=1%2"] {
            assert_eq!(plain(other), None, "{other}");
        }
    }
}
