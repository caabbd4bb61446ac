//! `[cache]`, `[coalesce]` and `[stampede]`.

use std::{path::PathBuf, time::Duration};

use scrimp_cache::{CacheLayer, CacheLayerBuilder, MemoryStore, Mode, Rule, Store};
use scrimp_coalesce::{CoalesceLayer, CoalesceLayerBuilder};
use scrimp_core::Money;
use scrimp_redis::{RedisClient, RedisClientBuilder};
use scrimp_stampede::{StampedeLayer, StampedeLayerBuilder};

use crate::read::Section;

use super::{Secret, server::file};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cache {
    pub(crate) memory: u64,
    pub(crate) tier: Tier,
    pub(crate) price: Option<Money>,
    rules: Vec<String>,
    mode: Mode,
    heuristics: bool,
    trust_cookies: bool,
}

/// The tier below memory.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tier {
    None,
    Redis {
        server: RedisServer,
        prefix: String,
        timeout: Duration,
    },
    Disk {
        folder: PathBuf,
        size: u64,
    },
}

/// A Redis, and what its certificate is checked by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RedisServer {
    url: Secret,
    ca: Option<Vec<u8>>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Coalesce {
    max_wait: Option<Duration>,
    remember: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stampede {
    wait_limit: Option<Duration>,
    refresh_timeout: Option<Duration>,
    max_refreshes: Option<usize>,
}

/// Bytes below which a store is a mistake in the unit.
const LEAST_MEMORY: u64 = 64 << 10;

// === impl Cache ===

impl Cache {
    pub(crate) fn read(section: &Section<'_>) -> Option<Self> {
        let rules = section.texts("rules");
        for rule in &rules {
            if let Err(error) = rule.value.parse::<Rule>() {
                let help = "a rule is words such as `path=/api/** ttl=5m`";
                section.add(&rule.span, error.to_string(), help);
            }
        }
        let memory = section.size("memory").unwrap_or(256 << 20);
        if memory < LEAST_MEMORY {
            let message = format!("`memory` is {memory} bytes, which hold no response");
            section.add(&section.span_of("memory"), message, "for example `256M`");
        }
        let mode = section.parsed("mode", |text| match text {
            "shared" => Ok(Mode::Shared),
            "private" => Ok(Mode::Private),
            _ => Err("is not known".into()),
        });
        let (redis, disk) = (
            section.inner("redis", "cache.redis"),
            section.inner("disk", "cache.disk"),
        );
        if redis.is_present() && disk.is_present() {
            let message = "[cache.disk] and [cache.redis] cannot be used together";
            section.add(
                &disk.span,
                message,
                "a gateway has one tier below its memory",
            );
        }
        let tier = if redis.is_present() {
            redis_tier(&redis)
        } else if disk.is_present() {
            let folder = disk.require("folder", disk.text("folder"));
            folder.map(|folder| Tier::Disk {
                folder: folder.value.into(),
                size: disk.size("size").unwrap_or(1 << 30),
            })
        } else {
            Some(Tier::None)
        };
        let cache = Self {
            memory,
            tier: tier?,
            price: section.by_from_str("price").map(|at| at.value),
            rules: rules.into_iter().map(|at| at.value).collect(),
            mode: mode.map_or(Mode::Shared, |at| at.value),
            heuristics: section.flag("heuristics").unwrap_or(true),
            trust_cookies: section.flag("trust_cookies").unwrap_or(false),
        };
        if cache.rules.iter().all(|rule| rule.parse::<Rule>().is_ok())
            && let Err(error) = cache
                .set(CacheLayer::builder(MemoryStore::new(cache.memory)))
                .build()
        {
            section.refused(&error);
        }
        Some(cache)
    }

    /// Sets a layer's builder.
    pub(crate) fn set<St: Store>(&self, cache: CacheLayerBuilder<St>) -> CacheLayerBuilder<St> {
        let mut cache = cache.mode(self.mode).heuristics(self.heuristics);
        if self.trust_cookies {
            cache = cache.trust_origin_with_cookies();
        }
        if let Some(price) = self.price {
            cache = cache.price(price);
        }
        if let Tier::Redis { timeout, .. } = &self.tier {
            cache = cache.store_timeout(*timeout);
        }
        let rules = self.rules.iter();
        rules.fold(cache, |cache, rule| cache.rule(rule.as_str()))
    }

    /// Reports whether a rule tells POSTs apart by their bodies.
    pub(crate) fn has_body_keys(&self) -> bool {
        let mut words = self.rules.iter().flat_map(|rule| rule.split_whitespace());
        words.any(|word| word == "body-key")
    }

    /// Reports whether a cache with the settings of `other` can keep what this one has stored.
    pub(crate) fn keeps_store_of(&self, other: &Self) -> bool {
        self.memory == other.memory
            && self.tier == other.tier
            && self.mode == other.mode
            && self.trust_cookies == other.trust_cookies
    }
}

fn redis_tier(section: &Section<'_>) -> Option<Tier> {
    let clear = section.text("url");
    let secret = Secret::read(section, "url_from");
    if section.has("url") == section.has("url_from") {
        let help = "for example `url = \"redis://127.0.0.1:6379\"`";
        section.add(
            &section.span,
            "[cache.redis] needs `url` or `url_from`",
            help,
        );
    }
    if let Some(url) = clear.as_ref().filter(|url| url.value.contains('@')) {
        let help = "write `url_from = { env = \"REDIS_URL\" }`";
        section.add(&url.span, "`url` has a password in clear", help);
    }
    let url = match (clear, secret) {
        (Some(url), _) => Secret::of(url.value),
        (None, secret) => secret?,
    };
    let server = RedisServer {
        url,
        ca: file(section, "ca"),
    };
    // It connects when it is first used.
    if let Err(error) = server.client().build() {
        let key = match error.setting() {
            "tls_roots" if section.has("ca") => "ca",
            _ if section.has("url") => "url",
            _ => "url_from",
        };
        let help = "for example `redis://127.0.0.1:6379`";
        section.add(&section.span_of(key), error.to_string(), help);
    }
    Some(Tier::Redis {
        server,
        prefix: section
            .text("prefix")
            .map_or_else(|| "gateway".into(), |at| at.value),
        timeout: section.time("timeout").unwrap_or(Duration::from_millis(40)),
    })
}

// === impl RedisServer ===

impl RedisServer {
    /// Returns the builder of a client.
    pub(crate) fn client(&self) -> RedisClientBuilder {
        let client = RedisClient::builder([self.url.reveal()]);
        match &self.ca {
            Some(ca) => client.tls_roots(ca.clone()),
            None => client,
        }
    }
}

// === impl Coalesce ===

impl Coalesce {
    pub(crate) fn read(section: &Section<'_>) -> Self {
        let coalesce = Self {
            max_wait: section.time("max_wait"),
            remember: section.time("remember"),
        };
        if let Err(error) = coalesce.builder().build() {
            section.refused(&error);
        }
        coalesce
    }

    pub(crate) fn builder(&self) -> CoalesceLayerBuilder {
        let mut coalesce = CoalesceLayer::builder();
        if let Some(time) = self.max_wait {
            coalesce = coalesce.max_wait(time);
        }
        if let Some(time) = self.remember {
            coalesce = coalesce.remember(time);
        }
        coalesce
    }
}

// === impl Stampede ===

impl Stampede {
    pub(crate) fn read(section: &Section<'_>) -> Self {
        let stampede = Self {
            wait_limit: section.time("wait_limit"),
            refresh_timeout: section.time("refresh_timeout"),
            max_refreshes: section.number("max_refreshes"),
        };
        if let Err(error) = stampede.builder().build() {
            section.refused(&error);
        }
        stampede
    }

    pub(crate) fn builder(&self) -> StampedeLayerBuilder {
        let mut stampede = StampedeLayer::builder();
        if let Some(time) = self.wait_limit {
            stampede = stampede.wait_limit(time);
        }
        if let Some(time) = self.refresh_timeout {
            stampede = stampede.refresh_timeout(time);
        }
        if let Some(count) = self.max_refreshes {
            stampede = stampede.max_refreshes(count);
        }
        stampede
    }
}
