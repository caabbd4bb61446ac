//! Counts requests that are at the upstream at once.

use std::time::Duration;

use tokio::{sync::watch, time::timeout};

/// While it is closed, requests stay at the upstream until as many as expected are there.
#[derive(Debug)]
pub(crate) struct Gathering {
    /// Number of requests to wait for; 0 if it is open.
    expected: watch::Sender<usize>,
    present: watch::Sender<usize>,
}

// === impl Gathering ===

impl Gathering {
    pub(crate) fn new() -> Self {
        Self {
            expected: watch::Sender::new(0),
            present: watch::Sender::new(0),
        }
    }

    /// Holds requests back until this many are at the upstream.
    pub(crate) fn close(&self, expected: usize) {
        self.present.send_replace(0);
        self.expected.send_replace(expected);
    }

    /// Lets all requests go on, and returns how many have come.
    pub(crate) fn open(&self) -> usize {
        self.expected.send_replace(0);
        *self.present.borrow()
    }

    /// Waits until as many as expected are there. Returns false after the time.
    pub(crate) async fn complete(&self, time: Duration) -> bool {
        let expected = *self.expected.borrow();
        let mut present = self.present.subscribe();
        let complete = present.wait_for(|present| *present >= expected);
        matches!(timeout(time, complete).await, Ok(Ok(_)))
    }

    /// Comes with this many requests, and stays while it is closed.
    pub(crate) async fn join(&self, requests: usize) {
        if *self.expected.borrow() == 0 {
            return;
        }
        self.present.send_modify(|present| *present += requests);
        let mut expected = self.expected.subscribe();
        let _ = expected.wait_for(|expected| *expected == 0).await;
    }
}
