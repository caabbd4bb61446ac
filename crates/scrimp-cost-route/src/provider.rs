//! A provider: endpoint, price, priors, quotas.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Uri, header, request::Parts, uri::Authority};
use scrimp_core::{BoxError, SettingError, Settings};

use crate::{
    Price, PromptCache,
    config::LONGEST_TIMEOUT,
    endpoint::Endpoint,
    profile::{Map, Profile},
};

/// Service that answers requests for a price.
///
/// Its settings are checked when a layer is built with it, or when it is
/// [put](crate::Providers::put) into one.
#[derive(Debug, Clone)]
pub struct Provider(Settings<Profile>);

/// Description of an endpoint, for errors.
const ENDPOINT: &str = "like `https://api.example.com/v1`, with a scheme and an authority and \
                        without a query";

// === impl Provider ===

impl Provider {
    /// Makes a provider of this name, which must not be empty. Without settings or
    /// observations, its price is unknown, a call takes a second, and 99 % of calls succeed,
    /// with a quality of 0.9.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        let name = name.into();
        let checked = if name.is_empty() {
            Err(SettingError::new("Provider", "name", "must not be empty"))
        } else {
            Ok(())
        };
        Self(Settings::new("Provider", Profile::new(name)).checked(checked, |_, ()| {}))
    }

    /// Sets where requests go: scheme, authority, and a path that is put before theirs, as
    /// text or as a [`Uri`] without a query. Default: requests keep their URI, as is right
    /// where each provider has its own service.
    ///
    /// The request's own header fields are sent too. A credential on the request is visible to
    /// each provider that the request is sent to: give each provider its own with
    /// [`bearer`](Self::bearer) or [`header`](Self::header).
    #[must_use]
    pub fn endpoint(self, uri: impl TryInto<Uri, Error: Into<BoxError>>) -> Self {
        let endpoint = SettingError::read("Provider", "endpoint", uri, ENDPOINT);
        let endpoint = endpoint.and_then(|uri: Uri| {
            let wrong = || {
                let problem = format!("must be {ENDPOINT}, not `{}`", without_secrets(&uri));
                SettingError::new("Provider", "endpoint", problem)
            };
            Endpoint::new(&uri).ok_or_else(wrong)
        });
        Self(self.0.checked(endpoint, |profile, endpoint| {
            profile.endpoint = Some(endpoint);
        }))
    }

    /// Adds a header field to send, in place of any of that name that the request has. Its
    /// value is marked as sensitive, so that it is in no log.
    ///
    /// If the field is a credential, and the request has no other, a 401, 402 or 403 is a failure
    /// of the provider: its key does not work. With a credential of the caller's it is passed on,
    /// and counts against no provider.
    #[must_use]
    pub fn header(
        self,
        name: impl TryInto<HeaderName, Error: Into<BoxError>>,
        value: impl TryInto<HeaderValue, Error: Into<BoxError>>,
    ) -> Self {
        let name = SettingError::read("Provider", "header", name, "a field name");
        let value = SettingError::read("Provider", "header", value, "visible ASCII");
        let field = name.and_then(|name: HeaderName| value.map(|value| (name, value)));
        self.field(field)
    }

    /// Sets a credential: sent as `Authorization: Bearer ...`, and in no log.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        let value = format!("Bearer {token}");
        let value = SettingError::read("Provider", "bearer", value, "visible ASCII");
        self.field(value.map(|value| (header::AUTHORIZATION, value)))
    }

    fn field(self, field: Result<(HeaderName, HeaderValue), SettingError>) -> Self {
        Self(self.0.checked(field, |profile, (name, mut value)| {
            value.set_sensitive(true);
            profile.headers.push((name, value));
        }))
    }

    /// Changes the request for this provider: the name of a model in the body, a version in
    /// the path. Needs the whole body, so a request whose body is above the limit of
    /// [`buffer`](crate::CostRouteLayerBuilder::buffer) does not go to it.
    #[must_use]
    pub fn map(self, map: impl Fn(&mut Parts, Bytes) -> Bytes + Send + Sync + 'static) -> Self {
        self.set(|profile| profile.map = Some(Map(Arc::new(map))))
    }

    /// Names a model as this provider does: requests for `asked` are sent with `own` in its place, in the
    /// body or the path, wherever they name it ([`scrimp_llm::model`]). All other bytes stay. It comes
    /// before a [map](Self::map). The answer is passed on as it is, with the provider's name.
    ///
    /// Prices still go by what was asked: [`model`](Self::model). Needs the whole body, as
    /// [`map`](Self::map) does.
    ///
    /// ```
    /// use scrimp_cost_route::Provider;
    ///
    /// let provider = Provider::new("deepseek")
    ///     .endpoint("https://api.deepseek.com")
    ///     .model("gpt-4o-mini", "0.002")
    ///     .rename_model("gpt-4o-mini", "deepseek-chat");
    /// ```
    #[must_use]
    pub fn rename_model(self, asked: impl Into<Box<str>>, own: impl Into<Box<str>>) -> Self {
        let (asked, own) = (asked.into(), own.into());
        self.set(|profile| {
            profile.renamed.retain(|(other, _)| *other != asked);
            profile.renamed.push((asked, own));
        })
    }

    /// Sets the price: the price of a request as text (`"0.01"`, `"0.01 EUR"`), a
    /// [`Tariff`](crate::Tariff), or a [`Price`]. Default: [`Price::Unknown`].
    #[must_use]
    pub fn price(self, price: impl TryInto<Price, Error: Into<BoxError>>) -> Self {
        let price = checked_price("Provider", price);
        Self(
            self.0
                .checked(price, |profile, price| profile.price = price),
        )
    }

    /// Sets the price of requests that name this model, in place of [`price`](Self::price), so that
    /// one provider serves several models. A request names its model by the member `model` of its
    /// JSON, by [`Hints::model`](crate::Hints::model), or in its path as Gemini, Bedrock and Azure have
    /// it. The model is the one that the request names, before a [map](Self::map) changes it.
    #[must_use]
    pub fn model(
        self,
        name: impl Into<Box<str>>,
        price: impl TryInto<Price, Error: Into<BoxError>>,
    ) -> Self {
        let name = name.into();
        let price = checked_price("Provider", price);
        Self(self.0.checked(price, |profile, price| {
            let place = profile.models.partition_point(|(other, _)| *other < name);
            match profile.models.get_mut(place) {
                Some((other, old)) if *other == name => *old = price,
                _ => profile.models.insert(place, (name, price)),
            }
        }))
    }

    /// Takes the cost that an answer states for itself, in dollars, in place of the price's:
    /// `usage.cost` of OpenRouter and Perplexity, `estimated_cost` of DeepInfra,
    /// `cost_in_usd_ticks` of xAI. Choices and reservations still need the price, and an answer
    /// without a stated cost costs what the price says. Default: no.
    #[must_use]
    pub fn stated_cost(self, take: bool) -> Self {
        self.set(|profile| profile.stated_cost = take)
    }

    /// Sets whether the provider goes on with an answer, and bills it to its end, after its caller has left.
    /// Then the rest of a cut stream is part of its cost: it is read in the background, or estimated by
    /// the lengths of other answers. Default: no: the provider stops, and bills what was generated.
    #[must_use]
    pub fn bills_to_end(self, bills: bool) -> Self {
        self.set(|profile| profile.bills_to_end = bills)
    }

    /// Sets the number of tokens that a prompt and its answer may have together. A request that is
    /// too long for another provider goes to a provider whose limit is known to be higher.
    /// Default: not known. Range: 1 or more.
    #[must_use]
    pub fn context_window(self, tokens: u64) -> Self {
        Self(
            self.0
                .within("context_window", tokens, 1.., |profile, tokens| {
                    profile.limits.context = Some(tokens);
                }),
        )
    }

    /// Sets the number of bytes that a request's body may have, as
    /// [`context_window`](Self::context_window) does for tokens. Default: not known. Range: 1 or
    /// more.
    #[must_use]
    pub fn max_request(self, bytes: u64) -> Self {
        Self(self.0.within("max_request", bytes, 1.., |profile, bytes| {
            profile.limits.bytes = Some(bytes);
        }))
    }

    /// Describes the provider's prompt cache: the expected price of a request then has the part of its
    /// prompt that is cached. Default: none is assumed.
    #[must_use]
    pub fn prompt_cache(self, cache: PromptCache) -> Self {
        let caching = cache.checked();
        Self(self.0.checked(caching, |profile, caching| {
            profile.caching = Some(caching);
        }))
    }

    /// Names the account that its credential belongs to. Providers with one account share its quotas and a
    /// prompt cache: several keys of an account, or an endpoint in two regions with one limit. Default: an
    /// account of its own.
    ///
    /// Quotas are learned from the answers ([`rate_limit`](scrimp_http::rate_limit) lists the fields), for
    /// each model. A call for which there is no room [waits](crate::CostRouteLayerBuilder::quota_wait) or
    /// goes elsewhere, before it is answered with 429. If one is nevertheless, no provider of the account
    /// is called for the model until the time that it asks for. An answer is about the account if all
    /// credentials of its request are the provider's own, or if there are none and the account is named.
    #[must_use]
    pub fn account(self, name: impl Into<Arc<str>>) -> Self {
        self.set(|profile| profile.account = Some(name.into()))
    }

    /// Sets the assumed time until the answer is whole, before any observation. Default: 1 s.
    #[must_use]
    pub fn latency(self, latency: Duration) -> Self {
        self.set(|profile| {
            profile.prior.latency = latency;
            profile.prior.first_byte = latency / 2;
        })
    }

    /// Sets the assumed share of its calls that succeed, before any observation. Default: 0.99.
    /// Range: 0 to 1.
    #[must_use]
    pub fn reliability(self, share: f64) -> Self {
        Self(
            self.0
                .within("reliability", share, 0.0..=1.0, |profile, share| {
                    profile.prior.reliability = share;
                }),
        )
    }

    /// Sets the assumed quality of its answers, before any observation. Default: 0.9. Range: 0
    /// to 1.
    #[must_use]
    pub fn quality(self, quality: f64) -> Self {
        Self(
            self.0
                .within("quality", quality, 0.0..=1.0, |profile, quality| {
                    profile.prior.quality = quality;
                }),
        )
    }

    /// Adds a word that requests may ask for: a region, a model family.
    #[must_use]
    pub fn tag(self, tag: &str) -> Self {
        self.set(|profile| profile.tags.push(tag.into()))
    }

    /// Sets the highest number of requests per minute to its [account](Self::account), of all models
    /// together. If several providers of one account state a limit, the lowest holds for all. Default: no
    /// limit but those that answers state. Range: 1 or more.
    #[must_use]
    pub fn requests_per_minute(self, requests: u32) -> Self {
        let requests = at_least_one("requests_per_minute", requests);
        Self(self.0.checked(requests, |profile, requests| {
            profile.requests_per_minute = Some(requests);
        }))
    }

    /// Sets the highest number of tokens per minute to its account, as
    /// [`requests_per_minute`](Self::requests_per_minute) does for requests. They are expected when a call
    /// is made, and corrected when it has ended.
    #[must_use]
    pub fn tokens_per_minute(self, tokens: u32) -> Self {
        let tokens = at_least_one("tokens_per_minute", tokens);
        Self(self.0.checked(tokens, |profile, tokens| {
            profile.tokens_per_minute = Some(tokens);
        }))
    }

    /// Sets the highest number of concurrent calls, bodies included. Default: no limit. Range:
    /// 1 or more.
    #[must_use]
    pub fn concurrency(self, calls: usize) -> Self {
        Self(self.0.within("concurrency", calls, 1.., |profile, calls| {
            profile.concurrency = Some(calls);
        }))
    }

    /// Sets how long to wait for the first byte of its answer. Default: the layer's. Range:
    /// above zero and at most a year.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        let range = Duration::from_nanos(1)..=LONGEST_TIMEOUT;
        Self(
            self.0
                .within("timeout", timeout, range, |profile, timeout| {
                    profile.timeout = Some(timeout);
                }),
        )
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.values().name
    }

    fn set(self, change: impl FnOnce(&mut Profile)) -> Self {
        Self(self.0.set(change))
    }

    /// Returns the settings, checked.
    ///
    /// # Errors
    ///
    /// If a setting cannot be used: the first one that cannot.
    pub(crate) fn checked(self) -> Result<Profile, SettingError> {
        self.0.finish()
    }
}

/// Reads a price, and checks that it can be used.
pub(crate) fn checked_price(
    owner: &'static str,
    price: impl TryInto<Price, Error: Into<BoxError>>,
) -> Result<Price, SettingError> {
    let price: Price = SettingError::read(owner, "price", price, crate::price::MONEY)?;
    price.check().map(|()| price)
}

/// Writes a URI without its query and without a name before the host: both may be credentials.
fn without_secrets(uri: &Uri) -> String {
    let scheme = uri.scheme_str().map(|scheme| format!("{scheme}://"));
    let authority = uri.authority().map(Authority::as_str);
    let host = authority.and_then(|authority| authority.rsplit('@').next());
    let query = if uri.query().is_some() { "?…" } else { "" };
    let (scheme, host) = (scheme.unwrap_or_default(), host.unwrap_or_default());
    format!("{scheme}{host}{}{query}", uri.path())
}

fn at_least_one(setting: &'static str, count: u32) -> Result<NonZeroU32, SettingError> {
    SettingError::within("Provider", setting, count, 1..)
        .map(|count| NonZeroU32::new(count).expect("it is at least 1"))
}
