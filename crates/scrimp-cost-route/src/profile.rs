//! A provider whose settings were checked.

use std::{
    fmt,
    num::NonZeroU32,
    sync::{Arc, LazyLock},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, header, request::Parts};

use scrimp_http::credentials::{self, Credentials};

use crate::{Price, endpoint::Endpoint, engine::Prior, prompt::Caching, refuse::Refused};

/// Settings of a [`Provider`](crate::Provider), checked.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    pub(crate) name: Arc<str>,
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// Models that are named differently there: what requests name, and its own name.
    pub(crate) renamed: Vec<(Box<str>, Box<str>)>,
    pub(crate) map: Option<Map>,
    pub(crate) price: Price,
    /// Prices of models, sorted by name.
    pub(crate) models: Vec<(Box<str>, Price)>,
    /// True if the cost that an answer states is taken in place of the price's.
    pub(crate) stated_cost: bool,
    /// True if answers are billed to their end although the caller leaves before.
    pub(crate) bills_to_end: bool,
    pub(crate) prior: Prior,
    pub(crate) tags: Vec<Box<str>>,
    pub(crate) requests_per_minute: Option<NonZeroU32>,
    pub(crate) tokens_per_minute: Option<NonZeroU32>,
    pub(crate) concurrency: Option<usize>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) limits: RequestLimits,
    pub(crate) caching: Option<Caching>,
    /// Name of the account that its credential belongs to, if it is not its own.
    pub(crate) account: Option<Arc<str>>,
}

/// Limits on the size of a request, as far as they are known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RequestLimits {
    /// Tokens of the prompt and the answer.
    pub(crate) context: Option<u64>,
    /// Bytes of the body.
    pub(crate) bytes: Option<u64>,
}

/// Holder of the credentials of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder {
    /// All are the provider's own.
    Provider,
    /// At least one is the caller's, or the provider's account has no name, so that it does not matter.
    Caller,
    /// There are none, and the account has a name.
    None,
}

/// Change to the head and body of a request for one provider.
#[derive(Clone)]
pub(crate) struct Map(pub(crate) Arc<MapFn>);

/// Function from a head and a body to a body, which may change the head too.
pub(crate) type MapFn = dyn Fn(&mut Parts, Bytes) -> Bytes + Send + Sync;

/// The fields that are known to be credentials.
static CREDENTIALS: LazyLock<Credentials> = LazyLock::new(Credentials::default);

// === impl Profile ===

