//! A hash that clients cannot predict.

use std::hash::{BuildHasher, RandomState};

/// The secret of the fingerprints, different in every layer.
///
/// Two keys with one fingerprint cost a look or a wait (see `records`), so speed matters more here
/// than for the keys of stored responses, which are compared as a whole. Without the secret, no
/// client can find such keys.
#[derive(Debug)]
pub(crate) struct Secret([u64; 3]);

/// A fingerprint under construction: 128-bit products, folded.
pub(crate) struct Folded<'a> {
    state: u64,
    secret: &'a Secret,
}

// === impl Secret ===

impl Secret {
    pub(crate) fn new() -> Self {
        let random = RandomState::new();
        // Odd, so that no product loses its input.
        Self([1_u8, 2, 3].map(|number| random.hash_one(number) | 1))
    }

    pub(crate) fn begin(&self) -> Folded<'_> {
        Folded {
            state: self.0[0],
            secret: self,
        }
    }
}

// === impl Folded ===

impl Folded<'_> {
    /// Adds a part and its length, so that no two lists of parts are the same text.
    #[inline]
    pub(crate) fn add(&mut self, part: &[u8]) {
        // All but the last bytes, of which there are 1 to 16.
        let (pairs, _) = part[..part.len().saturating_sub(1)].as_chunks::<16>();
        for pair in pairs {
            let (left, right) = halves(pair);
            self.mix(left, right);
        }
        let (left, right) = last(part);
        self.mix(left, right);
        self.state ^= part.len() as u64;
    }

    #[inline]
    fn mix(&mut self, left: u64, right: u64) {
        let [_, a, b] = self.secret.0;
        self.state = fold(left ^ a ^ self.state, right ^ b);
    }

    pub(crate) fn end(self) -> u64 {
        fold(self.state ^ self.secret.0[1], self.secret.0[2])
    }
}

fn halves(pair: &[u8; 16]) -> (u64, u64) {
    let number = u128::from_le_bytes(*pair);
    (number as u64, (number >> 64) as u64)
}

/// Returns the last 16 bytes of a part, or all of fewer. Bytes may be in both halves: the length, which is added
/// too, tells which. Copies of a fixed length are cheaper than one of as many bytes as there are.
#[inline]
fn last(part: &[u8]) -> (u64, u64) {
    if let Some(pair) = part.last_chunk() {
        return halves(pair);
    }
    if let (Some(left), Some(right)) = (part.first_chunk(), part.last_chunk()) {
        return (u64::from_le_bytes(*left), u64::from_le_bytes(*right));
    }
    if let (Some(left), Some(right)) = (part.first_chunk(), part.last_chunk()) {
        let number = |bytes| u64::from(u32::from_le_bytes(bytes));
        return (number(*left), number(*right));
    }
    let at = |place: usize| part.get(place).map_or(0, |&byte| u64::from(byte));
    (at(0) | at(1) << 8, at(2))
}

/// Returns both halves of a product, combined.
fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn print(secret: &Secret, parts: &[&[u8]]) -> u64 {
        let mut folded = secret.begin();
        for part in parts {
            folded.add(part);
        }
        folded.end()
    }

    #[test]
    fn lists_of_parts_that_read_alike_have_other_fingerprints() {
        let secret = Secret::new();
        let print = |parts: &[&[u8]]| print(&secret, parts);
        let lists: [&[&[u8]]; 8] = [
            &[b"ab", b"c"],
            &[b"a", b"bc"],
            &[b"abc"],
            &[b"abc", b""],
            &[b"", b"abc"],
            &[b"abc\0"],
            &[b"0123456789abcdef"],
            &[b"0123456789abcdef", b""],
        ];
        let prints: HashSet<u64> = lists.iter().map(|parts| print(parts)).collect();
        assert_eq!(prints.len(), lists.len());
    }

    #[test]
    fn each_byte_of_a_part_of_any_length_counts() {
        let secret = Secret::new();
        let print = |part: &[u8]| print(&secret, &[part]);
        let text: Vec<u8> = (1..=50).collect();
        for length in 0..=text.len() {
            let (own, longer) = (print(&text[..length]), [&text[..length], b"\0"].concat());
            assert_ne!(print(&longer), own, "{length}");
            for at in 0..length {
                let mut other = text[..length].to_vec();
                other[at] ^= 0x40;
                assert_ne!(print(&other), own, "byte {at} of {length}");
            }
        }
    }

    #[test]
    fn a_hundred_thousand_paths_spread_evenly_and_do_not_collide() {
        let secret = Secret::new();
        let mut buckets = vec![0_u32; 1_000];
        let mut seen = HashSet::new();
        for n in 0..100_000 {
            let hash = print(
                &secret,
                &[b"api.example.com", format!("/items/{n}").as_bytes()],
            );
            assert!(seen.insert(hash));
            buckets[(hash & 1_023) as usize % 1_000] += 1;
        }
        // 100 per bucket, but the few that count for two; twice as many would be no chance.
        assert!(
            buckets.iter().all(|&count| (50..300).contains(&count)),
            "{buckets:?}"
        );
    }

    #[test]
    fn another_layer_has_other_fingerprints() {
        let print = || print(&Secret::new(), &[b"/"]);
        assert_ne!(print(), print());
    }
}
