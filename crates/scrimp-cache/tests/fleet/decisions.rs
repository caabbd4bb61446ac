//! Decisions on stored responses.

use std::sync::atomic::Ordering;

use http::Uri;
use scrimp_cache::{Invalidation, RecordId};

use crate::node::{LOG, World, record};

fn kinds() -> Vec<Invalidation> {
    let uri = |text: &'static str| Uri::from_static(text);
    vec![
        Invalidation::tag("product:1"),
        Invalidation::prefix("product:"),
        Invalidation::prefix("prod"),
        Invalidation::glob("prod*1"),
        Invalidation::version("lists", 4),
        Invalidation::uri(uri("http://shop.example/products/1")),
        Invalidation::uri(uri("/products/1")),
        Invalidation::uri_prefix(uri("http://shop.example/products/")),
        Invalidation::authority("shop.example"),
        Invalidation::group("shop.example", "shelf"),
        Invalidation::everything(),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_response_that_another_node_stored_is_used_and_stays_in_memory() {
    let world = World::default();
    let (writer, reader) = (world.node(), world.node());
    writer.get().await;
    world.change();
    assert_eq!(reader.get().await, "0");
    world.change();
    assert_eq!((reader.get().await.as_str(), reader.calls()), ("0", 0));
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_invalidation_reaches_memory_and_the_shared_tier_of_other_nodes() {
    for invalidation in kinds() {
        let world = World::default();
        let (writer, other, third) = (world.node(), world.node(), world.node());
        writer.get().await;
        other.get().await;
        let new = world.change();
        writer.invalidate(&invalidation);
        writer.append();
        other.deliver();
        third.deliver();
        // One has the old response in its memory, one finds it in the tier only.
        assert_eq!(third.get().await, new, "{invalidation:?} in the tier");
        assert_eq!(other.get().await, new, "{invalidation:?} in memory");
    }
}

#[tokio::test(start_paused = true)]
async fn an_invalidation_of_something_else_spares_the_response() {
    let world = World::default();
    let (writer, reader) = (world.node(), world.node());
    writer.get().await;
    writer.invalidate(&Invalidation::tag("product:2"));
    writer.invalidate(&Invalidation::version("lists", 3));
    writer.append();
    reader.deliver();
    assert_eq!((reader.get().await.as_str(), reader.calls()), ("0", 0));
}

#[tokio::test(start_paused = true)]
async fn an_unsafe_request_reaches_nodes_that_have_seen_nothing_of_its_target() {
    let world = World::default();
    let (writer, other, third) = (world.node(), world.node(), world.node());
    other.get().await;
    let new = world.change();
    writer.ask("DELETE", &[]).await;
    writer.append();
    other.deliver();
    third.deliver();
    assert_eq!(third.get().await, new);
    assert_eq!(other.get().await, new);
}

#[tokio::test(start_paused = true)]
async fn an_own_invalidation_without_a_position_counts_as_later_than_everything() {
    for by_request in [false, true] {
        let world = World::default();
        let (writer, other) = (world.node(), world.node());
        other.get().await;
        let new = world.change();
        match by_request {
            true => _ = writer.ask("PUT", &[]).await,
            false => writer.invalidate(&Invalidation::tag("product:1")),
        }
        assert_eq!(writer.get().await, new);
        // Its own position is older than that of the invalidation that comes.
        writer.append();
        writer.deliver();
        other.deliver();
        writer.forget();
        assert_eq!(writer.get().await, new);
        assert_eq!(other.get().await, new);
    }
}

#[tokio::test(start_paused = true)]
async fn while_invalidations_may_be_missing_the_upstream_confirms_what_is_stored() {
    let world = World::default();
    let (node, other) = (world.node(), world.node());
    other.get().await;
    node.get().await;
    node.replica.set_complete(false);
    // In memory, then in the tier.
    for calls in [1, 2] {
        assert_eq!(node.get().await, "0");
        assert_eq!(node.calls(), calls);
        node.forget();
    }
    let new = world.change();
    assert_eq!(node.get().await, new);
    // What is stored meanwhile, and what was stored before, is used again.
    node.replica.set_complete(true);
    let calls = node.calls();
    assert_eq!(node.get().await, new);
    assert_eq!(node.calls(), calls);
}

#[tokio::test(start_paused = true)]
async fn a_failing_upstream_is_not_replaced_by_what_may_be_invalid() {
    let world = World::default();
    let node = world.node();
    node.get().await;
    node.replica.set_complete(false);
    world.down.store(true, Ordering::SeqCst);
    assert_eq!(node.get().await, "down");
    node.replica.set_complete(true);
    assert_eq!(node.get().await, "0");
}

#[tokio::test(start_paused = true)]
async fn nothing_from_before_a_new_log_is_used() {
    let world = World::default();
    let (writer, reader) = (world.node(), world.node());
    writer.get().await;
    reader.get().await;
    let new = world.change();
    reader.replica.begin(LOG + 1, record(0));
    assert_eq!(reader.get().await, new, "in memory");
    reader.forget();
    let newer = world.change();
    writer.forget();
    assert_eq!(writer.get().await, newer, "of the other log");
}

#[tokio::test(start_paused = true)]
async fn nothing_from_before_missed_records_is_used_and_all_from_after_them_is() {
    let world = World::default();
    let (writer, reader) = (world.node(), world.node());
    writer.get().await;
    let new = world.change();
    for _ in 0..5 {
        writer.invalidate(&Invalidation::tag("other"));
        writer.append();
    }
    writer.deliver();
    reader.replica.begin(LOG, record(5));
    assert_eq!(reader.get().await, new);
    assert_eq!(reader.calls(), 1);
    // It has been stored as of position 5.
    world.change();
    writer.forget();
    assert_eq!((writer.get().await, writer.calls()), (new, 1));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_begins_with_the_history_uses_what_was_stored_before_it_began() {
    let world = World::default();
    let writer = world.node();
    writer.invalidate(&Invalidation::tag("product:1"));
    writer.append();
    writer.deliver();
    writer.get().await;
    let newcomer = world.stranger();
    assert_eq!((newcomer.get().await.as_str(), newcomer.calls()), ("0", 1));
    newcomer.replica.begin(LOG, record(0));
    newcomer.deliver();
    newcomer.replica.set_complete(true);
    newcomer.forget();
    world.change();
    writer.forget();
    assert_eq!((writer.get().await.as_str(), writer.calls()), ("1", 2));
    assert_eq!((newcomer.get().await.as_str(), newcomer.calls()), ("1", 1));
}

#[tokio::test(start_paused = true)]
async fn a_softly_invalidated_response_of_the_tier_is_stale_and_stands_in_for_a_failure() {
    let world = World::default();
    let (writer, reader) = (world.node(), world.node());
    writer.get().await;
    let new = world.change();
    writer.invalidate(&Invalidation::tag("product:1").soft());
    writer.append();
    reader.deliver();
    world.down.store(true, Ordering::SeqCst);
    assert_eq!((reader.get().await.as_str(), reader.calls()), ("0", 1));
    world.down.store(false, Ordering::SeqCst);
    assert_eq!((reader.get().await, reader.calls()), (new, 2));
}

#[tokio::test(start_paused = true)]
async fn a_response_as_of_a_record_that_the_log_has_lost_is_not_used() {
    let world = World::default();
    let (writer, reader) = (world.node(), world.node());
    // The writer has seen a record that no other node will see: another one takes its position.
    let lost = RecordId { at: 1, nonce: 1 };
    writer.replica.apply(lost, &[], None).unwrap_err();
    writer.get().await;
    let new = world.change();
    reader.invalidate(&Invalidation::tag("product:1"));
    reader.append();
    reader.deliver();
    assert_eq!(reader.get().await, new);
    assert_eq!(reader.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_read_counts_as_an_invalidation_of_everything() {
    for bytes in [
        &b""[..],
        b"\x01",
        b"not a record",
        b"\x02\0\0\0\0\0\0\0\0\0",
    ] {
        let world = World::default();
        let (writer, reader) = (world.node(), world.node());
        writer.get().await;
        reader.get().await;
        let new = world.change();
        world.poison(bytes);
        reader.deliver();
        assert_eq!(reader.get().await, new, "in memory");
        writer.deliver();
        writer.forget();
        let calls = writer.calls();
        assert_eq!((writer.get().await, writer.calls()), (new, calls));
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_layer_over_one_log_uses_nothing_that_is_stored() {
    let world = World::default();
    let node = world.node();
    let store = node.layer.store().clone();
    let clock = scrimp_core::Clock::system();
    let second = scrimp_cache::CacheLayer::builder(store).clock(clock);
    let second = second.build().unwrap();
    node.get().await;
    let (service, upstream) =
        scrimp_testkit::Scripted::answering(|_| crate::common::minute("second"));
    for _ in 0..2 {
        let request = crate::common::request("GET", "http://shop.example/products/1", &[]);
        let cache = tower::Layer::layer(&second, service.clone());
        let response = tower::ServiceExt::oneshot(cache, request).await;
        http_body_util::BodyExt::collect(response.unwrap().into_body())
            .await
            .unwrap();
    }
    assert_eq!(upstream.calls(), 2);
}
