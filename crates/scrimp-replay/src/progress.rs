//! Telling how far a replay is.

/// Hears how far a replay is, some thousand times at most per second.
pub trait Progress {
    /// So many bytes of an input have been read, of a total that files and not pipes have.
    fn reading(&mut self, input: &str, done: u64, total: Option<u64>);

    /// So many requests have been replayed.
    fn replaying(&mut self, done: u64, total: u64);
}

/// Does not listen.
impl Progress for () {
    fn reading(&mut self, _: &str, _: u64, _: Option<u64>) {}
    fn replaying(&mut self, _: u64, _: u64) {}
}
