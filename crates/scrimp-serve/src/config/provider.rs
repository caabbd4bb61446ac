//! `[[provider]]`: services that answer the same requests, for a price.

use std::time::Duration;

use http::{HeaderName, Uri, header::AUTHORIZATION};
use scrimp_core::{Currency, Money};
use scrimp_cost_route::{
    CostRouteLayer, CostRouteLayerBuilder, Price, Rate, Tariff, TokenClass, TokenRates,
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
    input: Option<PerMillion>,
    output: Option<PerMillion>,
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

/// Returns the builder of a layer for providers, with its ledger and budget still to set.
pub(crate) fn layer(providers: &[&Provider]) -> CostRouteLayerBuilder {
    CostRouteLayer::builder(providers.iter().map(|provider| provider.provider()))
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
            input: section.parsed("input", PerMillion::read).map(|at| at.value),
            output: section
                .parsed("output", PerMillion::read)
                .map(|at| at.value),
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
        if section.has("price") && (section.has("input") || section.has("output")) {
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
            section.add(&section.span_of(key), error.to_string(), "");
        }
        Some(provider)
    }

    /// Returns its price, as people write it.
    pub(crate) fn terms(&self) -> String {
        match (self.price, &self.input, &self.output) {
            (Some(price), ..) => format!("{price} a request"),
            (None, None, None) => "unknown".into(),
            (None, input, output) => {
                let text = |price: &Option<PerMillion>| {
                    let price = price.as_ref().map(|price| price.money.to_string());
                    price.unwrap_or_else(|| "nothing".into())
                };
                format!("{} in, {} out (1M tokens)", text(input), text(output))
            }
        }
    }

    fn price(&self) -> Price {
        let (input, output) = match (self.price, &self.input, &self.output) {
            (Some(price), ..) => return price.into(),
            (None, None, None) => return Price::Unknown,
            (None, input, output) => (input, output),
        };
        let any = input.as_ref().or(output.as_ref());
        let currency = any.map_or(Currency::USD, |price| price.money.currency());
        let mut rates = TokenRates::new();
        if let Some(price) = input {
            rates = rates.with(TokenClass::Input, price.rate.clone());
        }
        if let Some(price) = output {
            rates = rates.with(TokenClass::Output, price.rate.clone());
        }
        Tariff::new(currency).tokens(rates).into()
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
