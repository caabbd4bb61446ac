//! Finds bytes, eight at a time: field values are short, and read for every message.

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGH: u64 = ONES << 7;

/// Returns the first position of a byte.
#[inline]
pub(crate) fn find(text: &[u8], byte: u8) -> Option<usize> {
    let pattern = ONES * u64::from(byte);
    let (words, rest) = text.as_chunks();
    for (index, word) in words.iter().enumerate() {
        let differs = u64::from_le_bytes(*word) ^ pattern;
        // The lowest bit that is set belongs to the first equal byte.
        let equal = differs.wrapping_sub(ONES) & !differs & HIGH;
        if equal != 0 {
            return Some(index * 8 + (equal.trailing_zeros() / 8) as usize);
        }
    }
    let at = rest.iter().position(|&other| other == byte)?;
    Some(text.len() - rest.len() + at)
}

/// Reports whether a text has an ASCII byte in a range.
#[inline]
pub(crate) fn has_in<const FIRST: u8, const LAST: u8>(text: &[u8]) -> bool {
    let in_word = |bytes: &[u8; 8]| {
        let word = u64::from_ne_bytes(*bytes);
        // The high bit of each sum is set if the byte reaches the bound; no sum carries over.
        let low = word & !HIGH;
        let reaches = low + ONES * u64::from(0x80 - FIRST);
        let exceeds = low + ONES * u64::from(0x7f - LAST);
        reaches & !exceeds & !word & HIGH != 0
    };
    match text.last_chunk() {
        // The last eight bytes overlap those before them. Most texts have no such byte, so looking
        // at all of them costs less than stopping at one.
        Some(last) => {
            let words = text.as_chunks().0.iter();
            words.fold(in_word(last), |any, word| any | in_word(word))
        }
        None => text.iter().any(|byte| (FIRST..=LAST).contains(byte)),
    }
}

/// Reports whether a text has one of two bytes.
#[inline]
pub(crate) fn has_either<const A: u8, const B: u8>(text: &[u8]) -> bool {
    let has = |word: u64, byte: u8| {
        let differs = word ^ (ONES * u64::from(byte));
        differs.wrapping_sub(ONES) & !differs & HIGH
    };
    let in_word = |bytes: &[u8; 8]| {
        let word = u64::from_ne_bytes(*bytes);
        has(word, A) | has(word, B)
    };
    match text.last_chunk() {
        Some(last) => {
            let words = text.as_chunks().0.iter();
            words.fold(in_word(last), |any, word| any | in_word(word)) != 0
        }
        None => text.iter().any(|byte| *byte == A || *byte == B),
    }
}

/// Reports whether a text is ASCII without this byte, which is ASCII too.
#[inline]
pub(crate) fn is_ascii_without<const BYTE: u8>(text: &[u8]) -> bool {
    let in_word = |bytes: &[u8; 8]| {
        let word = u64::from_ne_bytes(*bytes);
        let differs = word ^ (ONES * u64::from(BYTE));
        (differs.wrapping_sub(ONES) | word) & HIGH
    };
    match text.last_chunk() {
        // A borrow makes another byte look equal only next to one that is.
        Some(last) => {
            let words = text.as_chunks().0.iter();
            words.fold(in_word(last), |any, word| any | in_word(word)) == 0
        }
        None => text.iter().all(|byte| byte.is_ascii() && *byte != BYTE),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_position_of_a_byte_is_found(text in prop::collection::vec(b'a'..b'f', 0..40), byte in b'a'..b'g') {
            let expected = text.iter().position(|&other| other == byte);
            prop_assert_eq!(find(&text, byte), expected);
        }

        #[test]
        fn a_byte_and_what_is_not_ascii_are_seen(
            text in prop::collection::vec(prop_oneof![20 => 0_u8..128, 1 => any::<u8>()], 0..40),
        ) {
            let expected = text.is_ascii() && !text.contains(&b'@');
            prop_assert_eq!(is_ascii_without::<b'@'>(&text), expected);
        }

        #[test]
        fn any_byte_is_found_among_any(text in prop::collection::vec(any::<u8>(), 0..40), byte: u8) {
            let expected = text.iter().position(|&other| other == byte);
            prop_assert_eq!(find(&text, byte), expected);
        }

        #[test]
        fn either_of_two_bytes_is_found(text in prop::collection::vec(any::<u8>(), 0..40)) {
            let expected = text.contains(&b'%') || text.contains(&b'.');
            prop_assert_eq!(has_either::<b'%', b'.'>(&text), expected);
        }

        #[test]
        fn bytes_in_a_range_are_found_at_any_position(text in prop::collection::vec(any::<u8>(), 0..40)) {
            let capitals = text.iter().any(u8::is_ascii_uppercase);
            prop_assert_eq!(has_in::<b'A', b'Z'>(&text), capitals);
            let special = text.iter().any(|byte| (b':'..=b'Z').contains(byte));
            prop_assert_eq!(has_in::<b':', b'Z'>(&text), special);
        }
    }
}
