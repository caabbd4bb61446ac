//! A trial: what answers of jobs would cost, while no job is made.

use std::{fmt, sync::Arc};

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use parking_lot::Mutex;
use scrimp_core::{BodyEnd, Sink, Totals};

use crate::books::Books;

/// Longest answer that is priced, in bytes.
const LONGEST: usize = 16 << 20;

/// Bill of the requests that a layer would have deferred, in a [dry run](crate::BatchJobsLayerBuilder::dry_run).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct DryRunBill {
    /// Their answers that have a price.
    pub answers: u64,
    /// Cost of these answers, if they had come from jobs.
    pub in_jobs: Totals,
    /// Cost of these answers by the calls that were made.
    pub on_their_own: Totals,
}

/// Reader of an answer to a request that would have been deferred.
pub(crate) struct TriedAnswer(Box<Reading>);

struct Reading {
    books: Books,
    bill: Arc<Mutex<DryRunBill>>,
    group: Arc<str>,
    status: StatusCode,
    read: BytesMut,
}

// === impl TriedAnswer ===

impl TriedAnswer {
    pub(crate) fn new(
        books: Books,
        bill: &Arc<Mutex<DryRunBill>>,
        group: &str,
        status: StatusCode,
    ) -> Self {
        Self(Box::new(Reading {
            books,
            bill: Arc::clone(bill),
            group: group.into(),
            status,
            read: BytesMut::new(),
        }))
    }
}

impl Sink for TriedAnswer {
    fn data(&mut self, chunk: &Bytes) {
        // One that is too long is not priced, and not kept either.
        if self.0.read.len() <= LONGEST {
            self.0.read.extend_from_slice(chunk);
        }
    }

    fn end(self, end: BodyEnd) {
        let reading = *self.0;
        let is_whole = matches!(end, BodyEnd::Complete | BodyEnd::Trailers(_));
        if !is_whole || reading.read.len() > LONGEST {
            return;
        }
        let body = reading.read.freeze();
        let prices = reading
            .books
            .compared(&reading.group, reading.status, &body);
        if let Some([in_job, alone]) = prices {
            let mut bill = reading.bill.lock();
            bill.answers += 1;
            bill.in_jobs.add(in_job);
            bill.on_their_own.add(alone);
        }
    }
}

impl fmt::Debug for TriedAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TriedAnswer")
    }
}
