//! A bucket of marks of writes.

use std::collections::VecDeque;

use super::tags::Tag;

/// Maximum number of marks of a bucket: together with the buckets, 2¹⁸ marks of 16 bytes.
pub(super) const MAX_MARKS: usize = 64;

/// Maximum number of soft marks of a bucket. Nothing depends on them: see
/// [`KeptWrites`](super::kept::KeptWrites).
const MAX_SOFT: usize = 16;

/// Marks, oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Bucket {
    pub(super) hard: VecDeque<(Tag, u64)>,
    soft: VecDeque<(Tag, u64)>,
    /// Position before which everything in the bucket counts as hit.
    pub(super) floor: u64,
}

// === impl Bucket ===

impl Bucket {
    pub(super) fn mark(&mut self, tag: Tag, position: u64, soft: bool) {
        let (marks, max) = match soft {
            true => (&mut self.soft, MAX_SOFT),
            false => (&mut self.hard, MAX_MARKS),
        };
        if let Some(place) = marks.iter().position(|(own, _)| *own == tag) {
            // An entry that is encoded brings an older mark late.
            let newer = marks[place].1.max(position);
            marks.remove(place);
            marks.push_back((tag, newer));
            return;
        }
        if marks.len() == max
            && let Some((_, oldest)) = marks.pop_front()
            && !soft
        {
            self.floor = self.floor.max(oldest);
        }
        marks.push_back((tag, position));
    }

    /// Returns the position of the last write to a tag; 0 if it has no mark.
    pub(super) fn hard(&self, tag: Tag) -> u64 {
        find(&self.hard, tag)
    }

    /// Returns the position of the last write without a response.
    pub(super) fn soft(&self, tag: Tag) -> u64 {
        find(&self.soft, tag)
    }
}

fn find(marks: &VecDeque<(Tag, u64)>, tag: Tag) -> u64 {
    let found = marks.iter().find(|(own, _)| *own == tag);
    found.map_or(0, |(_, position)| *position)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(n: u64) -> Tag {
        Tag(n << 2).of_kind(Tag::URI)
    }

    #[test]
    fn a_flood_of_soft_marks_raises_no_floor_and_stays_in_its_room() {
        let mut bucket = Bucket::default();
        bucket.mark(uri(0), 1, false);
        let flood = 100 * MAX_SOFT as u64;
        (1..=flood).for_each(|n| bucket.mark(uri(n), n, true));
        assert_eq!((bucket.floor, find(&bucket.hard, uri(0))), (0, 1));
        assert_eq!(
            (bucket.soft.len(), find(&bucket.soft, uri(flood))),
            (MAX_SOFT, flood)
        );
    }

    #[test]
    fn a_flood_of_hard_marks_stays_in_its_room_and_counts_as_one_floor() {
        let mut bucket = Bucket::default();
        let flood = 100 * MAX_MARKS as u64;
        (1..=flood).for_each(|n| bucket.mark(uri(n), n, false));
        assert_eq!(
            (bucket.hard.len(), bucket.floor),
            (MAX_MARKS, flood - MAX_MARKS as u64)
        );
    }
}
