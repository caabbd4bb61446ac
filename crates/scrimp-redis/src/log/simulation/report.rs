//! Counts of a simulation.

/// Counts of what happened.
#[derive(Debug, Default, Clone)]
pub(crate) struct Report {
    pub(crate) reads: u64,
    pub(crate) from_store: u64,
    pub(crate) stale: u64,
    pub(crate) wiped: u64,
    pub(crate) rolled_back: u64,
    pub(crate) trimmed: u64,
    pub(crate) restarted: u64,
    pub(crate) cut: u64,
    pub(crate) refused: u64,
}

// === impl Report ===

impl Report {
    pub(crate) fn add(&mut self, other: &Self) {
        self.reads += other.reads;
        self.from_store += other.from_store;
        self.stale += other.stale;
        self.wiped += other.wiped;
        self.rolled_back += other.rolled_back;
        self.trimmed += other.trimmed;
        self.restarted += other.restarted;
        self.cut += other.cut;
        self.refused += other.refused;
    }
}
