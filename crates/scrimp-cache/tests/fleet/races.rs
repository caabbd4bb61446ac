//! Invalidations during look-ups and calls.

use std::sync::Arc;

use scrimp_cache::Invalidation;

use crate::node::{Node, World};

/// Moments of a look-up at which an invalidation of another node is applied.
#[derive(Debug, Clone, Copy)]
enum Moment {
    Before,
    Read,
    Decoded,
}

const MOMENTS: [Moment; 3] = [Moment::Before, Moment::Read, Moment::Decoded];

/// FusionCache #613: a node reads the old value from the shared tier while it is invalidated, and
/// keeps it in memory for its whole lifetime.
#[tokio::test(start_paused = true)]
async fn an_old_response_that_is_read_during_its_invalidation_does_not_stay_in_memory() {
    for moment in MOMENTS {
        for own in [false, true] {
            let world = World::default();
            let (writer, reader) = (world.node(), world.node());
            writer.get().await;
            let new = world.change();
            let by: Arc<Node> = if own { reader.clone() } else { writer.clone() };
            let to = reader.clone();
            let action = move || {
                by.invalidate(&Invalidation::tag("product:1"));
                by.append();
                to.deliver();
            };
            let store = reader.layer.store().clone();
            match moment {
                Moment::Before => action(),
                Moment::Read => *store.read.lock() = Some(Box::new(action)),
                Moment::Decoded => *store.decoded.lock() = Some(Box::new(action)),
            }
            // This look-up may have come first. The next one has not.
            reader.get().await;
            assert_eq!(reader.get().await, new, "{moment:?}, own: {own}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_during_a_look_up_reaches_the_response_that_it_brings_to_memory() {
    for moment in MOMENTS {
        let world = World::default();
        let (writer, reader) = (world.node(), world.node());
        writer.get().await;
        let new = world.change();
        let by = reader.clone();
        let action = move || {
            // The upstream of the test answers at once.
            futures_util::FutureExt::now_or_never(by.ask("POST", &[])).expect("no wait");
        };
        let store = reader.layer.store().clone();
        match moment {
            Moment::Before => action(),
            Moment::Read => *store.read.lock() = Some(Box::new(action)),
            Moment::Decoded => *store.decoded.lock() = Some(Box::new(action)),
        }
        reader.get().await;
        assert_eq!(reader.get().await, new, "{moment:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_whose_call_began_before_an_invalidation_is_used_by_no_node() {
    let world = World::default();
    let (writer, slow, reader) = (world.node(), world.node(), world.node());
    // The response of this call is old by the time it is stored.
    let old = slow.get().await;
    let new = world.change();
    writer.invalidate(&Invalidation::tag("product:1"));
    writer.append();
    reader.deliver();
    assert_ne!(old, new);
    // The slow node has not heard of it, and stores its response with the position it knows.
    assert_eq!(slow.get().await, old);
    assert_eq!(reader.get().await, new);
}

#[tokio::test(start_paused = true)]
async fn a_response_from_after_what_a_node_has_applied_waits_until_it_has() {
    let world = World::default();
    let (writer, reader) = (world.node(), world.node());
    writer.invalidate(&Invalidation::tag("other"));
    writer.append();
    writer.deliver();
    writer.get().await;
    world.change();
    assert_eq!(reader.get().await, "1");
    reader.deliver();
    writer.forget();
    world.change();
    assert_eq!((writer.get().await.as_str(), writer.calls()), ("1", 1));
}
