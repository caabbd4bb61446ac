//! The checks at the entrance of a flight.

use std::{any::TypeId, sync::Arc, task::Waker};

use http::Request;
use scrimp_core::KeyRef;
use scrimp_flight::single_flight::{self, Admission};

use crate::{
    response::Asker,
    shared::{
        Common,
        flight::{BoxCall, Terms},
        recent::Birth,
    },
    unshared::Unshared,
};

/// Returns the reason, if the operator says that the request is private.
pub(super) fn check_private<ReqB>(
    common: &Common,
    request: &Request<ReqB>,
) -> Result<(), Unshared> {
    let private_if = &common.config.private_if;
    match private_if.is_private(request.extensions(), request.headers()) {
        true => Err(Unshared::PrivateIf),
        false => Ok(()),
    }
}

/// Takes a place in the flight of a key.
pub(super) fn admit<ReqB, E: 'static>(
    common: &Arc<Common>,
    key: KeyRef<'_>,
    asker: &Asker,
    request: &Request<ReqB>,
    waker: &Waker,
) -> Admission<BoxCall> {
    let config = &common.config;
    let entry = single_flight::Request {
        key,
        max_members: config.max_waiters.saturating_add(1),
        waker,
    };
    let error = TypeId::of::<E>();
    common.table.enter(
        &entry,
        || config.clock.instant(),
        // A repeated write is one write: it does not outdate itself.
        |terms| {
            let holds = !asker.safe || common.holds(terms.born, request);
            holds && terms.error == error
        },
        || Terms {
            common: Arc::clone(common),
            error,
            born: Birth {
                writes: common.marks.now(),
                since: asker.since,
            },
        },
    )
}
