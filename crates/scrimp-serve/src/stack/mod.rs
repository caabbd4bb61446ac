//! The layers of one configuration, and the routes around them.
//!
//! - `cache`, `fleet`: the store and what gateways over one Redis share;
//! - `parts`: the layers; those whose settings are as before come from the stack before;
//! - `mod`: the routes, each a gateway of its own over shared layers;
//! - `dispatch`: finds the route and the tenant of a request.

mod cache;
mod counts;
mod dispatch;
mod fleet;
mod parts;
mod tenant;

use std::{collections::HashMap, sync::Arc};

use scrimp_audit::AuditLayer;
use scrimp_core::{BodyDigestLayer, SettingError};
use scrimp_cost_route::CostRouteLayer;
use scrimp_gateway::{Gateway, GatewayBuilder, GatewayService, GatewayUpstream};
use tower::{Layer, layer::layer_fn};

use crate::config::{Choice, Config, Provider, ReadBatch, Route, Target, Upstream, provider_layer};

use self::{
    counts::Counts,
    dispatch::{Dispatch, Entrance},
    fleet::LEASE,
    parts::{Paid, Parts},
};

/// Bytes of the longest body that is a part of a key.
const LONGEST_KEYED_BODY: usize = 1 << 20;

/// The layers and the routes of one configuration.
pub(crate) struct Stack {
    pub(crate) config: Config,
    pub(crate) parts: Parts,
    pub(crate) routes: Vec<Built>,
    app: GatewayService,
}

/// A route, as it is served.
pub(crate) struct Built {
    pub(crate) name: String,
    pub(crate) counts: Arc<Counts>,
    pub(crate) batch: Option<ReadBatch>,
    /// The layer that chooses its provider, and the providers with their prices.
    pub(crate) routed: Option<CostRouteLayer>,
    pub(crate) providers: Vec<(String, String)>,
    gateway: Gateway,
}

// === impl Stack ===

impl Stack {
    /// Builds the stack of a configuration. Of `before`, it keeps what has the same settings.
    pub(crate) fn build(config: Config, before: Option<&Self>) -> Result<Self, SettingError> {
        let before = before.map(|stack| (&stack.config, &stack.parts));
        let mut parts = Parts::build(&config, before)?;
        let mut routes = Vec::new();
        for route in &config.routes {
            routes.push(built(route, &config, &mut parts)?);
        }
        parts.forget_unused();
        let entrances = routes.iter().zip(&config.routes).map(|(built, route)| {
            Entrance::new(route, built.gateway.service(), Arc::clone(&built.counts))
        });
        let dispatch = Dispatch::new(&config, entrances.collect(), &parts);
        let app = match &parts.audit {
            Some(audit) => {
                GatewayService::new(AuditLayer::refusals(audit).layer(dispatch.service()))
            }
            None => dispatch.service(),
        };
        Ok(Self {
            app,
            config,
            parts,
            routes,
        })
    }

    /// Returns a gateway that serves the routes.
    pub(crate) fn gateway(&self) -> Result<Gateway, SettingError> {
        self.config.server.gateway(self.app.clone()).build()
    }
}

fn built(route: &Route, config: &Config, parts: &mut Parts) -> Result<Built, SettingError> {
    let (gateway, routed, providers) = match &route.target {
        Target::Upstream(name) => {
            let upstream = config
                .upstreams
                .iter()
                .find(|upstream| upstream.name == *name);
            let upstream = upstream.expect("the configuration was checked");
            to_upstream(upstream, parts)?
        }
        Target::Providers(names, choice) => {
            let of = |name: &String| config.providers.iter().find(|it| it.name == *name);
            let chosen: Vec<&Provider> = names.iter().filter_map(of).collect();
            to_providers(&chosen, *choice, parts)?
        }
    };
    let (gateway, batch) = match &route.batch {
        Some(batch) => {
            let (gateway, counts) = batch.around(gateway, &parts.ledger)?;
            (gateway, Some(counts))
        }
        None => (gateway, None),
    };
    let gateway = match route.coalesce {
        true => gateway.around_upstream(parts.coalesce.clone()),
        false => gateway,
    };
    let gateway = match route.cache {
        true => parts.cache.around_gateway(gateway),
        false => gateway,
    };
    let gateway = match route.stampede {
        true => gateway.around_cache(parts.stampede.clone()),
        false => gateway,
    };
    let gateway = match route.cache && config.cache.has_body_keys() {
        true => gateway.around_cache(BodyDigestLayer::new(LONGEST_KEYED_BODY).canonical_json()),
        false => gateway,
    };
    let gateway = match config.server.trust_forwarded {
        true => gateway.trust_forwarded(),
        false => gateway,
    };
    Ok(Built {
        name: route.name.clone(),
        counts: parts.counts_of(&route.name),
        batch,
        routed,
        providers,
        gateway: gateway.build()?,
    })
}

type Targeted = (
    GatewayBuilder,
    Option<CostRouteLayer>,
    Vec<(String, String)>,
);

fn to_upstream(upstream: &Upstream, parts: &mut Parts) -> Result<Targeted, SettingError> {
    let mut gateway = upstream.gateway();
    let mut routed = None;
    let mut providers = Vec::new();
    if let Some(price) = upstream.price {
        let layer = parts.routed(Paid::Upstream(upstream.clone()), |budget, ledger| {
            let only = scrimp_cost_route::Provider::new(upstream.name.as_str()).price(price);
            // There is no other to fail over to.
            let layer = CostRouteLayer::builder([only])
                .attempts(1)
                .timeout(upstream.timeout);
            layer.budget(budget).ledger(ledger).build()
        })?;
        gateway = gateway.around_upstream(layer.clone());
        routed = Some(layer);
        providers.push((upstream.name.clone(), format!("{price} a request")));
    }
    if let Some(rate) = upstream.rate {
        gateway = gateway.around_upstream(parts.limit(&upstream.name, rate)?);
    }
    Ok((gateway, routed, providers))
}

fn to_providers(
    chosen: &[&Provider],
    choice: Choice,
    parts: &mut Parts,
) -> Result<Targeted, SettingError> {
    let clients = chosen.iter().map(|provider| {
        let client = provider.gateway().build_upstream()?;
        Ok((provider.name.clone(), client))
    });
    let clients: HashMap<String, GatewayUpstream> = clients.collect::<Result<_, SettingError>>()?;
    let settings = chosen.iter().map(|&provider| provider.clone());
    let settings = Paid::Providers(settings.collect(), choice);
    let layer = parts.routed(settings, |budget, ledger| {
        let layer = choice.set(provider_layer(chosen));
        layer.budget(budget).ledger(ledger).build()
    })?;
    let routes = layer.clone();
    let services = layer_fn(move |_: GatewayUpstream| {
        let clients = clients.clone();
        routes.services(move |name| clients[name].clone())
    });
    let first = chosen.first().expect("the configuration was checked");
    let terms = chosen
        .iter()
        .map(|provider| (provider.name.clone(), provider.terms()));
    Ok((
        first.gateway().around_upstream(services),
        Some(layer),
        terms.collect(),
    ))
}
