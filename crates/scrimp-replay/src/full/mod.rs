//! All layers in their recommended order: stampede protection, cache, shared calls, batches,
//! routing.
//!
//! Counters between the layers give each layer's share of the savings: the calls that it received
//! and did not pass on. By construction the shares add up to the whole.

mod build;
mod codec;
mod probe;
mod provider;
mod shares;
mod stack;

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

use crate::{
    drive::{Bench, Driven, told},
    error::Result,
    overlap::Crowd,
    progress::Progress,
    settings::Settings,
    simulated::{anchored, request},
    sort::Sorted,
    upstream::Meter,
};
use provider::{Calls, Origin};
use stack::FullStack;

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
