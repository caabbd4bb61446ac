//! Every layer at once, in the order they are meant to have: stampede protection, cache, sharing
//! of calls, batches, routing.
//!
//! Between layers there are counters, so that each layer's share of what is saved is what came
//! to it and did not leave it. Shares telescope: they add up to the whole by construction.

mod build;
mod codec;
mod offer;
mod probe;
mod provider;
mod shares;
mod stack;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

use crate::{
    error::Result,
    overlap::Crowd,
    progress::Progress,
    replay::{Bench, Driven, anchored, request, told},
    settings::Settings,
    sort::Sorted,
    upstream::Meter,
};
use provider::{Calls, Origin};
use stack::FullStack;

pub use offer::Offer;
pub use shares::{Batched, Layers, Share, Used};

/// How requests are put together, where the upstream takes batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Batching {
    pub(crate) window: Duration,
    pub(crate) most: usize,
}

// === impl Batching ===

impl Default for Batching {
    /// What the first request of a batch waits, and the smallest limit of those that well-known
    /// APIs have (Microsoft Graph's).
    fn default() -> Self {
        Self {
            window: Duration::from_millis(50),
            most: 20,
        }
    }
}

/// Drives a sorted log through all layers that the settings ask for.
pub(crate) async fn drive(
    sorted: &mut Sorted,
    settings: &Settings,
    bench: &mut Bench,
    progress: &mut dyn Progress,
) -> Result<Driven> {
    let (total, first) = (sorted.count, sorted.span.unwrap_or_default().0);
    let calls = Calls::default();
    let stack = FullStack::new(settings, &calls, &anchored(first))?;
    let mut crowd = Crowd::new(first);
    let mut done = 0u64;
    while let Some(entry) = sorted.next()? {
        told(progress, done, total);
        crowd.until(entry.time, &mut bench.tally).await?;
        calls.drain(&mut bench.tally);
        bench.beside(&entry, settings)?;
        let mut asked: Request<Full<Bytes>> = request(&entry, &settings.host)?;
        asked
            .extensions_mut()
            .insert(Origin(Arc::new(entry.clone())));
        crowd.begin(entry, Meter::default(), stack.begin(asked));
        done += 1;
    }
    crowd.finish(&mut bench.tally).await?;
    stack.rest().await;
    calls.drain(&mut bench.tally);
    let layers = stack.layers(settings, &calls, total);
    Ok(Driven {
        upstream_calls: calls.made(),
        stats: stack.stats(),
        layers: Some(layers),
    })
}
