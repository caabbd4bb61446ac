//! Settings of a replay.

mod derived;
mod fleet;
mod prefetch;

use std::time::Duration;

use scrimp_core::Money;

use crate::{
    ahead::PrefetchSettings,
    error::{Error, Result},
    line::Format,
    nodes::FleetSettings,
    offer::{Batching, Offer},
    ttl::Ttl,
};
pub(crate) use derived::rule;

/// Time for a response where neither the log nor the user states one.
pub(crate) const USUAL_LATENCY: Duration = Duration::from_millis(200);

/// Settings of a replay.
///
/// ```
/// use scrimp_replay::Settings;
///
/// let settings = Settings::new()
///     .price("0.002".parse()?)
///     .ttl("10m".parse()?)
///     .rule("path=/** query=none")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Settings {
    pub(crate) price: Money,
    pub(crate) ttl: Ttl,
    pub(crate) rules: Vec<String>,
    pub(crate) max_bytes: u64,
    pub(crate) methods: Vec<String>,
    pub(crate) statuses: Vec<u16>,
    pub(crate) host: String,
    /// The host was stated, so all requests are for it.
    pub(crate) one_host: bool,
    pub(crate) format: Option<Format>,
    pub(crate) sort_memory: u64,
    pub(crate) stampede: Option<Duration>,
    pub(crate) latency: Duration,
    /// The latency of the log counts, and `latency` where it states none.
    pub(crate) logged_latency: bool,
    /// Longest latency in the log, once it was read.
    pub(crate) longest_logged: Duration,
    /// Mean of the latencies in the log, once it was read, if it states any.
    pub(crate) mean_logged: Option<Duration>,
    pub(crate) coalesce: bool,
    pub(crate) window: Option<Duration>,
    pub(crate) all: bool,
    pub(crate) batch: Option<Batching>,
    pub(crate) batch_paths: Vec<String>,
    pub(crate) offers: Vec<Offer>,
    pub(crate) fleet: Option<FleetSettings>,
    pub(crate) prefetch: Option<PrefetchSettings>,
}

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}

impl Settings {
    /// Returns the defaults: a cent per call, five minutes, 256 MiB, every request.
    #[must_use]
    pub fn new() -> Self {
        Self {
            price: Money::from_pico(10_000_000_000, scrimp_core::Currency::USD),
            ttl: Ttl::After(Duration::from_secs(300)),
            rules: Vec::new(),
            max_bytes: 256 << 20,
            methods: Vec::new(),
            statuses: Vec::new(),
            host: "log.local".to_owned(),
            one_host: false,
            format: None,
            sort_memory: 64 << 20,
            stampede: None,
            latency: Duration::ZERO,
            logged_latency: false,
            longest_logged: Duration::ZERO,
            mean_logged: None,
            coalesce: false,
            window: None,
            all: false,
            batch: None,
            batch_paths: Vec::new(),
            offers: Vec::new(),
            fleet: None,
            prefetch: None,
        }
    }

    /// Sets the price of an upstream call. Default: $0.01.
    #[must_use]
    pub fn price(mut self, price: Money) -> Self {
        self.price = price;
        self
    }

    /// Sets the freshness lifetime of responses without a rule. Default: five minutes.
    #[must_use]
    pub fn ttl(mut self, ttl: Ttl) -> Self {
        self.ttl = ttl;
        self
    }

    /// Adds a rule of the cache, such as `path=/api/** query=none ttl=1h`. The first rule that
    /// matches a request counts; a rule without `ttl` has the [TTL](Self::ttl) of the replay.
    ///
    /// # Errors
    ///
    /// If the text is not a rule.
    pub fn rule(mut self, text: &str) -> Result<Self> {
        rule(text)?;
        self.rules.push(text.to_owned());
        Ok(self)
    }

