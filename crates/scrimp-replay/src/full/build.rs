//! Construction of each layer from the settings.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use parking_lot::Mutex;
use scrimp_batch::{BatchLayer, BatchWindow};
use scrimp_cache::CacheLayer;
use scrimp_core::{BoxError, Clock, Currency, Ledger, Money, SettingError};
use scrimp_cost_route::{CostRouteLayer, Provider, Tariff};
use scrimp_stampede::StampedeLayer;
use tower::{ServiceExt, util::BoxCloneSyncService};
use tower_service::Service;

use super::{
    codec::LogBatch,
    provider::{Answerer, Calls, restored},
};
use crate::{
    error::Result,
    offer::{Batching, Offer, QUALITY, UPSTREAM},
    settings::{Settings, rule},
    upstream::Latency,
    watch::Watched,
};

pub(super) type Asked = Request<Full<Bytes>>;
pub(super) type Boxed =
    BoxCloneSyncService<Asked, Response<UnsyncBoxBody<Bytes, BoxError>>, Infallible>;

const DOLLAR: Money = Money::from_pico(1_000_000_000_000, Currency::USD);

/// Returns the upstream of the log, and the other providers.
pub(super) fn offers(settings: &Settings) -> Vec<Offer> {
    let upstream = Offer {
        name: UPSTREAM.to_owned(),
        price: settings.price,
        latency: Some(settings.latency),
        quality: QUALITY,
    };
    [upstream]
        .into_iter()
        .chain(settings.offers.iter().cloned())
        .collect()
}

fn latency(offer: &Offer, settings: &Settings) -> Duration {
    offer.latency.unwrap_or(settings.latency)
}

pub(super) fn route(
    settings: &Settings,
    offers: &[Offer],
    calls: &Calls,
    clock: &Clock,
    patience: Duration,
) -> Result<Boxed> {
    let currency = settings.price.currency();
    let provider = |offer: &Offer| {
        let tariff = Tariff::new(currency).per_request(offer.price_in(currency));
        let provider = Provider::new(offer.name.as_str())
            .price(tariff)
            .latency(latency(offer, settings))
            .quality(offer.quality);
        provider.reliability(1.0)
    };
    let answerers: Vec<(String, Answerer)> = offers
        .iter()
        .map(|offer| {
            let price = offer.price_in(currency);
            let takes = match offer.name.as_str() {
                UPSTREAM => settings.upstream_latency(),
                _ => Latency::Fixed(latency(offer, settings)),
            };
            let answerer = Answerer::new(&offer.name, price, takes, calls);
            (offer.name.clone(), answerer)
        })
        .collect();
    let mut layer = CostRouteLayer::builder(offers.iter().map(provider))
        .clock(clock.clone())
        .timeout(patience);
    if currency != Currency::USD {
        // Amounts are compared by number; the value of waiting is taken in that currency.
        layer = layer.exchange_rate(currency, DOLLAR);
    }
    let layer = layer.build()?;
    let fallback = Answerer::new(UPSTREAM, settings.price, settings.upstream_latency(), calls);
    let routed = layer.services(move |name| {
        let known = answerers.iter().find(|(known, _)| known == name);
        known.map_or_else(|| fallback.clone(), |(_, answerer)| answerer.clone())
    });
    Ok(boxed(ServiceExt::<Asked>::map_response(routed, restored)))
}

/// Returns a time longer than any call: a log contains no time-outs.
pub(super) fn patience(settings: &Settings, offers: &[Offer]) -> Duration {
    let slowest = offers.iter().map(|offer| latency(offer, settings)).max();
    slowest.unwrap_or_default().max(settings.longest_logged) * 2 + Duration::from_secs(60)
}

pub(super) fn batch_layer(
    settings: &Settings,
    batching: Batching,
    patience: Duration,
    ledger: &Ledger,
) -> Result<BatchLayer<LogBatch>, SettingError> {
    BatchLayer::builder(LogBatch::new(batching.most, &settings.batch_paths))
        .ledger(ledger.clone())
        .window(BatchWindow::fixed(batching.window))
        .timeout(patience)
        .max_waiting(1 << 20)
        .dedupe(false)
        .build()
}

pub(super) fn cache_layer(
    settings: &Settings,
    store: &Watched,
    ledger: &Ledger,
    clock: &Clock,
) -> Result<CacheLayer<Watched>> {
    let mut layer = CacheLayer::builder(store.clone())
        .ledger(ledger.clone())
        .clock(clock.clone());
    for text in settings.cache_rules() {
        layer = layer.rule(rule(&text)?);
    }
    Ok(layer.build()?)
}

pub(super) fn stampede_layer(
    clock: &Clock,
    patience: Duration,
) -> Result<StampedeLayer, SettingError> {
    // The same random numbers in every run, so that a report can be repeated.
    let random = Mutex::new(fastrand::Rng::with_seed(1));
    StampedeLayer::builder()
        .clock(clock.clone())
        .refresh_timeout(patience)
        .random(move || random.lock().f64())
        .build()
}

/// Erases the type of a service, so that layers can be left out.
pub(super) fn boxed<S, B>(service: S) -> Boxed
where
    S: Service<Asked, Response = Response<B>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let erase =
        |response: Response<B>| response.map(|body| body.map_err(Into::into).boxed_unsync());
    BoxCloneSyncService::new(service.map_response(erase))
}
