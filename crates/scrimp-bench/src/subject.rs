//! What is measured.

/// Something that answers requests.
///
/// Requests are made beforehand by [`prepare`](Subject::prepare), outside the measurement;
/// dropping them is inside.
pub(crate) trait Subject {
    /// Makes this many requests ready.
    fn prepare(&mut self, count: usize);

    /// Answers them, and reads the responses to their end.
    fn exchange(&mut self);

    /// Answers them up to the heads of the responses.
    fn head(&mut self) {
        self.exchange();
    }

    /// Reads the responses that `head` has left.
    fn finish(&mut self) {}
}

/// A subject under the name that it has in the tables.
pub(crate) struct Named {
    pub(crate) name: &'static str,
    pub(crate) subject: Box<dyn Subject + Send>,
    /// Another handle on the same cache, whose requests begin with this number.
    pub(crate) fork: Box<dyn Fn(usize) -> Box<dyn Subject + Send>>,
    /// Clones the service and drops the clone.
    pub(crate) clone: Box<dyn Fn()>,
    /// How many requests have come through to the origin.
    pub(crate) reached: Box<dyn Fn() -> u64>,
}
