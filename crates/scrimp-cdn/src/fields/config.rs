//! The settings.

use std::{fmt, sync::Arc};

use http::{Request, Response};
use scrimp_core::PrivateIf;
use scrimp_http::credentials::Credentials;

use super::{cdn::Cdn, lifetime::CdnLifetime};

/// The name of the built type, for errors.
pub(super) const OWNER: &str = "CdnLayer";

pub(super) type LifetimeFn =
    dyn Fn(&Request<()>, &Response<()>) -> Option<CdnLifetime> + Send + Sync;
pub(super) type TagFn = dyn Fn(&Request<()>, &Response<()>) -> Vec<String> + Send + Sync;

#[derive(Clone)]
pub(super) struct Config {
    pub(super) cdns: Vec<Cdn>,
    pub(super) lifetime: Option<CdnLifetime>,
    pub(super) lifetime_with: Option<Arc<LifetimeFn>>,
    /// The lifetime in a cache inside counts.
    pub(super) lifetime_of_cache: bool,
    pub(super) tags_with: Option<Arc<TagFn>>,
    pub(super) credentials: Credentials,
    pub(super) private_if: PrivateIf,
}

// === impl Config ===

impl Config {
    pub(super) fn new(cdns: Vec<Cdn>) -> Self {
        Self {
            cdns,
            lifetime: None,
            lifetime_with: None,
            lifetime_of_cache: false,
            tags_with: None,
            credentials: Credentials::default(),
            private_if: PrivateIf::default(),
        }
    }

    /// Reports whether the verdict of a cache inside counts.
    pub(super) fn needs_verdict(&self) -> bool {
        self.lifetime.is_some() || self.lifetime_with.is_some() || self.lifetime_of_cache
    }

    /// Reports whether a CDN reads tags.
    pub(super) fn has_tags(&self) -> bool {
        self.cdns.iter().any(|cdn| cdn.tag_field().is_some())
    }

    /// Reports whether a function of the operator needs the request.
    pub(super) fn needs_request(&self) -> bool {
        self.lifetime_with.is_some() || self.tags_with.is_some()
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("cdns", &self.cdns)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}
