//! Subjects of the measurements.

/// A service that answers requests.
///
/// Requests are made beforehand by [`prepare`](Subject::prepare), outside the measurement; dropping
/// them is measured.
pub(crate) trait Subject {
    /// Prepares this many requests.
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

/// A subject with its name in the tables.
pub(crate) struct Named {
    pub(crate) name: &'static str,
    pub(crate) subject: Box<dyn Subject + Send>,
    /// Makes another handle on the same cache, whose requests start with this number.
    pub(crate) fork: Box<dyn Fn(usize) -> Box<dyn Subject + Send>>,
    /// Clones the service and drops the clone.
    pub(crate) clone: Box<dyn Fn()>,
    /// Returns the number of requests that have reached the origin.
    pub(crate) reached: Box<dyn Fn() -> u64>,
}
