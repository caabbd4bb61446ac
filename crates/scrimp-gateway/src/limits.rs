//! The builder's settings of the clients' side: numbers, times and TLS.

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use crate::{
    builder::{GatewayBuilder, problem},
    config::{Config, Server},
    pace::Pace,
    tls,
};

/// Range of numbers of connections and requests.
const COUNTS: RangeInclusive<usize> = 1..=1_000_000;
/// Range of rates, in bytes per second.
const RATES: RangeInclusive<u32> = 1..=1 << 30;

// === impl Server ===

impl Default for Server {
    fn default() -> Self {
        let pace = |seconds| Pace {
            grace: Duration::from_secs(seconds),
            rate: 500,
        };
        Self {
            drain: Duration::from_secs(10),
            max_connections: 1024,
            max_connections_per_address: None,
            max_requests: 4096,
            max_streams: 100,
            max_header_bytes: 64 << 10,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            body: pace(20),
            send: pace(30),
            tls: None,
        }
    }
}

// === impl GatewayBuilder ===

/// Limits for clients of [`Gateway::serve`](crate::Gateway::serve). A server that uses
/// [`Gateway::router`](crate::Gateway::router) has limits of its own.
impl GatewayBuilder {
    /// Speaks TLS with clients, who choose HTTP/2 or HTTP/1.1. `certificates` is the chain, the
    /// gateway's own first, and `key` the private key, both in PEM. Default: no TLS.
    pub fn tls(self, certificates: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Self {
        let must = "must be a chain of certificates and its private key in PEM";
        let server = tls::server(certificates.as_ref(), key.as_ref());
        let server = server.map_err(|error| problem("tls", must, error));
        self.checked(server, |config, server| {
            config.server.tls = Some(Arc::new(server));
        })
    }

    /// Limits the number of connections.
    ///
    /// If all are taken, new clients wait in the system's queue, and the connection that has waited
    /// for a request longest is closed for the next of them, if it has waited for a second.
    /// Range: 1 to 1,000,000. Default: 1024.
    pub fn max_connections(self, most: usize) -> Self {
        self.within("max_connections", most, COUNTS, |config, most| {
            config.server.max_connections = most;
        })
    }

    /// Limits the number of connections of one address (IPv6: of one /64 network); further ones are
    /// closed at once. Range: 1 to 1,000,000. Default: half of
    /// [`max_connections`](Self::max_connections), so that no single client can take all of them;
    /// unlimited with [`trust_forwarded`](Self::trust_forwarded), where all come from one proxy.
    pub fn max_connections_per_address(self, most: usize) -> Self {
        self.within(
            "max_connections_per_address",
            most,
            COUNTS,
            |config, most| config.server.max_connections_per_address = Some(most),
        )
    }

    /// Limits the number of requests that are open at once, over all connections; further ones are
    /// answered with 503. A request is open until its response has been sent.
    /// Range: 1 to 1,000,000. Default: 4096.
    pub fn max_requests(self, most: usize) -> Self {
        self.within("max_requests", most, COUNTS, |config, most| {
            config.server.max_requests = most;
        })
    }

    /// Limits the number of requests that are open at once in one HTTP/2 connection.
    /// Range: 1 to 1000. Default: 100.
    pub fn max_streams(self, most: u32) -> Self {
        self.within("max_streams", most, 1..=1000, |config, most| {
            config.server.max_streams = most;
        })
    }

    /// Limits the fields of a request, the request line included. It is also the size of the two
    /// buffers of an HTTP/1.1 connection. Range: 8 KiB to 1 MiB. Default: 64 KiB.
    pub fn max_header_bytes(self, most: u32) -> Self {
        let range = 8 << 10..=1 << 20;
        self.within("max_header_bytes", most, range, |config, most| {
            config.server.max_header_bytes = most;
        })
    }

    /// Limits the time in which a client sends the fields of a request, from the first byte on; for
    /// the first request of a connection from the connection's start on, TLS included.
    /// Range: above 0 and at most a day. Default: 10 s.
    pub fn header_timeout(self, time: Duration) -> Self {
        self.time("header_timeout", time, |config, time| {
            config.server.header_timeout = time;
        })
    }

    /// Limits the time for which a connection is kept without a request ("keep-alive").
    /// Range: above 0 and at most a day. Default: 60 s.
    pub fn idle_timeout(self, time: Duration) -> Self {
        self.time("idle_timeout", time, |config, time| {
            config.server.idle_timeout = time;
        })
    }

    /// Gives up a client that sends a body too slowly: if the gateway has waited for `grace`, and
    /// each `rate` bytes give the client a second back, up to the grace. It is answered with 408.
    /// Range of the grace: above 0 and at most a day; of the rate: 1 to 2³⁰ bytes per second.
    /// Default: 20 s and 500.
    pub fn body_pace(self, grace: Duration, rate: u32) -> Self {
        self.pace(("body_pace", grace, rate), |config| &mut config.server.body)
    }

    /// Gives up a client that reads too slowly, by the same rule as
    /// [`body_pace`](Self::body_pace): a connection of HTTP/1.1 is closed, a stream of HTTP/2 is
    /// reset. Ranges: the same. Default: 30 s and 500.
    pub fn send_pace(self, grace: Duration, rate: u32) -> Self {
        self.pace(("send_pace", grace, rate), |config| &mut config.server.send)
    }

    /// Limits the time of open requests after the stop signal. Range: at most a day. Default: 10 s.
    pub fn drain(self, time: Duration) -> Self {
        let range = ..=Duration::from_secs(86_400);
        self.within("drain", time, range, |config, time| {
            config.server.drain = time;
        })
    }

    fn pace(
        self,
        (setting, grace, rate): (&'static str, Duration, u32),
        pace: impl Fn(&mut Config) -> &mut Pace,
    ) -> Self {
        let graced = self.time(setting, grace, |config, grace| pace(config).grace = grace);
        graced.within(setting, rate, RATES, |config, rate| {
            pace(config).rate = rate;
        })
    }
}
