//! A server that takes no writes, and passes messages on.

use std::time::Duration;

use super::{DOCUMENTS, TOLD, World};

impl World {
    /// Lets the server take no writes for a time in which nothing else fails.
    pub(crate) fn refuse_for(&mut self, time: Duration) {
        self.refusing = true;
        self.run_for(time);
    }

    /// Ends a node that alone has invalidated all documents a moment ago, while the server takes no writes.
    pub(crate) fn end_writer(&mut self) {
        self.invalidations = false;
        self.run_for(Duration::from_secs(1));
        self.refusing = true;
        for document in 0..DOCUMENTS {
            self.invalidate(0, document);
        }
        self.run_for(TOLD);
        self.restart(0);
        self.run_for(Duration::from_secs(1));
    }

    /// Expects that all is in the log, once the server takes writes.
    pub(crate) fn settle(&mut self) {
        self.calm_down();
        let unsettled = self.hosts.iter().filter(|host| !host.node.is_settled());
        assert_eq!(unsettled.count(), 0, "{:?}", self.report);
        for (document, version) in self.versions.iter().enumerate() {
            let logged = self.law.oldest(document, self.now, Duration::ZERO);
            assert_eq!(logged, *version, "document {document}");
        }
    }
}
