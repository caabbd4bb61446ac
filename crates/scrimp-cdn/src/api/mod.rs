//! The purge APIs of CDNs: pure functions from purges to requests, and from responses to verdicts.

mod cloudflare;
mod fastly;
mod nginx;
mod parts;
mod secret;
mod varnish;
mod verdict;

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::Full;
use scrimp_core::{Purge, SettingError};

pub use cloudflare::{Cloudflare, CloudflarePlan};
pub use fastly::Fastly;
pub use nginx::Nginx;
pub use varnish::{VARNISH_BAN_VCL, VARNISH_VCL, Varnish};
pub use verdict::PurgeVerdict;

use crate::item::{Expressed, ItemKind, PurgeItem};

/// The purge API of a CDN.
///
/// The crate has four. Another CDN needs a type with these functions; queue, batches, limits and
/// retries come from [`CdnPurger`](crate::CdnPurger).
pub trait CdnApi: fmt::Debug + Send + Sync + 'static {
    /// Returns the name of the CDN, for logs.
    fn name(&self) -> &'static str;

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// If one of them cannot be used. The error must not contain a secret.
    fn check(&self) -> Result<(), SettingError> {
        Ok(())
    }

    /// Returns a purge in terms of the CDN. They may hit more than the purge, never less.
    fn express(&self, purge: &Purge) -> Expressed;

    /// Returns the next wider purge of the CDN, for an item that it refuses or that the queue has no
    /// room for. `None` if that is a purge of everything.
    fn widen(&self, item: &PurgeItem) -> Option<PurgeItem>;

    /// Returns a purge of everything. Default: one item of [`ItemKind::Everything`]. It is empty if the
    /// CDN has none: what it cannot do is left out then, counted and logged.
    fn everything(&self) -> Vec<PurgeItem> {
        vec![PurgeItem::everything()]
    }

    /// Returns how many items of a kind one request may purge, and their total length in bytes.
    fn batch(&self, kind: ItemKind) -> BatchLimits;

    /// Returns how many requests and items the CDN takes per time. Default: no limits.
    fn rates(&self) -> CdnRates {
        CdnRates::default()
    }

    /// Makes a request that purges items of one kind, all soft or all hard. `None` if the CDN has none
    /// for them; the items are widened then.
    fn request(&self, items: &[PurgeItem]) -> Option<Request<Full<Bytes>>>;

    /// Judges a response. `body` is empty if it is longer than 64 KiB.
    fn judge(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> PurgeVerdict {
        let _ = body;
        PurgeVerdict::of(status, headers)
    }
}

/// Limits on the items of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Maximum number of items, at least 1.
    pub items: usize,
    /// Maximum total length of their values in bytes. One item alone may be longer.
    pub bytes: usize,
}

/// Limits of a CDN on requests and items per time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CdnRates {
    /// Limit on requests.
    pub requests: Option<governor::Quota>,
    /// Limit on items.
    pub items: Option<governor::Quota>,
}

// === impl BatchLimits ===

impl BatchLimits {
    /// One item per request.
    pub const ONE: Self = Self {
        items: 1,
        bytes: usize::MAX,
    };

    /// Makes a limit on the number of items.
    #[must_use]
    pub const fn items(items: usize) -> Self {
        Self {
            items,
            bytes: usize::MAX,
        }
    }
}

/// An API that is chosen at run time.
impl<T: CdnApi + ?Sized> CdnApi for Box<T> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn check(&self) -> Result<(), SettingError> {
        (**self).check()
    }

    fn express(&self, purge: &Purge) -> Expressed {
        (**self).express(purge)
    }

    fn widen(&self, item: &PurgeItem) -> Option<PurgeItem> {
        (**self).widen(item)
    }

    fn everything(&self) -> Vec<PurgeItem> {
        (**self).everything()
    }

    fn batch(&self, kind: ItemKind) -> BatchLimits {
        (**self).batch(kind)
    }

    fn rates(&self) -> CdnRates {
        (**self).rates()
    }

    fn request(&self, items: &[PurgeItem]) -> Option<Request<Full<Bytes>>> {
        (**self).request(items)
    }

    fn judge(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> PurgeVerdict {
        (**self).judge(status, headers, body)
    }
}
