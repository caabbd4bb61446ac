//! `[[upstream]]`: a server that requests go to.

use std::time::Duration;

use scrimp_core::Money;
use scrimp_gateway::{Gateway, GatewayBuilder};

use crate::read::{Section, units};

use super::server::file;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Upstream {
    pub(crate) name: String,
    url: String,
    ca: Option<Vec<u8>>,
    http2: bool,
    preserve_host: bool,
    pub(crate) timeout: Duration,
    pub(crate) price: Option<Money>,
    pub(crate) rate: Option<(u32, Duration)>,
}

// === impl Upstream ===

impl Upstream {
    pub(crate) fn read(section: &Section<'_>) -> Option<Self> {
        let name = section.require("name", section.text("name"));
        let url = section.require("url", section.text("url"));
        let ca = file(section, "ca");
        let has_ca = ca.is_some() == section.has("ca");
        let upstream = Self {
            http2: section.flag("http2").unwrap_or(false),
            preserve_host: section.flag("preserve_host").unwrap_or(false),
            timeout: section.time("timeout").unwrap_or(Duration::from_secs(60)),
            price: section.by_from_str("price").map(|at| at.value),
            rate: section.parsed("rate", units::rate).map(|at| at.value),
            name: name?.value,
            url: url?.value,
            ca,
        };
        if let (true, Err(error)) = (has_ca, upstream.gateway().build_upstream()) {
            let key = match error.setting() {
                "upstream_ca" if section.has("ca") => "ca",
                "upstream_http2" => "http2",
                "upstream_timeout" => "timeout",
                _ => "url",
            };
            let message = format!("`{key}` {}", error.problem());
            section.add(&section.span_of(key), message, "");
        }
        Some(upstream)
    }

    /// Returns the builder of a gateway in front of it.
    pub(crate) fn gateway(&self) -> GatewayBuilder {
        let gateway = Gateway::builder(self.url.as_str()).no_cache();
        let gateway = match &self.ca {
            Some(ca) => gateway.upstream_ca(ca),
            None => gateway,
        };
        let gateway = match self.http2 {
            true => gateway.upstream_http2(),
            false => gateway,
        };
        let gateway = match self.preserve_host {
            true => gateway.preserve_host(),
            false => gateway,
        };
        gateway.upstream_timeout(self.timeout)
    }
}
