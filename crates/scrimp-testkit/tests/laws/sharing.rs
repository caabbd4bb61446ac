//! Answers that are shared with too many, or with too few.

use http_body_util::BodyExt;
use scrimp_testkit::{ScriptedBody, Subject};
use tower::{Service, ServiceExt};

use crate::{
    calls::{breaks, passing},
    flight::SingleFlightLayer,
};

#[test]
fn sharing_a_private_answer_is_found_out() {
    let subject = Subject::new(SingleFlightLayer::default).coalesces();
    breaks(
        "what_is_private_is_given_to_one",
        &subject,
        "made 1 upstream calls",
    );
}

#[test]
fn saying_that_calls_are_shared_when_they_are_not_is_found_out() {
    let subject = passing(|inner, req| Box::pin(inner.clone().oneshot(req))).coalesces();
    breaks(
        "a_crowd_makes_one_call_and_is_polled_for_its_answer",
        &subject,
        "made 200 upstream calls",
    );
}

#[test]
fn ending_a_body_well_that_broke_off_is_found_out() {
    let subject = passing(|inner, req| {
        let call = inner.call(req);
        Box::pin(async move {
            let (parts, mut body) = call.await?.into_parts();
            let mut copy = ScriptedBody::new();
            while let Some(Ok(frame)) = body.frame().await {
                copy = copy.data(frame.into_data().unwrap_or_default());
            }
            Ok(http::Response::from_parts(parts, copy))
        })
    });
    breaks(
        "half_a_body_is_nobodys_answer",
        &subject,
        "as if it had been whole",
    );
}
