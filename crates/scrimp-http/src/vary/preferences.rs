//! Lists of what a client accepts: Accept-Encoding, Accept-Language and Accept-Charset.

use std::borrow::Cow;

use http::{HeaderName, HeaderValue, header};

use crate::{
    list::{line_members, members},
    scan::has_in,
};

/// Reports whether a field lists what a client accepts: order and case have no meaning.
pub(super) fn is_preference(name: &HeaderName) -> bool {
    [
        header::ACCEPT_ENCODING,
        header::ACCEPT_LANGUAGE,
        header::ACCEPT_CHARSET,
    ]
    .contains(name)
}

/// Returns the normal value of a line that browsers and HTTP clients send as Accept-Encoding.
#[inline]
pub(super) fn usual(line: &[u8]) -> Option<&'static [u8]> {
    Some(match line {
        b"gzip, deflate, br, zstd" | b"gzip, br, zstd, deflate" | b"deflate, gzip, br, zstd" => {
            b"br,deflate,gzip,zstd"
        }
        b"gzip, deflate, br" | b"gzip,deflate,br" | b"deflate, gzip, br" => b"br,deflate,gzip",
        b"gzip, deflate" | b"gzip,deflate" | b"deflate, gzip" => b"deflate,gzip",
        b"gzip, br" | b"gzip,br" | b"br, gzip" => b"br,gzip",
        b"gzip" => b"gzip",
        b"br" => b"br",
        b"identity" => b"identity",
        _ => return None,
    })
}

/// Maximum number of preferences that are compared without a copy.
const FEW: usize = 16;

/// Number of preferences in most lists at most.
const USUAL: usize = 8;

/// Compares lines with the normal value of preferences, without a copy if there are few.
pub(super) fn are_preferences<'a, L>(normal: &[u8], lines: impl Fn() -> L) -> bool
where
    L: Iterator<Item = &'a HeaderValue>,
{
    let copied = || *preferences(lines().map(HeaderValue::as_bytes)) == *normal;
    // White space is gone from it, so a quoted string may end elsewhere now.
    if normal.contains(&b'"') {
        return copied();
    }
    let mut wanted: [&[u8]; FEW] = [b""; FEW];
    let mut count = 0;
    for member in line_members(normal) {
        match wanted.get_mut(count) {
            Some(place) => *place = member,
            None => return copied(),
        }
        count += 1;
    }
    let mut found = 0_u32;
    for member in members(lines()) {
        let same = |wanted: &&[u8]| is_preference_of(member, wanted);
        match wanted[..count].iter().position(same) {
            Some(place) => found |= 1 << place,
            None => return false,
        }
    }
    found.count_ones() as usize == count
}

/// Reports whether a member of a line means this normal one.
fn is_preference_of(member: &[u8], normal: &[u8]) -> bool {
    member == normal || normal_member(member).eq(normal.iter().copied())
}

/// Returns the bytes of a member in lower case, without inner white space.
fn normal_member(member: &[u8]) -> impl Iterator<Item = u8> {
    let bytes = member.iter().filter(|byte| !byte.is_ascii_whitespace());
    bytes.map(u8::to_ascii_lowercase)
}

/// Returns members in lower case, without inner white space, sorted.
pub(super) fn preferences<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Box<[u8]> {
    // Two loops cost less than the iterator that joins them.
    let mut list: Vec<Cow<'_, [u8]>> = Vec::with_capacity(USUAL);
    for line in lines {
        // Most clients write them as they are compared, and then nothing is copied twice.
        let is_plain = !has_in::<b'A', b'Z'>(line);
        for member in line_members(line) {
            list.push(match is_plain && !has_in::<0, b' '>(member) {
                true => member.into(),
                false => normal_member(member).collect::<Vec<_>>().into(),
            });
        }
    }
    list.sort_unstable();
    list.dedup();
    let commas = list.len().saturating_sub(1);
    let length = commas + list.iter().map(|member| member.len()).sum::<usize>();
    let mut sorted = Vec::with_capacity(length);
    for (index, member) in list.iter().enumerate() {
        if index > 0 {
            sorted.push(b',');
        }
        sorted.extend_from_slice(member);
    }
    sorted.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vary::normal_line;

    #[test]
    fn a_line_that_most_clients_send_has_the_value_that_its_members_give() {
        let lines: [&[u8]; 14] = [
            b"gzip, deflate, br, zstd",
            b"gzip, br, zstd, deflate",
            b"gzip, deflate, br",
            b"gzip,deflate,br",
            b"deflate, gzip, br",
            b"gzip, deflate",
            b"gzip,deflate",
            b"deflate, gzip",
            b"gzip, br",
            b"gzip,br",
            b"br, gzip",
            b"deflate, gzip, br, zstd",
            b"identity",
            b"gzip",
        ];
        for line in lines {
            let normal = normal_line(&header::ACCEPT_ENCODING, line);
            assert_eq!(normal, preferences(std::iter::once(line)), "{line:?}");
            assert_eq!(usual(line), Some(&*normal));
        }
        assert_eq!(&*normal_line(&header::ACCEPT_ENCODING, b"br"), b"br");
        assert_eq!(usual(b"gzip;q=0"), None);
    }
}