    /// Sets the memory of the cache in bytes. Default: 256 MiB.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Replays only this method; several calls add several methods. Default: all.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.methods.push(method.to_ascii_uppercase());
        self
    }

    /// Replays only requests that were answered with this status; several calls add several
    /// statuses. Default: all.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.statuses.push(status);
        self
    }

    /// Sets the host of requests in logs without hosts. Default: `log.local`.
    ///
    /// # Errors
    ///
    /// If it is not a host with an optional port.
    pub fn host(mut self, host: &str) -> Result<Self> {
        host.parse::<http::uri::Authority>()
            .map_err(|_| Error::new(format!("{host:?} is not a host name")))?;
        host.clone_into(&mut self.host);
        self.one_host = true;
        Ok(self)
    }

    /// Reads all lines in this format. Default: detected from the lines.
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.format = Some(format);
        self
    }

    /// Sets the memory for sorting the log by time, in bytes; the excess goes to temporary files.
    /// Default: 64 MiB.
    #[must_use]
    pub fn sort_memory(mut self, bytes: u64) -> Self {
        self.sort_memory = bytes;
        self
    }

    /// Makes the same requests again over an upstream that takes this time for each call, with and
    /// without stampede protection. Default: off.
    #[must_use]
    pub fn stampede(mut self, takes: Duration) -> Self {
        self.stampede = Some(takes);
        self
    }

    /// Sets the time that the upstream takes for a response. Requests then overlap, as in
    /// production, and equal requests in flight are separate calls unless calls are
    /// [shared](Self::coalesce). Default: zero.
    #[must_use]
    pub fn latency(mut self, time: Duration) -> Self {
        self.latency = time;
        self
    }

    /// Takes the time of each response from the log, and `otherwise` where the log states none.
    /// Default: [a fixed time](Self::latency).
    #[must_use]
    pub fn logged_latency(mut self, otherwise: Duration) -> Self {
        self.latency = otherwise;
        self.logged_latency = true;
        self
    }

    /// Lets equal requests in flight share a call. Default: no.
    #[must_use]
    pub fn coalesce(mut self, share: bool) -> Self {
        self.coalesce = share;
        self
    }

    /// Reuses finished responses for this time, if calls are [shared](Self::coalesce). Default:
    /// off.
    ///
    /// # Errors
    ///
    /// If the time is zero.
    pub fn window(mut self, time: Duration) -> Result<Self> {
        if time.is_zero() {
            return Err(Error::new(
                "a window must be longer than zero: leave it out instead",
            ));
        }
        self.window = Some(time);
        Ok(self)
    }

    /// Batches GETs that reach the upstream within `window`, up to `most` in a call, as if the
    /// upstream accepted batches. A batch costs as much as a call. Default: off.
    ///
    /// # Errors
    ///
    /// If the window is longer than a minute, or `most` is not within 2 and 10,000.
    pub fn batch(mut self, window: Duration, most: usize) -> Result<Self> {
        if window > Duration::from_secs(60) {
            return Err(Error::new(
                "a batch waits for at most a minute: write a time such as 50ms",
            ));
        }
        if !(2..=10_000).contains(&most) {
            return Err(Error::new(format!(
                "a batch must hold 2 to 10,000 requests, not {most}"
            )));
        }
        self.batch = Some(Batching { window, most });
        Ok(self)
    }

    /// Batches only requests for matching paths; several calls add several patterns: `*` is one
    /// segment, `**` any number. Default: all.
    #[must_use]
    pub fn batch_path(mut self, pattern: &str) -> Self {
        self.batch_paths.push(pattern.to_owned());
        self
    }

    /// Adds a provider of the same responses at another price: each call goes to the cheapest, with
    /// the value of waiting included. Default: the upstream only.
    ///
    /// # Errors
    ///
    /// If there is already one of that name.
    pub fn provider(mut self, offer: Offer) -> Result<Self> {
        if self.offers.iter().any(|known| known.name == offer.name) {
            let name = &offer.name;
            return Err(Error::new(format!("two providers are named {name:?}")));
        }
        self.offers.push(offer);
        Ok(self)
    }

    /// Enables every layer, in the recommended order: stampede protection, cache, shared calls,
    /// batches, routing. Unset values become an upstream that takes the time in the log, or 200 ms
    /// where there is none, batches of 20 within 50 ms, and a comparison of [waiting](Self::stampede). Routing saves money only if there is
    /// another [provider](Self::provider). Default: the cache alone.
    #[must_use]
    pub fn all(mut self) -> Self {
        self.all = true;
        self.coalesce = true;
        self.batch.get_or_insert_default();
        if self.latency.is_zero() {
            self.latency = USUAL_LATENCY;
            self.logged_latency = true;
        }
        self.stampede.get_or_insert(self.latency);
        self
    }
}
