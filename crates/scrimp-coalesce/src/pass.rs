//! Requests that are sent on their own.

use std::sync::Arc;

use http::{Request, Response};
use scrimp_http::method::is_safe;

use crate::{
    common::Common,
    judge::{Verdict, judge},
    key::written_by,
};

/// What to do once the answer is there.
#[derive(Debug, Clone, Copy)]
pub(crate) enum After {
    Nothing,
    /// To note that this target has been written: from now on nobody may be given what was
    /// read before.
    Written(u64),
    /// To look whether answers to this key may be shared after all.
    Barred(u64),
}

// === impl After ===

impl After {
    /// After a request that the layer has nothing to do with.
    pub(crate) fn passed<B>(common: &Arc<Common>, request: &Request<B>) -> Self {
        if is_safe(request.method()) {
            return Self::Nothing;
        }
        // What is written may be seen by readers long before the writer hears of it.
        let target = written_by(&common.config, request);
        common.state.marks.write(target);
        Self::Written(target)
    }

    pub(crate) fn done<B>(self, common: &Arc<Common>, response: Option<&Response<B>>) {
        match self {
            Self::Nothing => {}
            Self::Written(target) => common.state.marks.write(target),
            Self::Barred(hash) => {
                if response.is_some_and(|response| is_shareable(common, response)) {
                    common.table.unbar(hash);
                }
            }
        }
    }
}

fn is_shareable<B>(common: &Arc<Common>, response: &Response<B>) -> bool {
    let config = &common.config;
    let verdict = judge(config, response);
    // A failure says nothing about the answers to come; and where the key is the user's own,
    // Vary can only be judged by two requests.
    matches!(verdict, Verdict::Share { .. })
        && !response.status().is_server_error()
        && (config.key.is_none() || !response.headers().contains_key(http::header::VARY))
}

/// What a request writes that is shared although its method is not safe.
pub(crate) fn writes<B>(common: &Arc<Common>, request: &Request<B>) -> Option<u64> {
    if is_safe(request.method()) || !request.headers().contains_key("idempotency-key") {
        return None;
    }
    let target = written_by(&common.config, request);
    common.state.marks.write(target);
    Some(target)
}
