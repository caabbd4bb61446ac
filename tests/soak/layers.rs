//! The layers of one stack, with closures that panic now and then.

use std::{sync::Arc, time::Duration};

use http::{HeaderValue, Request, Response, StatusCode, request, response};
use scrimp::{
    batch::{BatchLayer, BatchWindow},
    cache::{CacheLayer, MemoryStore},
    coalesce::{Abandoned, CoalesceLayer, OnError},
    core::{Clock, Currency, Ledger, SettingError},
    cost_route::{
        Budget, Cap, CostRouteLayer, Period, Provider, QualityVerdict, Scope, Tariff, Usage,
    },
    stampede::StampedeLayer,
};

use crate::{
    ask::SPENDER,
    dice::Dice,
    judge::FALLBACK,
    plan::Protocol,
    shaky::{ShakyCodec, ShakyStrategy},
};

/// Bytes of the cache's store.
pub(crate) const STORE: u64 = 4 << 20;

/// Requests in the batch layer at once.
pub(crate) const PLACES: usize = 256;

/// Limit of the caps that are never used up.
pub(crate) const LIMIT: &str = "1000000";

/// Handles on all layers. The last two are used on clients only.
#[derive(Debug, Clone)]
pub(crate) struct Layers {
    pub(crate) stampede: StampedeLayer,
    pub(crate) cache: CacheLayer,
    pub(crate) coalesce: CoalesceLayer,
    pub(crate) batch: BatchLayer<ShakyCodec>,
    pub(crate) cost_route: CostRouteLayer,
    pub(crate) budget: Budget,
}

// === impl Layers ===

impl Layers {
    /// Builds the layers. `endpoint` is where both providers are.
    pub(crate) fn new(
        endpoint: &str,
        protocol: Protocol,
        dice: &Arc<Dice>,
        clock: &Clock,
    ) -> Result<Self, SettingError> {
        let ledger = Ledger::new();
        let budget = budget(clock);
        Ok(Self {
            stampede: stampede(dice, clock)?,
            cache: cache(protocol, dice, clock, &ledger)?,
            coalesce: coalesce(protocol, clock, &ledger)?,
            batch: BatchLayer::builder(ShakyCodec::new(dice))
                .window(BatchWindow::fixed(Duration::from_millis(5)))
                .timeout(Duration::from_millis(1_500))
                .max_waiting(PLACES)
                .ledger(ledger.clone())
                .build()?,
            cost_route: cost_route((endpoint, protocol), dice, clock, &budget, ledger)?,
            budget,
        })
    }
}

fn stampede(dice: &Arc<Dice>, clock: &Clock) -> Result<StampedeLayer, SettingError> {
    let random = Arc::clone(dice);
    StampedeLayer::builder()
        .strategy(ShakyStrategy::new(dice))
        .random(move || {
            random.may_panic("panic in a closure: stampede's random");
            fastrand::f64()
        })
        .wait_limit(Duration::from_secs(1))
        .refresh_timeout(Duration::from_secs(2))
        .stale_if_failing(Duration::from_secs(2))
        .records(1024)
        .clock(clock.clone())
        .build()
}

fn cache(
    protocol: Protocol,
    dice: &Arc<Dice>,
    clock: &Clock,
    ledger: &Ledger,
) -> Result<CacheLayer, SettingError> {
    let (tags, fallback) = (Arc::clone(dice), Arc::clone(dice));
    let layer = CacheLayer::builder(MemoryStore::new(STORE))
        .clock(clock.clone())
        .tags_with(move |_, _| {
            tags.may_panic("panic in a closure: cache's tags_with");
            Vec::new()
        });
    if protocol == Protocol::H2 {
        // Without a ledger and a fallback, responses that are not stored take a shorter way.
        return layer.build();
    }
    let answer = move |_: &Request<()>, _: Option<StatusCode>| {
        fallback.may_panic("panic in a closure: cache's fallback");
        let answers = fallback.happens("cache: answers by its fallback", 2_000);
        answers.then(|| {
            let mut response = Response::new("later".into());
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            let yes = HeaderValue::from_static("yes");
            response.headers_mut().insert(FALLBACK, yes);
            response
        })
    };
    let layer = layer.ledger(ledger.clone()).price("0.001");
    layer.fallback(answer).build()
}

fn coalesce(
    protocol: Protocol,
    clock: &Clock,
    ledger: &Ledger,
) -> Result<CoalesceLayer, SettingError> {
    let (errors, abandoned) = match protocol {
        Protocol::Http1 => (OnError::Share, Abandoned::Cancel),
        Protocol::H2 => (OnError::Reelect { attempts: 2 }, Abandoned::Finish),
    };
    CoalesceLayer::builder()
        .on_error(errors)
        .abandoned(abandoned)
        .max_bytes(128 << 10)
        .max_wait(Duration::from_secs(3))
        .clock(clock.clone())
        .ledger(ledger.clone())
        .build()
}

fn budget(clock: &Clock) -> Budget {
    let caps = [
        Cap::new("all", LIMIT, Period::Forever),
        Cap::new("each tenant", LIMIT, Period::Forever).tenants(Scope::Each),
        Cap::new("spender", "0.05", Period::Day).tenants(Scope::Only(SPENDER.into())),
    ];
    Budget::new(caps).clock(clock.clone())
}

fn cost_route(
    (endpoint, protocol): (&str, Protocol),
    dice: &Arc<Dice>,
    clock: &Clock,
    budget: &Budget,
    ledger: Ledger,
) -> Result<CostRouteLayer, SettingError> {
    let provider = |name: &str, price: &str| {
        let map = Arc::clone(dice);
        Provider::new(name)
            .endpoint(format!("{endpoint}/{name}"))
            .price(Tariff::new(Currency::USD).per_request(price))
            .map(move |_, body| {
                map.may_panic("panic in a closure: a provider's map");
                body
            })
    };
    let (estimate, gate) = (Arc::clone(dice), Arc::clone(dice));
    let layer = CostRouteLayer::builder([provider("cheap", "0.001"), provider("dear", "0.01")])
        .timeout(Duration::from_secs(2))
        .budget(budget.clone())
        .ledger(ledger)
        .clock(clock.clone())
        .estimate(move |_, body| {
            estimate.may_panic("panic in a closure: the router's estimate");
            Usage::bytes(body.len() as u64, 1_000)
        });
    if protocol == Protocol::H2 {
        // Answers stream.
        return layer.build();
    }
    let judge = move |_: &request::Parts, _: &response::Parts, _: &[u8]| {
        gate.may_panic("panic in a closure: the quality gate");
        match gate.happens("router: an answer that the gate rejects", 50) {
            true => QualityVerdict::reject(0.0),
            false => QualityVerdict::accept(1.0),
        }
    };
    layer.quality_gate(judge).build()
}
