//! Clients that are dropped at every possible point.

use std::task::Poll;

use futures_util::future::poll_fn;
use http_body::Body;
use scrimp_testkit::{Gate, Reply, ScriptedBody};
use scrimp_tests::{Answer, Rig, layer, reply, request};

/// Checks that nothing is stored, and no memory is held.
fn is_empty(rig: &Rig) {
    let stats = rig.layer.stats();
    assert_eq!((stats.stored, stats.store.fill_bytes), (0, 0));
    assert_eq!(rig.upstream.in_flight(), 0);
}

/// Returns a response with pauses before and after every part.
fn halting() -> Reply {
    let body = ScriptedBody::new()
        .wake()
        .data("one ")
        .wake()
        .data("two ")
        .wake()
        .data("three")
        .wake();
    let mut response = http::Response::new(body);
    let fields = response.headers_mut();
    fields.insert("cache-control", "max-age=60".parse().expect("a value"));
    Reply::respond(response).wake().wake()
}

/// Polls a request this many times, and drops it. Returns true if it completed.
async fn leave_after(rig: &Rig, polls: usize) -> bool {
    let whole = async {
        let response = rig.open(request("GET", "/", &[])).await.expect("a head");
        Answer::read(response).await.expect("a body")
    };
    let mut whole = Box::pin(whole);
    let mut left = polls;
    poll_fn(|cx| {
        while left > 0 {
            left -= 1;
            if let Poll::Ready(seen) = whole.as_mut().poll(cx) {
                assert_eq!(seen.text(), "one two three");
                return Poll::Ready(true);
            }
        }
        Poll::Ready(false)
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_client_dropped_at_any_poll_leaves_no_state() {
    for polls in 0.. {
        let rig = Rig::new(layer(&[]), |_| halting());
        let through = leave_after(&rig, polls).await;
        if through {
            assert!(polls > 5, "there are enough points to drop it");
            break;
        }
        is_empty(&rig);
        // The next request is neither blocked nor served an incomplete body.
        assert!(leave_after(&rig, 100).await);
        assert!(rig.get("/").await.is_hit());
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_without_a_reader_is_not_read_for_the_cache() {
    let body = ScriptedBody::new().data("one").data("two");
    let handle = body.handle();
    let mut response = http::Response::new(body);
    let fields = response.headers_mut();
    fields.insert("cache-control", "max-age=60".parse().expect("a value"));
    let rig = Rig::script(layer(&[]), [Reply::respond(response)]);
    let response = rig.open(request("GET", "/", &[])).await.expect("a head");
    assert!(!response.body().is_end_stream());
    drop(response);
    assert_eq!((handle.polls(), handle.dropped()), (0, true));
    is_empty(&rig);
}

#[tokio::test(start_paused = true)]
async fn after_a_write_of_unknown_outcome_the_target_is_validated() {
    let fields = [("cache-control", "max-age=60"), ("etag", "\"1\"")];
    let gate = Gate::new();
    let endings: [fn(&Gate) -> Reply; 2] = [
        |gate| reply(204, &[], "").gate(gate),
        |_| Reply::error("broken off"),
    ];
    for ending in endings {
        let rig = Rig::script(
            layer(&[]),
            [
                reply(200, &fields, "old"),
                ending(&gate),
                reply(200, &fields, "new"),
            ],
        );
        rig.get("/").await;
        let mut write = Box::pin(rig.open(request("PUT", "/", &[])));
        // Sent; then the upstream fails, or the client is dropped.
        let polled = poll_fn(|cx| Poll::Ready(write.as_mut().poll(cx))).await;
        assert!(!matches!(polled, Poll::Ready(Ok(_))));
        drop(write);
        let seen = rig.get("/").await;
        assert!(!seen.is_hit() && seen.text() == "new");
    }
}
