//! Requests to the purging service.
#![no_main]

use http_body_util::BodyExt;
use libfuzzer_sys::fuzz_target;
use scrimp_fuzz::{
    cache::{OneEntry, layer, request, run},
    cost::{SMALL, within},
};
use tower::ServiceExt;

fuzz_target!(|data: &[u8]| {
    let Some(request) = request(data) else {
        return;
    };
    let (store, journal) = OneEntry::with_journal(&[]);
    let layer = layer(store).build().expect("good settings");
    let ask = |allowed: bool| {
        let before = journal.bytes();
        let (status, body) = run(async {
            let admin = layer.admin(move |_| allowed);
            let answer = admin.oneshot(request.clone()).await.expect("infallible");
            let (parts, body) = answer.into_parts();
            let body = body.collect().await.expect("in memory").to_bytes();
            (parts.status.as_u16(), body)
        });
        (status, body, journal.bytes() != before)
    };
    // Who is not allowed to does nothing.
    let (status, _, purged) = ask(false);
    assert!(status == 403 && !purged);
    let (status, body, purged) = within(SMALL, || ask(true));
    assert!(matches!(status, 200 | 400 | 404), "{status}");
    assert!(
        status == 200 || !purged,
        "all of a request's purges or none"
    );
    if request.method() != "HEAD" {
        let json: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert!(json.is_object());
    }
});
