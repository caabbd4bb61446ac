//! `[[provider]]`: services that answer the same requests, for a price.

use std::time::Duration;

use http::{HeaderName, Uri, header::AUTHORIZATION};
use scrimp_core::Money;
use scrimp_cost_route::{
    CostRouteLayer, CostRouteLayerBuilder, Price, PromptCache, Rate, Repeats, Tariff, TokenClass,
    TokenRates,
};
use scrimp_gateway::{Gateway, GatewayBuilder};

use crate::read::Section;

use super::{Secret, server::file};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Provider {
    pub(crate) name: String,
    endpoint: String,
    key: Option<Secret>,
    key_header: HeaderName,
    pub(crate) price: Option<Money>,
    rates: Rates,
    prompt_cache: Option<Prompts>,
    account: Option<String>,
    context_window: Option<u64>,
    stated_cost: bool,
    ca: Option<Vec<u8>>,
    http2: bool,
    timeout: Option<Duration>,
    latency: Option<Duration>,
    quality: Option<f64>,
    reliability: Option<f64>,
    tags: Vec<String>,
    /// Models that it names differently: what requests name, and its own name.
    renamed: Vec<(String, String)>,
    requests_per_minute: Option<u32>,
    tokens_per_minute: Option<u32>,
    concurrency: Option<usize>,
}

/// The price of a million tokens.
#[derive(Debug, Clone, PartialEq)]
struct PerMillion {
    money: Money,
    rate: Rate,
}

/// The prices of tokens, by class.
#[derive(Debug, Clone, PartialEq)]
struct Rates(Vec<(TokenClass, PerMillion)>);

/// The settings of a provider's prompt cache.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Prompts {
    is_automatic: bool,
    lifetime: Option<Duration>,
    least: Option<u64>,
}

/// Classes of tokens by the keys of their prices.
const CLASSES: [(&str, TokenClass); 4] = [
    ("input", TokenClass::Input),
    ("output", TokenClass::Output),
    ("cache_read", TokenClass::CacheRead),
    ("cache_write", TokenClass::CacheWrite),
];

/// Returns the builder of a layer for providers, with its ledger and budget still to set.
pub(crate) fn layer(providers: &[&Provider]) -> CostRouteLayerBuilder {
    CostRouteLayer::builder(providers.iter().map(|provider| provider.provider()))
}

/// Settings of the choice that a route makes among its providers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Choice {
    attempts: Option<usize>,
    quota_wait: Option<Duration>,
    hedge: Option<Money>,
    repeatable: bool,
}

/// Reads `rename`: pairs such as `gpt-4o-mini=deepseek-chat`.
fn renamed(section: &Section<'_>) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for at in section.texts("rename") {
        match at.value.split_once('=') {
            Some((asked, own)) if !asked.trim().is_empty() && !own.trim().is_empty() => {
                pairs.push((asked.trim().to_owned(), own.trim().to_owned()));
            }
            _ => {
                let message = format!("`{}` renames no model", at.value);
                section.add(&at.span, message, "write `asked=its own name`");
            }
        }
    }
    pairs
}

// === impl Choice ===

impl Choice {
    pub(crate) fn read(section: &Section<'_>) -> Self {
        let choice = Self {
            attempts: section.number("attempts"),
            quota_wait: section.time("quota_wait"),
            hedge: section.by_from_str("hedge").map(|at| at.value),
            repeatable: section.flag("repeatable").unwrap_or(false),
        };
        let any = CostRouteLayer::builder([scrimp_cost_route::Provider::new("any")]);
        if let Err(error) = choice.set(any).build() {
            section.refused(&error);
        }
        choice
    }

    /// Sets a layer's builder.
    pub(crate) fn set(&self, mut layer: CostRouteLayerBuilder) -> CostRouteLayerBuilder {
        if let Some(attempts) = self.attempts {
            layer = layer.attempts(attempts);
        }
        if let Some(longest) = self.quota_wait {
            layer = layer.quota_wait(longest);
        }
        if let Some(second) = self.hedge {
            layer = layer.hedge(second);
        }
        if self.repeatable {
            layer = layer.repeatable(Repeats::by(|_| true));
        }
        layer
    }
}