impl Profile {
    pub(crate) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            endpoint: None,
            headers: Vec::new(),
            renamed: Vec::new(),
            map: None,
            price: Price::Unknown,
            models: Vec::new(),
            stated_cost: false,
            bills_to_end: false,
            prior: Prior {
                first_byte: Duration::from_millis(500),
                latency: Duration::from_secs(1),
                reliability: 0.99,
                quality: 0.9,
            },
            tags: Vec::new(),
            requests_per_minute: None,
            tokens_per_minute: None,
            concurrency: None,
            timeout: None,
            limits: RequestLimits::default(),
            caching: None,
            account: None,
        }
    }

    /// Returns the name of its account.
    pub(crate) fn account(&self) -> &Arc<str> {
        self.account.as_ref().unwrap_or(&self.name)
    }

    /// Returns the place of the price that holds for a model: 0 for that of all others.
    pub(crate) fn price_place(&self, model: Option<&str>) -> usize {
        let find = |model: &str| {
            self.models
                .binary_search_by(|(name, _)| (**name).cmp(model))
        };
        model
            .and_then(|model| find(model).ok())
            .map_or(0, |place| place + 1)
    }

    /// Returns the price at a place.
    pub(crate) fn price_at(&self, place: usize) -> &Price {
        match place.checked_sub(1) {
            Some(place) => &self.models[place].1,
            None => &self.price,
        }
    }

    /// Returns all prices, each with the model that it is of.
    pub(crate) fn prices(&self) -> impl Iterator<Item = (Option<&str>, &Price)> {
        let models = self.models.iter();
        let models = models.map(|(name, price)| (Some(&**name), price));
        std::iter::once((None, &self.price)).chain(models)
    }

    /// Returns its own name of a model, if that is another.
    pub(crate) fn own_name(&self, model: &str) -> Option<&str> {
        let mut renamed = self.renamed.iter();
        renamed.find_map(|(asked, own)| (**asked == *model).then_some(&**own))
    }

    /// Reports whether it changes bodies, so that it needs them whole.
    pub(crate) fn changes_bodies(&self) -> bool {
        self.map.is_some() || !self.renamed.is_empty()
    }

    /// Returns the holder of the credentials of a request to this provider.
    pub(crate) fn credential_of<B>(&self, caller: &Parts, sent: &Request<B>) -> Holder {
        if self.owns_credentials(caller, sent) {
            return Holder::Provider;
        }
        let has_one = || {
            CREDENTIALS.of(sent.headers()).next().is_some() || credentials::is_in_query(&caller.uri)
        };
        // A request without credentials is about an account only where the account is named.
        match self.account.is_none() || has_one() {
            true => Holder::Caller,
            false => Holder::None,
        }
    }

    /// Reports whether the credentials of a request to this provider are all its own. A cookie is
    /// none of them: it is for other sites.
    fn owns_credentials<B>(&self, caller: &Parts, sent: &Request<B>) -> bool {
        if self.headers.is_empty() && self.map.is_none() {
            return false;
        }
        let credentials = &*CREDENTIALS;
        let names: Vec<HeaderName> = self.headers.iter().map(|(name, _)| name.clone()).collect();
        // A map may set them too: what the caller did not send is the provider's.
        let set = |name: &HeaderName| caller.headers.get(name) != sent.headers().get(name);
        let mapped = credentials.of(sent.headers()).filter(|(name, _)| set(name));
        let own: Vec<HeaderName> = mapped.map(|(name, _)| name.clone()).chain(names).collect();
        let has_one = own
            .iter()
            .any(|name| credentials.contains(name) || is_like_a_credential(name));
        has_one
            && credentials.are_all_in(sent.headers(), &own)
            && !credentials::is_in_query(&caller.uri)
    }

    /// Makes a request this provider's.
    ///
    /// # Errors
    ///
    /// If the URI or the header fields would be more than a request can have.
    pub(crate) fn dress(&self, parts: &mut Parts) -> Result<(), Refused> {
        if let Some(endpoint) = &self.endpoint {
            parts.uri = endpoint.rewrite(&parts.uri).ok_or(Refused::UriTooLong)?;
            // The field names the old authority; clients put the new one in.
            parts.headers.remove(header::HOST);
        }
        for (name, value) in &self.headers {
            let inserted = parts.headers.try_insert(name.clone(), value.clone());
            inserted.map_err(|_| Refused::TooManyFields)?;
        }
        Ok(())
    }
}

/// Reports whether an unknown field that a provider is given sounds like a credential.
fn is_like_a_credential(name: &HeaderName) -> bool {
    let words = ["key", "token", "auth", "secret", "credential", "signature"];
    words.iter().any(|word| name.as_str().contains(word))
}

// === impl RequestLimits ===

impl RequestLimits {
    /// Reports whether a request that was too large for `other` fits these limits better: they are
    /// known, and higher. Where the other's are not known, they must be above the request's size.
    pub(crate) fn are_above(self, other: Self, size: Self) -> bool {
        let above = |own: Option<u64>, other: Option<u64>, size: Option<u64>| {
            let least = other.or(size).unwrap_or(0);
            own.is_some_and(|own| own > least)
        };
        above(self.context, other.context, size.context)
            || above(self.bytes, other.bytes, size.bytes)
    }

    /// Returns the higher one of each.
    pub(crate) fn max(self, other: Self) -> Self {
        Self {
            context: self.context.max(other.context),
            bytes: self.bytes.max(other.bytes),
        }
    }
}

// === impl Map ===

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(function)")
    }
}
