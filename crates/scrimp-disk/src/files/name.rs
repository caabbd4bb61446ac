//! The names of files.

use scrimp_cache::Codec;
use scrimp_core::KeyRef;

use super::Name;

/// Returns the name of the file for a key, which is equal in every process. Half of the digest
/// does: what is stored is bound to the key by the whole.
pub(crate) fn name(key: KeyRef<'_>) -> Name {
    let mut name = Name::default();
    let length = name.len();
    name.copy_from_slice(&Codec::name(key)[..length]);
    name
}

/// Returns the name of the folder of files whose names begin with a byte.
pub(super) fn shelf(first: u8) -> String {
    hex(&[first])
}

pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| DIGITS[usize::from(digit)]).collect()
}

/// Reads the rest of a name from that of a file.
pub(super) fn read_name(first: u8, text: &str) -> Option<Name> {
    let mut name = Name::default();
    if text.len() != 2 * (name.len() - 1) || !text.is_ascii() {
        return None;
    }
    name[0] = first;
    for (byte, digits) in name[1..].iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digits = std::str::from_utf8(digits).ok()?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written_and_others_are_none() {
        let name: Name = std::array::from_fn(|index| (index * 15) as u8);
        let text = hex(&name[1..]);
        assert_eq!(read_name(name[0], &text), Some(name));
        for other in ["", "lock", &text[1..], &"ä".repeat(15), &"+1".repeat(14)] {
            assert_eq!(read_name(0, other), None, "{other}");
        }
    }
}
