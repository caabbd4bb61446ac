//! Lists of field names.
//!
//! Servers that pass fields to programs as CGI variables (RFC 3875 §4.1.18) write `-` as `_`, so
//! `X_Original_URL` and `X-Original-URL` are one field to a WSGI, Rack or PHP program. Where a
//! name decides something, the two count as equal.

use http::{HeaderMap, HeaderName, header};

use crate::scan::find;

/// A list of field names and of beginnings of field names, fixed at compile time.
///
/// Names are in lower case and written with `-`.
#[derive(Debug)]
pub struct FieldNames {
    names: &'static [&'static str],
    prefixes: &'static [&'static str],
    sieve: Sieve,
    /// Place of each name in the list, by its bytes; 0 for none.
    places: [u8; PLACES],
}

/// More than twice the number of names in the longest list.
const PLACES: usize = 512;

/// A filter that passes every name of a list, and holds back most others without comparing names.
#[derive(Clone, Copy)]
pub struct Sieve {
    /// Two bits for each name, by its length and four of its bytes. A field of everyday requests that
    /// passes by accident costs each of them a search, so there are many more bits than names.
    whole: [u64; ROWS],
    /// A bit for the third to fifth byte of each beginning.
    begun: [u64; BEGUN_ROWS],
    /// A bit for the first byte of each beginning.
    begins: u32,
}

const ROWS: usize = 64;

const BEGUN_ROWS: usize = 16;

/// The shortest beginning of names that a list may contain.
const SHORTEST_PREFIX: usize = 5;

// === impl FieldNames ===

impl FieldNames {
    /// Makes a list of whole names, and of beginnings of at least five bytes.
    ///
    /// # Panics
    ///
    /// At compile time, if a beginning is shorter than five bytes, or if there are more than 255
    /// names.
    #[must_use]
    pub const fn new(names: &'static [&'static str], prefixes: &'static [&'static str]) -> Self {
        assert!(names.len() < 256, "a list of field names holds 255 at most");
        let mut sieve = Sieve::EMPTY;
        let mut places = [0; PLACES];
        let mut index = 0;
        while index < names.len() {
            sieve = sieve.and(names[index]);
            let mut at = first_place(names[index].as_bytes());
            while places[at] != 0 {
                at = (at + 1) % PLACES;
            }
            index += 1;
            places[at] = index as u8;
        }
        index = 0;
        while index < prefixes.len() {
            sieve = sieve.and_prefix(prefixes[index]);
            index += 1;
        }
        Self {
            names,
            prefixes,
            sieve,
            places,
        }
    }

    /// Reports whether the list holds this name, with `_` and `-` equal.
    #[must_use]
    #[inline]
    pub fn contains(&self, name: &HeaderName) -> bool {
        self.sieve.lets_through(name.as_str()) && self.holds(name.as_str())
    }

    fn holds(&self, name: &str) -> bool {
        self.holds_whole(name) || self.sieve.lets_begin(name.as_bytes()) && self.holds_begun(name)
    }

    /// Reports whether a name has one of the beginnings, with `_` and `-` equal.
    pub(crate) fn holds_begun(&self, name: &str) -> bool {
        // The beginnings have at least this byte, and differ in it more than in those before.
        let byte = |name: &str| name.as_bytes().get(SHORTEST_PREFIX - 1).copied().map(fold);
        let own = byte(name);
        let mut prefixes = self.prefixes.iter();
        prefixes.any(|known| byte(known) == own && begins(name, known))
    }

    fn holds_whole(&self, name: &str) -> bool {
        let mut at = first_place(name.as_bytes());
        while let Some(index) = usize::from(self.places[at]).checked_sub(1) {
            if equal(self.names[index], name) {
                return true;
            }
            at = (at + 1) % PLACES;
        }
        false
    }

    /// Returns the whole names of the list.
    #[must_use]
    pub const fn names(&self) -> &'static [&'static str] {
        self.names
    }

    /// Returns the beginnings of names of the list.
    #[must_use]
    pub const fn prefixes(&self) -> &'static [&'static str] {
        self.prefixes
    }

    /// Returns the filter of the list.
    #[must_use]
    pub const fn sieve(&self) -> &Sieve {
        &self.sieve
    }
}

// === impl Sieve ===

impl Sieve {
    /// A filter that passes no name.
    pub const EMPTY: Self = Self {
        whole: [0; ROWS],
        begun: [0; BEGUN_ROWS],
        begins: 0,
    };

    /// Adds a name to those that pass.
    #[must_use]
    pub const fn and(mut self, name: &str) -> Self {
        let [(row, bit), (other_row, other_bit)] = places(name.as_bytes());
        self.whole[row] |= bit;
        self.whole[other_row] |= other_bit;
        self
    }

    /// Adds all names with this beginning to those that pass.
    ///
    /// # Panics
    ///
    /// If the beginning is shorter than five bytes.
    #[must_use]
    pub const fn and_prefix(mut self, prefix: &str) -> Self {
        assert!(
            prefix.len() >= SHORTEST_PREFIX,
            "a beginning of field names must have five bytes or more"
        );
        let (row, bit) = place_begun(prefix.as_bytes());
        self.begun[row] |= bit;
        self.begins |= begins_with(prefix.as_bytes());
        self
    }

    /// Returns a filter that passes the names that either filter passes.
    #[must_use]
    pub const fn or(mut self, other: &Self) -> Self {
        let mut row = 0;
        while row < ROWS {
            self.whole[row] |= other.whole[row];
            row += 1;
        }
        row = 0;
        while row < other.begun.len() {
            self.begun[row] |= other.begun[row];
            row += 1;
        }
        self.begins |= other.begins;
        self
    }

