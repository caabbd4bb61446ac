//! Counts of uses of keys that are gone.

/// Ghosts of a group. They fill one cache line.
const GROUP: usize = 16;

/// Entries per group of ghosts: there are two to four ghosts for each entry. More would tell of a
/// past that is over.
const ENTRIES: usize = 8;

/// Bits of a ghost that count uses.
const COUNT_BITS: u32 = 8;

/// Largest count of uses that is remembered.
const MOST: u32 = (1 << COUNT_BITS) - 1;

/// Bytes that the ghosts of one entry take at most.
pub(super) const BYTES_PER_ENTRY: u64 = (2 * GROUP * size_of::<u32>() / ENTRIES) as u64;

/// The latest keys that were evicted or not admitted, with their counts of uses.
///
/// A key is in the one group that its hash names, and there the oldest ghost makes room for it, so
/// that memory and time are bounded. It is known by 24 more bits of its hash. Another key is taken
/// for it once in a million times, and is then only thought to be more popular than it is.
#[derive(Debug, Default)]
pub(super) struct Ghosts {
    /// Ghosts of each group, newest first; 0: none. Their number is a power of two.
    groups: Vec<[u32; GROUP]>,
}

// === impl Ghosts ===

impl Ghosts {
    /// Returns how often a key was used, as far as it is remembered.
    pub(super) fn uses(&self, hash: u64) -> u32 {
        let Some(group) = self.groups.get(self.place(hash)) else {
            return 0;
        };
        let found = group.iter().find(|&&ghost| is_of(ghost, hash));
        found.map_or(0, |ghost| ghost & MOST)
    }

    /// Remembers a key that was used this often, in a table with this many entries.
    pub(super) fn note(&mut self, hash: u64, uses: u32, entries: usize) {
        self.grow(entries);
        let ghost = name(hash) | uses.clamp(1, MOST);
        let place = self.place(hash);
        let Some(group) = self.groups.get_mut(place) else {
            return;
        };
        clear(group, hash);
        group.rotate_right(1);
        group[0] = ghost;
    }

    /// Forgets a key, because it is in the table again.
    pub(super) fn forget(&mut self, hash: u64) {
        let place = self.place(hash);
        if let Some(group) = self.groups.get_mut(place) {
            clear(group, hash);
        }
    }

    /// Gives memory back that is more than this many entries need.
    pub(super) fn shrink_to(&mut self, entries: usize) {
        let wanted = wanted(entries);
        if wanted < self.groups.len() {
            self.groups.truncate(wanted);
            self.groups.shrink_to_fit();
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.groups.len() * GROUP
    }

    fn grow(&mut self, entries: usize) {
        if self.groups.is_empty() {
            self.groups.push([0; GROUP]);
        }
        let wanted = wanted(entries);
        self.groups
            .reserve_exact(wanted.saturating_sub(self.groups.len()));
        while self.groups.len() < wanted {
            // The next bit of a ghost's hash is not known: it is in both halves, and the one that
            // is not asked for makes room in time.
            self.groups.extend_from_within(..);
        }
    }

    fn place(&self, hash: u64) -> usize {
        hash as u32 as usize & self.groups.len().saturating_sub(1)
    }
}

/// Forgets a key. Its place stays empty, so that all ghosts of a group grow old at the same pace,
/// however many keys come back.
fn clear(group: &mut [u32; GROUP], hash: u64) {
    if let Some(ghost) = group.iter_mut().find(|ghost| is_of(**ghost, hash)) {
        *ghost = 0;
    }
}

fn wanted(entries: usize) -> usize {
    entries.div_ceil(ENTRIES).max(1).next_power_of_two()
}

/// Returns the bits of a hash that neither the group nor the shard is chosen by.
fn name(hash: u64) -> u32 {
    (hash >> 32) as u32 & !MOST
}

fn is_of(ghost: u32, hash: u64) -> bool {
    ghost != 0 && ghost & !MOST == name(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: u64) -> u64 {
        (n + 1).wrapping_mul(0xd6e8_feb8_6659_fd93).rotate_left(29) ^ n
    }

    #[test]
    fn counts_outlive_the_growth_of_the_table() {
        let mut ghosts = Ghosts::default();
        for n in 0..4 {
            ghosts.note(hash(n), 3 + n as u32, 1);
        }
        ghosts.note(hash(100), 1, 10_000);
        for n in 0..4 {
            assert_eq!(ghosts.uses(hash(n)), 3 + n as u32);
        }
        ghosts.forget(hash(2));
        assert_eq!((ghosts.uses(hash(2)), ghosts.uses(hash(3))), (0, 6));
    }

    #[test]
    fn as_much_as_the_table_holds_is_remembered_and_a_flood_takes_no_more_memory() {
        let mut ghosts = Ghosts::default();
        for n in 0..200_000 {
            ghosts.note(hash(n), 1, 10_000);
        }
        assert!(ghosts.len() <= 4 * 10_000);
        let known = (190_000..200_000).filter(|&n| ghosts.uses(hash(n)) == 1);
        assert!(known.count() > 9_900);
        ghosts.shrink_to(10);
        assert!(ghosts.len() <= 40);
    }

    #[test]
    fn the_largest_count_is_kept_as_the_largest() {
        let mut ghosts = Ghosts::default();
        ghosts.note(hash(1), u32::MAX, 1);
        assert_eq!(ghosts.uses(hash(1)), MOST);
    }

    #[test]
    fn ghosts_take_as_much_as_is_counted_for_them_and_no_more() {
        for entries in [1_025, 4_097] {
            let mut ghosts = Ghosts::default();
            ghosts.note(hash(1), 1, entries);
            let taken = size_of_val(ghosts.groups.as_slice()) as u64;
            let counted = entries as u64 * BYTES_PER_ENTRY;
            assert!((taken..taken + 2 * BYTES_PER_ENTRY).contains(&counted));
        }
    }
}
