//! The builder and its settings.

use std::sync::Arc;

use http::{Extensions, HeaderMap, Request, Response};
use scrimp_core::{SettingError, Settings};
use scrimp_http::credentials::Credentials;

use super::{
    cdn::Cdn,
    config::{Config, OWNER},
    layer::CdnLayer,
    lifetime::CdnLifetime,
};

/// Settings of a [`CdnLayer`].
#[derive(Debug, Clone)]
#[must_use]
pub struct CdnLayerBuilder(Settings<Config>);

scrimp_core::unbuilt!(CdnLayerBuilder);

// === impl CdnLayer ===

impl CdnLayer {
    /// Starts from the default settings, for these caches in front. Range: one or more.
    pub fn builder(cdns: impl IntoIterator<Item = Cdn>) -> CdnLayerBuilder {
        CdnLayerBuilder::new(cdns.into_iter().collect())
    }
}

// === impl CdnLayerBuilder ===

impl CdnLayerBuilder {
    fn new(mut cdns: Vec<Cdn>) -> Self {
        let mut seen = Vec::new();
        cdns.retain(|cdn| {
            !seen.contains(cdn) && {
                seen.push(*cdn);
                true
            }
        });
        let count = cdns.len();
        let settings = Settings::new(OWNER, Config::new(cdns));
        Self(settings.within("cdns", count, 1.., |_, _| {}))
    }

    /// Sets how long a CDN may use a response of a status that stands for a good answer: a 2xx, 300, 301
    /// or 308 that HTTP lets be cached by default, and a 304. Default: none, so that Cache-Control
    /// decides.
    ///
    /// It replaces what Cache-Control says of time, such as `max-age=0` or `no-cache` for browsers.
    /// It does not replace `private` and `no-store`, nor a field for CDNs that the response has
    /// already.
    pub fn lifetime(self, lifetime: CdnLifetime) -> Self {
        self.set(|config| config.lifetime = Some(lifetime))
    }

    /// Sets a function that returns the lifetime of a response. On `None`, [`lifetime`](Self::lifetime)
    /// applies. It is not asked about private responses, nor about failures: 5xx, 401, 403, 407,
    /// 408, 425 and 429.
    pub fn lifetime_with(
        self,
        lifetime: impl Fn(&Request<()>, &Response<()>) -> Option<CdnLifetime> + Send + Sync + 'static,
    ) -> Self {
        self.set(|config| config.lifetime_with = Some(Arc::new(lifetime)))
    }

    /// Gives a response that a cache inside has stored, or is about to, the lifetime that it has there, by
    /// a rule of that cache (`ttl=`, `max-ttl=`, `jitter=`) or by HTTP. Responses that are not
    /// stored there have that of [`lifetime`](Self::lifetime). Default: off.
    ///
    /// The result of [`lifetime_with`](Self::lifetime_with) has precedence, and so has a field for CDNs
    /// that the response has already.
    pub fn lifetime_of_cache(self) -> Self {
        self.set(|config| config.lifetime_of_cache = true)
    }

    /// Adds tags to every response, besides those of its fields, of [`Tags`] and of a cache inside.
    ///
    /// [`Tags`]: scrimp_core::extensions::Tags
    pub fn tags_with(
        self,
        tags: impl Fn(&Request<()>, &Response<()>) -> Vec<String> + Send + Sync + 'static,
    ) -> Self {
        self.set(|config| config.tags_with = Some(Arc::new(tags)))
    }

    /// Sets the request fields that identify the caller. Default: [`Credentials::default`], with
    /// Cookie among them.
    ///
    /// The response to a request with one of them is private, unless the response says that it is
    /// for everyone (`public`, `s-maxage` or `must-revalidate`; RFC 9111 §3.5).
    pub fn credentials(self, fields: impl Into<Credentials>) -> Self {
        self.set(|config| config.credentials = fields.into())
    }

    /// Adds a function that tells which requests are private, as the cache's `private_if` does. It
    /// is asked when the request comes, and again when the head of its response comes.
    pub fn private_if(
        self,
        is_private: impl Fn(&Extensions, &HeaderMap) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.set(|config| config.private_if.add(is_private))
    }

    /// Builds the layer.
    ///
    /// # Errors
    ///
    /// If there is no cache in front.
    pub fn build(self) -> Result<CdnLayer, SettingError> {
        Ok(CdnLayer::from_config(self.0.finish()?))
    }

    fn set(self, change: impl FnOnce(&mut Config)) -> Self {
        Self(self.0.set(change))
    }
}
