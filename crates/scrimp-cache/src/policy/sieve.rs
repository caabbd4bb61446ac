//! Telling most names from a list of names without comparing any.

use http::HeaderName;

/// First bytes and lengths of names, one bit for each pair. What is let through may be one
/// of the names; what is not is none of them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sieve([u64; 32]);

/// Some names of header fields.
#[derive(Debug)]
pub(crate) struct Names {
    names: &'static [&'static str],
    sieve: Sieve,
}

// === impl Sieve ===

impl Sieve {
    pub(crate) const EMPTY: Self = Self([0; 32]);

    /// Lets this name through too.
    #[must_use]
    pub(crate) const fn and(mut self, name: &str) -> Self {
        let (row, bit) = place(name.as_bytes());
        self.0[row] |= bit;
        self
    }

    /// Lets through what either lets through.
    #[must_use]
    pub(crate) const fn or(mut self, other: &Self) -> Self {
        let mut row = 0;
        while row < self.0.len() {
            self.0[row] |= other.0[row];
            row += 1;
        }
        self
    }

    #[inline]
    pub(crate) const fn lets_through(&self, name: &str) -> bool {
        let (row, bit) = place(name.as_bytes());
        self.0[row] & bit != 0
    }
}

/// Names are in small letters, so five bits tell their first bytes apart.
#[inline]
const fn place(name: &[u8]) -> (usize, u64) {
    let row = match name {
        [first, ..] => *first as usize & 31,
        [] => 0,
    };
    let length = if name.len() < 63 { name.len() } else { 63 };
    (row, 1 << length)
}

// === impl Names ===

impl Names {
    pub(crate) const fn new(names: &'static [&'static str]) -> Self {
        let mut sieve = Sieve::EMPTY;
        let mut index = 0;
        while index < names.len() {
            sieve = sieve.and(names[index]);
            index += 1;
        }
        Self { names, sieve }
    }

    pub(crate) const fn sieve(&self) -> &Sieve {
        &self.sieve
    }

    pub(crate) fn contains(&self, name: &HeaderName) -> bool {
        let name = name.as_str();
        self.sieve.lets_through(name) && self.names.contains(&name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_name_is_held_back_that_was_let_in(
            names in prop::collection::vec("[a-z0-9-]{0,80}", 0..20),
            others in prop::collection::vec("[a-z0-9-]{0,80}", 0..20),
        ) {
            let sieve = |names: &[String]| names.iter().fold(Sieve::EMPTY, |sieve, name| sieve.and(name));
            let both = sieve(&names).or(&sieve(&others));
            prop_assert!(names.iter().chain(&others).all(|name| both.lets_through(name)));
        }
    }

    #[test]
    fn names_are_found_and_others_that_look_alike_are_not() {
        static SOME: Names = Names::new(&["forwarded", "x-host"]);
        let contains = |name: &'static str| SOME.contains(&HeaderName::from_static(name));
        assert!(contains("forwarded") && contains("x-host"));
        assert!(!contains("forwardee") && !contains("x-most") && !contains("accept"));
        assert!(!SOME.sieve().lets_through("accept"));
    }
}
