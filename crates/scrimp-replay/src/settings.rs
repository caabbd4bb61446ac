//! What a replay is to do.

use std::time::Duration;

use scrimp_core::Money;

use crate::{
    error::{Error, Result},
    full::{Batching, Offer},
    line::Entry,
    stack,
    ttl::Ttl,
};

/// What a replay is to do.
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
    pub(crate) sort_memory: u64,
    pub(crate) stampede: Option<Duration>,
    pub(crate) latency: Duration,
    pub(crate) coalesce: bool,
    pub(crate) window: Option<Duration>,
    pub(crate) all: bool,
    pub(crate) batch: Option<Batching>,
    pub(crate) batch_paths: Vec<String>,
    pub(crate) offers: Vec<Offer>,
}

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}

impl Settings {
    /// A cent per call, five minutes, 256 MiB, every request.
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
            sort_memory: 64 << 20,
            stampede: None,
            latency: Duration::ZERO,
            coalesce: false,
            window: None,
            all: false,
            batch: None,
            batch_paths: Vec::new(),
            offers: Vec::new(),
        }
    }

    /// What a call to the upstream costs. Default: $0.01.
    #[must_use]
    pub fn price(mut self, price: Money) -> Self {
        self.price = price;
        self
    }

    /// How long answers are fresh where no rule says otherwise. Default: five minutes.
    #[must_use]
    pub fn ttl(mut self, ttl: Ttl) -> Self {
        self.ttl = ttl;
        self
    }

    /// Adds a rule of the cache, such as `path=/api/** query=none ttl=1h`. The first rule
    /// that matches a request counts; one without `ttl` has the [TTL](Self::ttl) of the
    /// replay.
    ///
    /// # Errors
    ///
    /// If the text is no rule.
    pub fn rule(mut self, text: &str) -> Result<Self> {
        stack::rule(text)?;
        self.rules.push(text.to_owned());
        Ok(self)
    }

    /// Memory of the cache in bytes. Default: 256 MiB.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Counts this method only, or several by several calls. Default: all.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.methods.push(method.to_ascii_uppercase());
        self
    }

    /// Counts requests that were answered with this status only, or several by several
    /// calls. Default: all.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.statuses.push(status);
        self
    }

    /// The host of requests whose log has none. Default: `log.local`.
    ///
    /// # Errors
    ///
    /// If it is no host with an optional port.
    pub fn host(mut self, host: &str) -> Result<Self> {
        host.parse::<http::uri::Authority>()
            .map_err(|_| Error::new(format!("{host:?} is no host name")))?;
        host.clone_into(&mut self.host);
        Ok(self)
    }

    /// Memory for sorting the log by time, in bytes; what is over it goes to temporary
    /// files. Default: 64 MiB.
    #[must_use]
    pub fn sort_memory(mut self, bytes: u64) -> Self {
        self.sort_memory = bytes;
        self
    }

    /// Makes the same requests once more over an upstream that takes so long for each call,
    /// without stampede protection and with it. Default: not.
    #[must_use]
    pub fn stampede(mut self, takes: Duration) -> Self {
        self.stampede = Some(takes);
        self
    }

    /// How long the upstream takes for an answer. Requests overlap then, as they do in life,
    /// and a request for what is under way is another call unless calls are
    /// [shared](Self::coalesce). Default: no time at all.
    #[must_use]
    pub fn latency(mut self, time: Duration) -> Self {
        self.latency = time;
        self
    }

    /// Lets equal requests under way share a call. Default: no.
    #[must_use]
    pub fn coalesce(mut self, share: bool) -> Self {
        self.coalesce = share;
        self
    }

    /// Gives finished answers again for so long where calls are [shared](Self::coalesce).
    /// Default: not at all.
    ///
    /// # Errors
    ///
    /// If the time is zero.
    pub fn window(mut self, time: Duration) -> Result<Self> {
        if time.is_zero() {
            return Err(Error::new("a window of no time: leave it out"));
        }
        self.window = Some(time);
        Ok(self)
    }

    /// Puts GETs that reach the upstream within `window` together, up to `most` in a call, as
    /// if the upstream took batches. A batch costs what a call costs. Default: not.
    ///
    /// # Errors
    ///
    /// If the window is longer than a minute, or `most` is not within 2 and 10,000.
    pub fn batch(mut self, window: Duration, most: usize) -> Result<Self> {
        if window > Duration::from_secs(60) {
            return Err(Error::new(
                "a batch waits for a minute at most, such as 50ms",
            ));
        }
        if !(2..=10_000).contains(&most) {
            return Err(Error::new(format!(
                "a batch holds 2 to 10,000 requests at most, not {most}"
            )));
        }
        self.batch = Some(Batching { window, most });
        Ok(self)
    }

    /// Puts requests for such paths into [batches](Self::batch) only, or several by several
    /// calls: `*` is one segment, `**` any. Default: all.
    #[must_use]
    pub fn batch_path(mut self, pattern: &str) -> Self {
        self.batch_paths.push(pattern.to_owned());
        self
    }

    /// Adds somebody who would give the same answers at another price: each call goes to the
    /// cheapest, counting what waiting is worth. Default: nobody but the upstream.
    ///
    /// # Errors
    ///
    /// If there is one of that name already.
    pub fn provider(mut self, offer: Offer) -> Result<Self> {
        if self.offers.iter().any(|known| known.name == offer.name) {
            let name = &offer.name;
            return Err(Error::new(format!("two providers are named {name:?}")));
        }
        self.offers.push(offer);
        Ok(self)
    }

    /// Switches every layer on, in the order in which they belong: stampede protection, cache,
    /// sharing of calls, batches, routing. What has not been set is set to an upstream that
    /// takes 200 ms, batches of 20 within 50 ms, and a comparison of
    /// [waiting](Self::stampede). Routing saves something only if there is another
    /// [provider](Self::provider). Default: the cache alone.
    #[must_use]
    pub fn all(mut self) -> Self {
        self.all = true;
        self.coalesce = true;
        self.batch.get_or_insert_default();
        if self.latency.is_zero() {
            self.latency = Duration::from_millis(200);
        }
        self.stampede.get_or_insert(self.latency);
        self
    }

    /// Whether it takes more than the cache and the sharing of calls.
    pub(crate) fn is_full(&self) -> bool {
        self.all || self.batch.is_some() || !self.offers.is_empty()
    }

    /// Whether requests are under way at the same time.
    pub(crate) fn overlaps(&self) -> bool {
        !self.latency.is_zero()
    }

    /// Whether an entry is replayed or left out.
    pub(crate) fn counts(&self, entry: &Entry) -> bool {
        (self.methods.is_empty() || self.methods.contains(&entry.method))
            && (self.statuses.is_empty() || self.statuses.contains(&entry.status))
    }

    /// The rules for the cache, in order, each with a TTL if there is one.
    pub(crate) fn cache_rules(&self) -> Vec<String> {
        let default = match self.ttl {
            Ttl::None => String::new(),
            ttl => format!("ttl={ttl}"),
        };
        let has_ttl = |rule: &str| {
            rule.split_whitespace()
                .any(|token| token.starts_with("ttl=") || token == "bypass")
        };
        let own = self.rules.iter().map(|rule| {
            if has_ttl(rule) {
                rule.clone()
            } else {
                format!("{rule} {default}")
            }
        });
        let last = (self.ttl != Ttl::None).then(|| default.clone());
        own.chain(last).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_without_ttl_has_the_one_of_the_replay() {
        let settings = Settings {
            rules: vec!["path=/a".into(), "path=/b ttl=1s".into()],
            ..Settings::new()
        };
        assert_eq!(
            settings.cache_rules(),
            ["path=/a ttl=5m", "path=/b ttl=1s", "ttl=5m"]
        );
        let none = settings.ttl(Ttl::None).cache_rules();
        assert_eq!(none, ["path=/a ", "path=/b ttl=1s"]);
    }
}
