//! Progress of a replay.

/// Receiver of progress reports, at most some thousand per second.
pub trait Progress {
    /// Reports the bytes read of an input, and its total length: known for files, not for pipes.
    fn reading(&mut self, input: &str, done: u64, total: Option<u64>);

    /// Reports the number of requests replayed.
    fn replaying(&mut self, done: u64, total: u64);
}

/// Ignores progress reports.
impl Progress for () {
    fn reading(&mut self, _: &str, _: u64, _: Option<u64>) {}
    fn replaying(&mut self, _: u64, _: u64) {}
}
