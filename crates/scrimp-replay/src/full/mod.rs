//! All layers in their recommended order: stampede protection, cache, shared calls, batches,
//! routing.
//!
//! Counters between the layers give each layer's share of the savings: the calls that it received
//! and did not pass on. By construction the shares add up to the whole.

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

/// Settings of batches, if the upstream accepts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Batching {
    pub(crate) window: Duration,
    pub(crate) most: usize,
}

// === impl Batching ===

impl Default for Batching {
    /// Returns a short wait for the first request of a batch, and the smallest limit among
    /// well-known APIs (Microsoft Graph's).
    fn default() -> Self {
        Self {
            window: Duration::from_millis(50),
            most: 20,
        }
    }
}

/// Drives a sorted log through all layers that the settings require.
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
