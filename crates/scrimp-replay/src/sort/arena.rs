//! Records in one piece of memory.

/// Byte strings, stored back to back and sorted through an index.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    bytes: Vec<u8>,
    /// First eight bytes of each record, its start, and its end.
    index: Vec<(u64, usize, usize)>,
}

// === impl Arena ===

impl Arena {
    /// Adds the record that `write` appends.
    pub(crate) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        let head = self.bytes[start..]
            .first_chunk()
            .map_or(0, |head| u64::from_be_bytes(*head));
        self.index.push((head, start, self.bytes.len()));
    }

    /// Sorts the records by their first `prefix` bytes; equal ones keep their order.
    pub(crate) fn sort(&mut self, prefix: usize) {
        let bytes = &self.bytes;
        self.index.sort_by(|a, b| {
            let rest = |&(_, start, end): &(u64, usize, usize)| {
                let record = &bytes[start..end];
                &record[8.min(record.len())..prefix.min(record.len())]
            };
            a.0.cmp(&b.0).then_with(|| rest(a).cmp(rest(b)))
        });
    }

    pub(crate) fn record(&self, at: usize) -> &[u8] {
        match self.index.get(at) {
            Some(&(_, start, end)) => &self.bytes[start..end],
            None => &[],
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// Returns the memory in use.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len() + self.index.len() * size_of::<(u64, usize, usize)>()
    }

    /// Removes the records and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.index.clear();
    }
}