    /// Returns false only if the name is on none of the lists that the filter was made from.
    #[must_use]
    #[inline]
    pub const fn lets_through(&self, name: &str) -> bool {
        let name = name.as_bytes();
        let [(row, bit), (other_row, other_bit)] = places(name);
        self.whole[row] & bit != 0 && self.whole[other_row] & other_bit != 0
            || self.lets_begin(name)
    }

    /// Returns false only if the name has none of the beginnings.
    #[inline]
    pub(crate) const fn lets_begin(&self, name: &[u8]) -> bool {
        if name.len() < SHORTEST_PREFIX || self.begins & begins_with(name) == 0 {
            return false;
        }
        let (row, bit) = place_begun(name);
        self.begun[row] & bit != 0
    }
}

impl std::fmt::Debug for Sieve {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sieve").finish_non_exhaustive()
    }
}

/// Returns the first place in a list's table to look for a name.
#[inline]
const fn first_place(name: &[u8]) -> usize {
    (mix(name) >> 20) as usize % PLACES
}

/// Mixes length, first, middle and last byte, with `_` and `-` equal.
#[inline]
pub(crate) const fn mix(name: &[u8]) -> u32 {
    let length = name.len();
    if length == 0 {
        return 0;
    }
    let (first, last) = (fold(name[0]) as u32, fold(name[length - 1]) as u32);
    let middle = fold(name[length / 2]) as u32;
    (length as u32)
        .wrapping_mul(0x9E37_79B1)
        .wrapping_add(first.wrapping_mul(0x85EB_CA6B))
        .wrapping_add(middle.wrapping_mul(0xC2B2_AE35))
        .wrapping_add(last.wrapping_mul(0x27D4_EB2F))
}

/// Chooses two bits by the length, three bytes from the inside and the last.
///
/// Of each byte only the bits count that `_` and `-` have in common.
#[inline]
const fn places(name: &[u8]) -> [(usize, u64); 2] {
    const COMMON: u32 = !(b'_' ^ b'-') as u32 * 0x0101_0101;
    let length = name.len();
    if length == 0 {
        return [(0, 1); 2];
    }
    let bytes = [
        name[length / 4],
        name[length / 2],
        name[length - 1 - length / 4],
        name[length - 1],
    ];
    let mixed = (u32::from_le_bytes(bytes) & COMMON) as u64 | (length as u64) << 32;
    let mixed = mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    [
        ((mixed >> 58) as usize, 1 << ((mixed >> 52) & 63)),
        (((mixed >> 46) & 63) as usize, 1 << ((mixed >> 40) & 63)),
    ]
}

/// Chooses a bit by the third to fifth byte; most beginnings have `x-` before them.
#[inline]
const fn place_begun(name: &[u8]) -> (usize, u64) {
    let three = [fold(name[2]), fold(name[3]), fold(name[4]), 0];
    let mixed = u32::from_le_bytes(three).wrapping_mul(0x85EB_CA6B);
    ((mixed >> 28) as usize, 1 << ((mixed >> 22) & 63))
}

/// Chooses a bit by the first byte; no beginning starts with `_` or `-`.
#[inline]
const fn begins_with(name: &[u8]) -> u32 {
    1 << (name[0] & 31)
}

/// Writes `_` as `-`.
const fn fold(byte: u8) -> u8 {
    if byte == b'_' { b'-' } else { byte }
}

/// Compares two names in lower case, with `_` and `-` equal.
#[must_use]
#[inline]
pub fn equal(a: &str, b: &str) -> bool {
    a == b || a.len() == b.len() && begins(b, a)
}

/// Reports whether a name has this beginning, with `_` and `-` equal.
#[must_use]
#[inline]
pub fn begins(name: &str, prefix: &str) -> bool {
    let (name, prefix) = (name.as_bytes(), prefix.as_bytes());
    name.len() >= prefix.len()
        && name
            .iter()
            .zip(prefix)
            .all(|(a, b)| a == b || fold(*a) == fold(*b))
}

/// Reports whether a name is spelled with `_`, so that a program behind a CGI-like interface takes
/// it for another field than this crate does.
#[must_use]
pub fn is_disguised(name: &HeaderName) -> bool {
    find(name.as_str().as_bytes(), b'_').is_some()
}

/// Reports whether no field of a message has several lines.
#[must_use]
#[inline]
pub fn repeats_none(headers: &HeaderMap) -> bool {
    headers.len() == headers.keys_len()
}

/// Returns true for some fields that decide nothing for a cache: they are neither on
/// [`DECIDING`](crate::role::DECIDING) nor on the default list of credentials, make no claim about
/// the target and do not trace a call. For other fields the result has no meaning. Costs one
/// comparison, as the http crate knows these names by number.
#[must_use]
#[inline]
pub fn is_indifferent(name: &HeaderName) -> bool {
    matches!(
        *name,
        header::ACCEPT
            | header::ACCEPT_ENCODING
            | header::ACCEPT_LANGUAGE
            | header::CONNECTION
            | header::CONTENT_LENGTH
            | header::CONTENT_TYPE
            | header::DNT
            | header::ORIGIN
            | header::REFERER
            | header::UPGRADE_INSECURE_REQUESTS
            | header::USER_AGENT
            | header::VIA
    )
}

#[cfg(test)]
mod tests;
