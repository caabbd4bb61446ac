//! Dropped callers, and layers that do not handle them.

use std::{collections::HashSet, sync::Arc};

use parking_lot::Mutex;
use scrimp_testkit::{Scripted, laws};
use tower::{Service, ServiceExt};

use crate::calls::{Req, alone, breaks, passing};

#[test]
fn clean_up_after_an_await_is_detected() {
    // Single flight by hand: a caller that finds the key taken waits until it is free.
    let subject = alone(|| {
        let flying = Arc::new(Mutex::new(HashSet::new()));
        let landed = Arc::new(tokio::sync::Notify::new());
        move |inner, req: Req| {
            let (flying, landed) = (Arc::clone(&flying), Arc::clone(&landed));
            Box::pin(async move {
                let key = req.uri().to_string();
                while !flying.lock().insert(key.clone()) {
                    landed.notified().await;
                }
                let response = inner.oneshot(req).await;
                flying.lock().remove(&key);
                landed.notify_waiters();
                response
            })
        }
    });
    breaks(
        "a_call_may_be_dropped_at_every_await",
        &subject,
        "did not end",
    );
    breaks(
        "a_hundred_cancelled_calls_leave_nothing",
        &subject,
        "did not end",
    );
    breaks(
        "a_dropped_caller_does_not_disturb_the_others",
        &subject,
        "did not end",
    );
    breaks("a_panic_leaves_no_key_wedged", &subject, "did not end");
}

#[test]
fn work_that_outlives_its_caller_is_detected() {
    let subject = alone(|| {
        |inner: Scripted, req| {
            let call = tokio::spawn(inner.oneshot(req));
            Box::pin(async move { call.await? })
        }
    });
    breaks(
        "an_unpolled_call_is_not_dispatched",
        &subject,
        "dropped unpolled",
    );
    breaks(
        "a_hundred_cancelled_calls_leave_nothing",
        &subject,
        "left in flight",
    );
    laws::assert(
        "a_hundred_cancelled_calls_leave_nothing",
        &subject.finishes_abandoned(),
    );
}

#[test]
fn self_waking_is_detected() {
    let subject = passing(|inner, req| {
        let mut call = Box::pin(inner.call(req));
        Box::pin(std::future::poll_fn(move |cx| {
            cx.waker().wake_by_ref();
            call.as_mut().poll(cx)
        }))
    });
    breaks(
        "no_poll_without_a_wake",
        &subject,
        "20 polls caused 20 wakes",
    );
}
