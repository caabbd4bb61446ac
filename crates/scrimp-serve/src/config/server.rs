//! `[server]`: the side of the clients.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use axum::Router;
use scrimp_gateway::{Gateway, GatewayBuilder, GatewayService};

use crate::read::{Section, units};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Server {
    pub(crate) listen: SocketAddr,
    pub(crate) tls: Option<Certificates>,
    pub(crate) trust_forwarded: bool,
    pub(crate) max_body: Option<u64>,
    limits: Limits,
}

/// The contents of two files.
#[derive(Clone, PartialEq)]
pub(crate) struct Certificates {
    chain: Vec<u8>,
    key: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Default)]
struct Limits {
    max_connections: Option<usize>,
    max_connections_per_address: Option<usize>,
    max_requests: Option<usize>,
    max_streams: Option<u32>,
    max_header_bytes: Option<u32>,
    header_timeout: Option<Duration>,
    idle_timeout: Option<Duration>,
    body_pace: Option<(Duration, u32)>,
    send_pace: Option<(Duration, u32)>,
    drain: Option<Duration>,
}

// === impl Server ===

impl Server {
    pub(crate) fn read(section: &Section<'_>) -> Option<Self> {
        let listen = section.by_from_str("listen").map(|at| at.value);
        let default = SocketAddr::from(([127, 0, 0, 1], 8080));
        let header_bytes = section.size("max_header_bytes");
        let server = Self {
            listen: listen.unwrap_or(default),
            tls: certificates(section),
            trust_forwarded: section.flag("trust_forwarded").unwrap_or(false),
            max_body: section.size("max_body"),
            limits: Limits {
                max_connections: section.number("max_connections"),
                max_connections_per_address: section.number("max_connections_per_address"),
                max_requests: section.number("max_requests"),
                max_streams: section.number("max_streams"),
                max_header_bytes: header_bytes.map(|bytes| bytes.try_into().unwrap_or(u32::MAX)),
                header_timeout: section.time("header_timeout"),
                idle_timeout: section.time("idle_timeout"),
                body_pace: section.parsed("body_pace", units::pace).map(|at| at.value),
                send_pace: section.parsed("send_pace", units::pace).map(|at| at.value),
                drain: section.time("drain"),
            },
        };
        match server.gateway(Router::new()).build() {
            Ok(_) => Some(server),
            Err(error) if error.setting() == "tls" => {
                section.add(&section.span_of("certificates"), error.to_string(), "");
                None
            }
            Err(error) => {
                section.refused(&error);
                None
            }
        }
    }

    /// Returns the builder of a gateway around `app`.
    pub(crate) fn gateway(&self, app: impl Into<GatewayService>) -> GatewayBuilder {
        fn set<T>(
            gateway: GatewayBuilder,
            value: Option<T>,
            set: impl FnOnce(GatewayBuilder, T) -> GatewayBuilder,
        ) -> GatewayBuilder {
            match value {
                Some(value) => set(gateway, value),
                None => gateway,
            }
        }
        let limits = &self.limits;
        let gateway = Gateway::of(app);
        let gateway = set(
            gateway,
            limits.max_connections,
            GatewayBuilder::max_connections,
        );
        let per_address = limits.max_connections_per_address;
        let gateway = set(
            gateway,
            per_address,
            GatewayBuilder::max_connections_per_address,
        );
        let gateway = set(gateway, limits.max_requests, GatewayBuilder::max_requests);
        let gateway = set(gateway, limits.max_streams, GatewayBuilder::max_streams);
        let gateway = set(
            gateway,
            limits.max_header_bytes,
            GatewayBuilder::max_header_bytes,
        );
        let gateway = set(
            gateway,
            limits.header_timeout,
            GatewayBuilder::header_timeout,
        );
        let gateway = set(gateway, limits.idle_timeout, GatewayBuilder::idle_timeout);
        let gateway = set(gateway, limits.drain, GatewayBuilder::drain);
        let gateway = set(gateway, limits.body_pace, |gateway, (grace, rate)| {
            gateway.body_pace(grace, rate)
        });
        let gateway = set(gateway, limits.send_pace, |gateway, (grace, rate)| {
            gateway.send_pace(grace, rate)
        });
        let gateway = set(gateway, self.tls.as_ref(), |gateway, tls| {
            gateway.tls(&tls.chain, &tls.key)
        });
        match self.trust_forwarded {
            true => gateway.trust_forwarded(),
            false => gateway,
        }
    }

    /// Reports whether only a restart can bring the settings of `other`.
    pub(crate) fn needs_restart(&self, other: &Self) -> bool {
        self.listen != other.listen || self.limits != other.limits
    }
}

fn certificates(section: &Section<'_>) -> Option<Certificates> {
    let (chain, key) = (file(section, "certificates"), file(section, "key"));
    for (one, other) in [("certificates", "key"), ("key", "certificates")] {
        if section.has(one) && !section.has(other) {
            let message = format!("`{one}` needs `{other}` too");
            section.add(&section.span_of(one), message, "both are files in PEM");
        }
    }
    Some(Certificates {
        chain: chain?,
        key: key?,
    })
}

/// Returns the content of the file that a key names.
pub(super) fn file(section: &Section<'_>, key: &'static str) -> Option<Vec<u8>> {
    let path = section.text(key)?;
    match std::fs::read(PathBuf::from(&path.value)) {
        Ok(content) => Some(content),
        Err(error) => {
            let message = format!("cannot read `{}`: {error}", path.value);
            section.add(&path.span, message, "");
            None
        }
    }
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Certificates")
    }
}
