//! Judges an answer by the quality gate.

use std::borrow::Cow;

use bytes::Bytes;
use http::response;
use http_body::Body;
use scrimp_http::{coding, decode};

use super::attempt::{Answer, Attempt};
use crate::QualityGate;

// === impl Attempt ===

impl Attempt<'_> {
    /// Reports whether a gate rejects an answer that was read whole, and learns its quality.
    pub(super) fn is_rejected<R: Body<Data = Bytes>>(
        &self,
        gate: &dyn QualityGate,
        head: &response::Parts,
        body: &Answer<R>,
    ) -> bool {
        let Some((head, data)) = body.whole().and_then(|data| self.plain(head, &data)) else {
            return false;
        };
        let verdict = gate.judge(&self.job.parts, &head, &data);
        let mut state = self.shared.state.lock();
        state.stats.rejected += u64::from(!verdict.accept);
        if (0.0..=1.0).contains(&verdict.quality) {
            let now = self.shared.now();
            let ticket = self.call.ticket;
            state.router.judged(now, ticket, verdict.quality);
        } else {
            drop(state);
            let quality = verdict.quality;
            tracing::warn!(
                quality,
                "a gate's quality must be within 0 and 1; nothing is learnt"
            );
        }
        !verdict.accept
    }

    /// Returns an answer without its content codings. `None` if it is above the limit then, or
    /// cannot be decoded.
    fn plain<'h>(
        &self,
        head: &'h response::Parts,
        data: &Bytes,
    ) -> Option<(Cow<'h, response::Parts>, Bytes)> {
        if !coding::is_coded(&head.headers) {
            return Some((Cow::Borrowed(head), data.clone()));
        }
        let data = decode::whole(&head.headers, data, self.shared.config.buffer).ok()?;
        let mut head = head.clone();
        decode::strip(&mut head.headers);
        Some((Cow::Owned(head), data))
    }
}
