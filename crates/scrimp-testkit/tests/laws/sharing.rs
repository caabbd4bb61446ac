//! Responses that are shared with too many callers, or with too few.

use http_body_util::BodyExt;
use scrimp_testkit::{ScriptedBody, Subject};
use tower::{Service, ServiceExt};

use crate::{
    calls::{breaks, passing},
    flight::SingleFlightLayer,
};

#[test]
fn sharing_a_private_response_is_detected() {
    let subject = Subject::new(SingleFlightLayer::default).coalesces();
    breaks(
        "a_private_response_goes_to_one_caller",
        &subject,
        "made 1 upstream calls",
    );
}

#[test]
fn a_false_claim_to_share_calls_is_detected() {
    let subject = passing(|inner, req| Box::pin(inner.clone().oneshot(req))).coalesces();
    breaks(
        "a_crowd_makes_one_call_and_is_polled_for_its_answer",
        &subject,
        "made 200 upstream calls",
    );
}

#[test]
fn a_clean_end_of_an_incomplete_body_is_detected() {
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
        "an_incomplete_body_is_no_callers_response",
        &subject,
        "as if it were complete",
    );
}
