//! What a call is made for, and what that says of its answer.

use std::time::Duration;

use http::{HeaderMap, Response};

use crate::{
    answer::Arrived,
    flight::{Flight, Others},
    judge::{self, Verdict},
};

/// What a call needs to know of the request it is made for.
pub(crate) struct Errand {
    /// Whether its answer may go into the window.
    pub(crate) keep: bool,
    /// There is no attempt after this one.
    pub(crate) last: bool,
    /// The request's fields, if the key was made by the user: then Vary is compared with
    /// each waiter's.
    pub(crate) fields: Option<Box<HeaderMap>>,
    /// What it writes.
    pub(crate) writes: Option<u64>,
}

// === impl Errand ===

impl Errand {
    /// For how long what has come may be kept, if it is to be read and shared; else whose it is.
    pub(crate) fn judge<B, E>(
        &self,
        flight: &Flight<Arrived>,
        result: &Result<Response<B>, E>,
    ) -> Result<Option<Duration>, Arrived> {
        let common = &flight.terms.common;
        let response = match result {
            Err(_) if self.last => return Err(Arrived::Failed),
            Err(_) => return Err(Arrived::Own(Others::Again)),
            Ok(response) => response,
        };
        if !self.last && judge::failed(response.status()) {
            return Err(Arrived::Own(Others::Again));
        }
        match judge::judge(&common.config, response) {
            Verdict::Share { window } => Ok(window),
            Verdict::Refuse(reason) => {
                common.bar(flight.key.as_ref().hash_value(), reason);
                Err(Arrived::Own(Others::Alone))
            }
        }
    }
}