// === impl PerMillion ===

impl PerMillion {
    fn read(text: &str) -> Result<Self, String> {
        let wrong = |error: &dyn std::fmt::Display| format!("cannot be used: {error}");
        let money: Money = text.parse().map_err(|error| wrong(&error))?;
        let (amount, currency) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        let each = format!("{}e-6 {currency}", amount.trim_start_matches('$'));
        let rate = each.trim().parse().map_err(|error| wrong(&error))?;
        Ok(Self { money, rate })
    }
}

// === impl Rates ===

impl Rates {
    fn read(section: &Section<'_>) -> Self {
        let rates = CLASSES.into_iter().filter_map(|(key, class)| {
            let price = section.parsed(key, PerMillion::read)?.value;
            Some((class, price))
        });
        Self(rates.collect())
    }

    fn to_tariff(&self) -> Option<Tariff> {
        let (_, first) = self.0.first()?;
        let mut rates = TokenRates::new();
        for (class, price) in &self.0 {
            rates = rates.with(*class, price.rate.clone());
        }
        Some(Tariff::new(first.money.currency()).tokens(rates))
    }

    /// Returns the price of a class, as people write it.
    fn text(&self, wanted: TokenClass) -> String {
        let found = self.0.iter().find(|(class, _)| *class == wanted);
        found.map_or_else(|| "nothing".into(), |(_, price)| price.money.to_string())
    }
}

// === impl Prompts ===

impl Prompts {
    fn read(section: &Section<'_>) -> Option<Self> {
        let is_automatic = section.parsed("prompt_cache", |text| match text {
            "automatic" => Ok(true),
            "on_request" => Ok(false),
            _ => Err("is not known: there are `automatic` and `on_request`".into()),
        });
        let prompts = Self {
            is_automatic: is_automatic.as_ref().is_some_and(|at| at.value),
            lifetime: section.time("prompt_cache_lifetime"),
            least: section.number("prompt_cache_min_tokens"),
        };
        for key in ["prompt_cache_lifetime", "prompt_cache_min_tokens"] {
            if section.has(key) && !section.has("prompt_cache") {
                let message = format!("`{key}` needs `prompt_cache`");
                section.add(&section.span_of(key), message, "");
            }
        }
        is_automatic.map(|_| prompts)
    }

    fn to_cache(self) -> PromptCache {
        let cache = match self.is_automatic {
            true => PromptCache::automatic(),
            false => PromptCache::on_request(),
        };
        let cache = match self.lifetime {
            Some(time) => cache.lifetime(time),
            None => cache,
        };
        match self.least {
            Some(tokens) => cache.min_tokens(tokens),
            None => cache,
        }
    }
}

// === impl Provider ===

impl Provider {
    pub(crate) fn read(section: &Section<'_>) -> Option<Self> {
        let name = section.require("name", section.text("name"));
        let endpoint = section.require("endpoint", section.text("endpoint"));
        let key_header = section.by_from_str("key_header").map(|at| at.value);
        let ca = file(section, "ca");
        let has_ca = ca.is_some() == section.has("ca");
        let provider = Self {
            key: Secret::read(section, "key"),
            key_header: key_header.unwrap_or(AUTHORIZATION),
            price: section.by_from_str("price").map(|at| at.value),
            rates: Rates::read(section),
            prompt_cache: Prompts::read(section),
            account: section.text("account").map(|at| at.value),
            context_window: section.number("context_window"),
            stated_cost: section.flag("stated_cost").unwrap_or(false),
            http2: section.flag("http2").unwrap_or(false),
            timeout: section.time("timeout"),
            latency: section.time("latency"),
            quality: section.share("quality"),
            reliability: section.share("reliability"),
            tags: section
                .texts("tags")
                .into_iter()
                .map(|at| at.value)
                .collect(),
            renamed: renamed(section),
            requests_per_minute: section.number("requests_per_minute"),
            tokens_per_minute: section.number("tokens_per_minute"),
            concurrency: section.number("concurrency"),
            name: name?.value,
            endpoint: endpoint?.value,
            ca,
        };
        if section.has("price") && CLASSES.iter().any(|(key, _)| section.has(key)) {
            let message = "`price` and the prices of tokens cannot be used together";
            section.add(&section.span_of("price"), message, "remove one of them");
        }
        if section.has("key_header") && !section.has("key") {
            let span = section.span_of("key_header");
            section.add(&span, "`key_header` needs a `key`", "");
        }
        if let Err(error) = layer(&[&provider]).build() {
            section.refused(&error);
        } else if let (true, Err(error)) = (has_ca, provider.gateway().build_upstream()) {
            let key = match error.setting() {
                "upstream_ca" if section.has("ca") => "ca",
                "upstream_http2" => "http2",
                _ => "endpoint",
            };
            let message = format!("`{key}` {}", error.problem());
            section.add(&section.span_of(key), message, "");
        }
        Some(provider)
    }

