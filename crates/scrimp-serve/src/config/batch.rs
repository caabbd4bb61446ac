//! `[route.batch]`: many small calls as one.

use std::sync::Arc;

use scrimp_batch::{BatchCodec, BatchLayer, BatchStats, GraphQl, JsonRpc, RestJson};
use scrimp_core::{Ledger, Money, SettingError};
use scrimp_gateway::{Gateway, GatewayBuilder};

use crate::read::Section;

/// Reads the counts of a layer, whose type depends on its protocol.
pub(crate) type ReadBatch = Arc<dyn Fn() -> BatchStats + Send + Sync>;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Batch {
    pub(crate) protocol: Protocol,
    pub(crate) max_items: Option<usize>,
    pub(crate) price: Option<Money>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Protocol {
    Rest { path: String, base: Option<String> },
    Graph { version: String },
    OData { service: String },
    JsonRpc,
    GraphQl,
}

// === impl Batch ===

impl Batch {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let protocol = section.require("protocol", section.text("protocol"))?;
        let path = section.text("path").map(|at| at.value);
        let base = section.text("base").map(|at| at.value);
        let version = section.text("version").map(|at| at.value);
        let needs_path = |path| section.require("path", path);
        let protocol = match protocol.value.as_str() {
            "rest" => Protocol::Rest {
                path: needs_path(path)?,
                base,
            },
            "odata" => Protocol::OData {
                service: needs_path(path)?,
            },
            "graph" => Protocol::Graph {
                version: version.unwrap_or_else(|| "v1.0".into()),
            },
            "jsonrpc" => Protocol::JsonRpc,
            "graphql" => Protocol::GraphQl,
            other => {
                let help = "there are: rest, graph, odata, jsonrpc, graphql";
                section.add(&protocol.span, format!("`{other}` is no protocol"), help);
                return None;
            }
        };
        let batch = Self {
            protocol,
            max_items: section.number("max_items"),
            price: section.by_from_str("price").map(|at| at.value),
        };
        let nowhere = Gateway::builder("http://localhost");
        if let Err(error) = batch.around(nowhere, &Ledger::new()) {
            section.refused(&error);
        }
        Some(batch)
    }

    /// Puts the layer around the upstream. The function reads its counts.
    pub(crate) fn around(
        &self,
        gateway: GatewayBuilder,
        ledger: &Ledger,
    ) -> Result<(GatewayBuilder, ReadBatch), SettingError> {
        match &self.protocol {
            Protocol::Rest { path, base } => {
                let codec = RestJson::new(path);
                let codec = match base {
                    Some(base) => codec.base(base),
                    None => codec,
                };
                self.with(codec, gateway, ledger)
            }
            Protocol::Graph { version } => self.with(RestJson::graph(version), gateway, ledger),
            Protocol::OData { service } => self.with(RestJson::odata(service), gateway, ledger),
            Protocol::JsonRpc => self.with(JsonRpc::new(), gateway, ledger),
            Protocol::GraphQl => self.with(GraphQl::new(), gateway, ledger),
        }
    }

    fn with<C: BatchCodec>(
        &self,
        codec: C,
        gateway: GatewayBuilder,
        ledger: &Ledger,
    ) -> Result<(GatewayBuilder, ReadBatch), SettingError> {
        let mut batch = BatchLayer::builder(codec).ledger(ledger.clone());
        if let Some(items) = self.max_items {
            batch = batch.max_items(items);
        }
        if let Some(price) = self.price {
            batch = batch.price(price);
        }
        let batch = batch.build()?;
        let counts = batch.clone();
        Ok((
            gateway.around_upstream(batch),
            Arc::new(move || counts.stats()),
        ))
    }
}
