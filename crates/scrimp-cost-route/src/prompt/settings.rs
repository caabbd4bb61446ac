//! Settings of a provider's prompt cache.

use std::time::Duration;

use scrimp_core::{SettingError, Settings};

/// Prompt cache of a provider: it charges less for the beginning of a prompt that it has seen before.
///
/// The prices are those of the provider's [`TokenRates`](crate::TokenRates), for
/// [`CacheRead`](crate::TokenClass::CacheRead) and [`CacheWrite`](crate::TokenClass::CacheWrite).
/// Its contents are learned from what is sent and from the usage that answers report.
///
/// ```
/// use scrimp_cost_route::{PromptCache, Provider, Rate, Tariff, TokenClass, TokenRates};
/// use scrimp_core::Currency;
///
/// let per_million = |price: &str| Rate::per(price, 1_000_000);
/// let rates = TokenRates::text(per_million("3"), per_million("15"))
///     .with(TokenClass::CacheRead, per_million("0.30"))
///     .with(TokenClass::CacheWrite, per_million("3.75"));
/// let provider = Provider::new("first")
///     .price(Tariff::new(Currency::USD).tokens(rates))
///     .prompt_cache(PromptCache::on_request());
/// ```
#[derive(Debug, Clone)]
pub struct PromptCache(Settings<Caching>);

/// Settings of a [`PromptCache`], checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caching {
    pub(crate) writes: CacheWrites,
    pub(crate) lifetime: Duration,
    /// Least number of tokens of a prefix that is cached.
    pub(crate) least: u64,
}

/// Rule by which a cache is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CacheWrites {
    /// Each prompt is written.
    Automatic,
    /// A prompt is written and read as far as its request says.
    OnRequest,
}

const MINUTES: Duration = Duration::from_secs(300);

// === impl PromptCache ===

impl PromptCache {
    /// Describes a cache that holds every long prompt without being asked, such as those of OpenAI,
    /// DeepSeek and Gemini.
    #[must_use]
    pub fn automatic() -> Self {
        Self::of(CacheWrites::Automatic)
    }

    /// Describes a cache that is written as far as the request marks its prompt by `cache_control`,
    /// as the Messages API of Anthropic has it. The layer sets the marks where a write is expected to
    /// pay. It changes nothing in requests that have marks of their own.
    #[must_use]
    pub fn on_request() -> Self {
        Self::of(CacheWrites::OnRequest)
    }

    fn of(writes: CacheWrites) -> Self {
        let caching = Caching {
            writes,
            lifetime: MINUTES,
            least: 1_024,
        };
        Self(Settings::new("PromptCache", caching))
    }

    /// Sets the time for which the cache holds a prompt after its last use. Default: 5 minutes. A cache
    /// on request that holds prompts longer than that is asked to hold them for an hour, and its writes
    /// have the price of [`CacheWrite1h`](crate::TokenClass::CacheWrite1h). Range: a second to a day.
    #[must_use]
    pub fn lifetime(self, lifetime: Duration) -> Self {
        let range = Duration::from_secs(1)..=Duration::from_secs(86_400);
        Self(
            self.0
                .within("lifetime", lifetime, range, |caching, lifetime| {
                    caching.lifetime = lifetime;
                }),
        )
    }

    /// Sets the least number of tokens that a prompt must have to be cached. Default: 1,024. Range: 1
    /// or more.
    #[must_use]
    pub fn min_tokens(self, tokens: u64) -> Self {
        Self(self.0.within("min_tokens", tokens, 1.., |caching, tokens| {
            caching.least = tokens;
        }))
    }

    pub(crate) fn checked(self) -> Result<Caching, SettingError> {
        self.0.finish()
    }
}

// === impl Caching ===

impl Caching {
    /// Reports whether the longer one of two lifetimes has to be asked for.
    pub(crate) fn is_long(self) -> bool {
        self.writes == CacheWrites::OnRequest && self.lifetime > MINUTES
    }
}