    /// Returns its price, as people write it.
    pub(crate) fn terms(&self) -> String {
        match (self.price, &self.rates) {
            (Some(price), _) => format!("{price} a request"),
            (None, rates) if rates.0.is_empty() => "unknown".into(),
            (None, rates) => format!(
                "{} in, {} out (1M tokens)",
                rates.text(TokenClass::Input),
                rates.text(TokenClass::Output)
            ),
        }
    }

    fn price(&self) -> Price {
        let tariff = || self.rates.to_tariff();
        match self.price {
            Some(price) => price.into(),
            None => tariff().map_or(Price::Unknown, Price::from),
        }
    }

    fn provider(&self) -> scrimp_cost_route::Provider {
        let provider = scrimp_cost_route::Provider::new(self.name.as_str());
        let mut provider = provider
            .endpoint(self.endpoint.as_str())
            .price(self.price());
        if let Some(key) = &self.key {
            provider = match self.key_header == AUTHORIZATION {
                true => provider.bearer(key.reveal()),
                false => provider.header(self.key_header.clone(), key.reveal()),
            };
        }
        for tag in &self.tags {
            provider = provider.tag(tag);
        }
        for (asked, own) in &self.renamed {
            provider = provider.rename_model(asked.as_str(), own.as_str());
        }
        if let Some(time) = self.timeout {
            provider = provider.timeout(time);
        }
        if let Some(time) = self.latency {
            provider = provider.latency(time);
        }
        if let Some(prompts) = self.prompt_cache {
            provider = provider.prompt_cache(prompts.to_cache());
        }
        if let Some(account) = &self.account {
            provider = provider.account(account.as_str());
        }
        if let Some(tokens) = self.context_window {
            provider = provider.context_window(tokens);
        }
        if self.stated_cost {
            provider = provider.stated_cost(true);
        }
        if let Some(quality) = self.quality {
            provider = provider.quality(quality);
        }
        if let Some(share) = self.reliability {
            provider = provider.reliability(share);
        }
        if let Some(requests) = self.requests_per_minute {
            provider = provider.requests_per_minute(requests);
        }
        if let Some(tokens) = self.tokens_per_minute {
            provider = provider.tokens_per_minute(tokens);
        }
        if let Some(calls) = self.concurrency {
            provider = provider.concurrency(calls);
        }
        provider
    }

    /// Returns the builder of a client of its server.
    pub(crate) fn gateway(&self) -> GatewayBuilder {
        // The layer rewrites the path, and the client needs the server alone.
        let uri: Uri = self.endpoint.parse().unwrap_or_default();
        let server = format!(
            "{}://{}",
            uri.scheme_str().unwrap_or_default(),
            uri.authority().map_or("", |authority| authority.as_str())
        );
        let gateway = Gateway::builder(server).no_cache();
        let gateway = match &self.ca {
            Some(ca) => gateway.upstream_ca(ca),
            None => gateway,
        };
        let gateway = match self.http2 {
            true => gateway.upstream_http2(),
            false => gateway,
        };
        gateway.upstream_timeout(self.timeout.unwrap_or(Duration::from_secs(60)))
    }
}
