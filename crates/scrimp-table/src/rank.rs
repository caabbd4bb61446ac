//! The rules by which entries are ranked for eviction.

/// A rule that gives each entry a priority. The entry with the least is evicted.
///
/// All are members of the family of greedy-dual size frequency (Cherkasova, 1998): the value of an
/// entry per byte, times its uses, is added to the age of the table at its last use. The age follows
/// the priorities of what is evicted, so that unused entries fall behind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rule {
    /// The part by which the age follows the priority of an evicted entry. 0: uses alone count.
    aging: f64,
    /// Flag that each doubling of uses counts the same.
    logarithmic: bool,
    /// Part of the value that an entry has before its first hit.
    first: f64,
}

/// The rules that a table chooses from. On real traffic, each is the best of them somewhere: for
/// popularity that changes slowly; for loops and scans, where what is held has to stay; for
/// recency; and for recency amid keys that are used once.
pub(super) const RULES: [Rule; 4] = [
    Rule {
        aging: 0.1,
        logarithmic: false,
        first: 0.5,
    },
    Rule {
        aging: 0.0,
        logarithmic: false,
        first: 1.0,
    },
    Rule {
        aging: 1.0,
        logarithmic: true,
        first: 1.0,
    },
    Rule {
        aging: 1.0,
        logarithmic: true,
        first: 0.1,
    },
];

// === impl Rule ===

impl Rule {
    /// Returns the priority of an entry with these uses, last used at this age of the table.
    pub(super) fn priority(&self, base: f64, uses: u32, value_per_byte: f64) -> f64 {
        let uses = match uses {
            0 | 1 => self.first,
            uses if self.logarithmic => (1.0 + f64::from(uses)).log2(),
            uses => f64::from(uses),
        };
        base + uses * value_per_byte
    }

    /// Returns the age of the table after the eviction of an entry with this priority.
    pub(super) fn age(&self, age: f64, priority: f64) -> f64 {
        age + self.aging * (priority - age).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_uses_and_a_later_last_use_rank_higher_by_every_rule() {
        for rule in RULES {
            let mut before = 0.0;
            for uses in [1, 2, 3, 10, 1_000, u32::MAX] {
                let priority = rule.priority(5.0, uses, 0.01);
                assert!(priority > before, "{rule:?}");
                assert!(rule.priority(6.0, uses, 0.01) > priority, "{rule:?}");
                assert!(rule.priority(5.0, uses, 0.02) > priority, "{rule:?}");
                before = priority;
            }
        }
    }

    #[test]
    fn the_age_never_falls_and_never_passes_what_was_evicted() {
        for rule in RULES {
            assert_eq!(rule.age(5.0, 4.0), 5.0, "{rule:?}");
            assert!((5.0..=6.0).contains(&rule.age(5.0, 6.0)), "{rule:?}");
        }
    }

    #[test]
    fn uses_count_each_or_by_their_doublings_and_a_first_one_in_part() {
        let priorities = |uses| RULES.map(|rule| rule.priority(1.0, uses, 2.0));
        assert_eq!(priorities(1), [2.0, 3.0, 3.0, 1.2]);
        assert_eq!(priorities(3), [7.0, 7.0, 5.0, 5.0]);
        assert_eq!(priorities(7), [15.0, 15.0, 7.0, 7.0]);
    }
}
