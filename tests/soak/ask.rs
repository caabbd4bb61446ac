//! One request, and the manners of its caller.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, header};
use scrimp::{Body, core::extensions::Tenant};

use crate::thing::{ALL, Area, Edition, Thing};

/// A request for an edition.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) thing: Thing,
    pub(crate) audience: String,
    pub(crate) fields: HeaderMap,
    pub(crate) body: Bytes,
    /// The tenant that pays, if that is not its audience.
    pub(crate) payer: Option<&'static str>,
    /// Host that is named in place of the site's.
    pub(crate) host: Option<String>,
    pub(crate) manners: Manners,
}

/// The caller's treatment of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manners {
    /// Reads it to its end.
    Reads,
    /// Reads it slowly, with a pause before each frame.
    ReadsSlowly(Duration),
    /// Leaves after this time, wherever the answer is.
    Leaves(Duration),
    /// Leaves after this many frames of the body.
    LeavesWithin(usize),
}

/// Field that names a tenant on the wire.
pub(crate) const TENANT: &str = "x-tenant-id";

/// A tenant whose budget is soon used up.
pub(crate) const SPENDER: &str = "spender";

const USERS: [&str; 4] = ["alice", "bob", "carol", "dave"];
const TENANTS: [&str; 3] = ["acme", "globex", "initech"];
const LANGUAGES: [&str; 3] = ["en", "de", "fr"];

// === impl Ask ===

impl Ask {
    /// Returns a plain GET for one of the audiences of an area.
    pub(crate) fn get(thing: Thing, number: usize) -> Self {
        let names: &[&str] = match thing.area {
            Area::Private => &USERS,
            Area::Tenant => &TENANTS,
            Area::Vary => &LANGUAGES,
            _ => &[ALL],
        };
        Self::of(thing, names[number % names.len()])
    }

    /// Returns a plain GET for an audience.
    pub(crate) fn of(thing: Thing, audience: &str) -> Self {
        Self {
            method: Method::GET,
            thing,
            audience: audience.to_owned(),
            fields: HeaderMap::new(),
            body: Bytes::new(),
            payer: None,
            host: None,
            manners: Manners::Reads,
        }
    }

    /// Returns the number of audiences of an area.
    pub(crate) fn audiences(area: Area) -> usize {
        match area {
            Area::Private => USERS.len(),
            Area::Tenant => TENANTS.len(),
            Area::Vary => LANGUAGES.len(),
            _ => 1,
        }
    }

    /// Chooses what is asked for, and how.
    pub(crate) fn random(random: &mut fastrand::Rng, chaos: bool) -> Self {
        let thing = Thing::random(random);
        let mut ask = Self::get(thing, random.usize(..12));
        match random.u8(..100) {
            0..5 if thing.area != Area::Bare => ask.method = Method::HEAD,
            5..12 => {
                let first = random.u64(..3_000);
                let last = first + random.u64(..200);
                ask.field(header::RANGE, format!("bytes={first}-{last},-7"));
            }
            12..16 => ask.field(header::CACHE_CONTROL, "no-cache"),
            16..18 => ask.field(header::CACHE_CONTROL, "max-stale=1"),
            18..20 => ask.field(header::CACHE_CONTROL, "only-if-cached"),
            20..23 if thing.area != Area::Tenant => ask.payer = Some(SPENDER),
            _ => {}
        }
        if chaos {
            ask.manners = match random.u8(..100) {
                0..6 => Manners::Leaves(Duration::from_millis(random.u64(..60))),
                6..10 => Manners::LeavesWithin(random.usize(..4)),
                10..14 => Manners::ReadsSlowly(Duration::from_millis(random.u64(1..60))),
                _ => Manners::Reads,
            };
        }
        ask
    }

    pub(crate) fn field(&mut self, name: header::HeaderName, value: impl Into<String>) {
        let value = HeaderValue::try_from(value.into()).expect("visible ASCII");
        self.fields.insert(name, value);
    }

    /// Makes it conditional on an edition, if its thing has entity tags.
    pub(crate) fn unless(&mut self, known: &Edition) {
        if known.thing.area == Area::Bare {
            return;
        }
        self.field(header::IF_NONE_MATCH, known.etag());
    }

    /// Returns the request. On a client the tenant is told to the layers, too.
    pub(crate) fn request(&self, base: &str, on_client: bool) -> Request<Body> {
        let body: Body = self.body.clone().into();
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        let host = self.host.as_ref();
        let base = match host.filter(|_| on_client) {
            Some(host) => format!("http://{host}"),
            None => base.to_owned(),
        };
        let uri = format!("{base}{}", self.thing.path());
        *request.uri_mut() = uri.parse().expect("a URI");
        *request.headers_mut() = self.fields.clone();
        let mut set = |name: header::HeaderName, value: String| {
            let value = HeaderValue::try_from(value).expect("visible ASCII");
            request.headers_mut().insert(name, value);
        };
        if let Some(host) = host.filter(|_| !on_client) {
            set(header::HOST, host.clone());
        }
        let mut tenant = self.payer.map(str::to_owned);
        match self.thing.area {
            Area::Private => set(header::AUTHORIZATION, format!("Bearer {}", self.audience)),
            Area::Vary => set(header::ACCEPT_LANGUAGE, self.audience.clone()),
            Area::Tenant => tenant = Some(self.audience.clone()),
            _ => {}
        }
        if !self.body.is_empty() {
            set(header::CONTENT_TYPE, "application/json".to_owned());
        }
        if let Some(tenant) = tenant {
            set(header::HeaderName::from_static(TENANT), tenant.clone());
            if on_client {
                request.extensions_mut().insert(Tenant::from(tenant));
            }
        }
        request
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            method,
            thing,
            audience,
            fields,
            ..
        } = self;
        write!(f, "{method} {} for {audience} {fields:?}", thing.path())
    }
}
