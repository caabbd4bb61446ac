//! The use of warming: hits of callers on warmed responses.

mod future;
mod layer;
#[cfg(feature = "metrics")]
mod metered;
mod service;
mod table;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use http::{HeaderMap, HeaderName, Request, Uri};
use parking_lot::Mutex;
use scrimp_core::{SettingError, Totals};
use scrimp_http::target::{authority_of, normal, normal_authority};
use tokio::time::Instant;

use self::table::{Table, Warmed};
pub use self::{future::SparedFuture, layer::SparedLayer, service::SparedService};

/// Most responses that are remembered.
const USUAL: usize = 100_000;
/// Range of that number.
const MOST: usize = 10_000_000;
/// Most names of fields by which responses are told apart.
const MAX_NAMES: usize = 64;

/// Handle that tells later what warming was good for.
///
/// A [`Warmer`](crate::Warmer) [notes](crate::WarmerBuilder::spared) the responses that it has brought. The
/// [layer](Self::layer), around the cache that callers use, sees which of them callers get from there. It
/// remembers a bounded number of responses; the one that was not used for longest makes room.
///
/// ```
/// use scrimp_warm::{Spared, Warmer};
///
/// let spared = Spared::new();
/// let warmer = Warmer::builder().spared(&spared).build()?;
/// // .layer(spared.layer()) around the cache
/// assert_eq!(spared.report().used, 0);
/// # let _ = warmer; Ok::<(), scrimp_warm::SettingError>(())
/// ```
#[derive(Clone)]
pub struct Spared(Arc<Shared>);

pub(crate) struct Shared {
    /// Something was warmed. Until then, requests are not looked at.
    any: AtomicBool,
    table: Mutex<Table>,
}

/// Result of warming, as far as it is known by now.
///
/// Warming moves a call ahead of the caller; the first hit on a response spares its caller the waiting, not
/// the call. Later hits are those of any cache. A call whose response no caller has used is wasted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SparedReport {
    /// Responses that were warmed.
    pub warmed: u64,
    /// Warmed responses that callers have got from the cache.
    pub used: u64,
    /// Hits of callers on warmed responses.
    pub hits: u64,
    /// Time that the callers of the first hits did not wait: that of the calls which brought the responses.
    pub waiting: Duration,
    /// Cost of all calls that brought the responses.
    pub cost: Totals,
    /// Cost of those that were of use.
    pub used_cost: Totals,
    /// Responses that were forgotten before they were used, because too many were warmed.
    pub forgotten: u64,
}

// === impl Spared ===

impl Default for Spared {
    fn default() -> Self {
        Self::new()
    }
}

impl Spared {
    /// Returns a handle that remembers 100,000 responses.
    #[must_use]
    pub fn new() -> Self {
        Self::of(USUAL)
    }

    /// Returns a handle that remembers this many responses. Range: 1 to 10,000,000.
    ///
    /// # Errors
    ///
    /// If the number is out of range.
    pub fn with_max(responses: usize) -> Result<Self, SettingError> {
        SettingError::within("Spared", "with_max", responses, 1..=MOST).map(Self::of)
    }

    fn of(max: usize) -> Self {
        Self(Arc::new(Shared {
            any: AtomicBool::new(false),
            table: Mutex::new(Table::new(max)),
        }))
    }

    /// Returns the layer that goes around the cache of the callers.
    #[must_use]
    pub fn layer(&self) -> SparedLayer {
        SparedLayer::of(Arc::clone(&self.0))
    }

    /// Returns what is known by now.
    #[must_use]
    pub fn report(&self) -> SparedReport {
        self.0.table.lock().report.clone()
    }

    /// Tells responses apart by these fields too.
    pub(crate) fn select_by<'a>(&self, names: impl Iterator<Item = &'a HeaderName>) {
        let known = &mut self.0.table.lock().names;
        for name in names {
            if known.len() < MAX_NAMES && !known.contains(name) {
                known.push(name.clone());
            }
        }
    }

    pub(crate) fn note(&self, uri: &Uri, headers: &HeaderMap, took: Duration, cost: Totals) {
        let (at, identity) = (Instant::now(), identity(uri, headers));
        let mut table = self.0.table.lock();
        let key = table.key(&identity, headers);
        table.note(key, Warmed { at, took, cost });
        drop(table);
        self.0.any.store(true, Relaxed);
    }
}

impl fmt::Debug for Spared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Spared").field(&self.report()).finish()
    }
}

// === impl Shared ===

impl Shared {
    /// Returns the key of a request, if its response was warmed.
    pub(crate) fn find<B>(&self, request: &Request<B>) -> Option<u64> {
        if !self.any.load(Relaxed) {
            return None;
        }
        let headers = request.headers();
        let identity = identity(request.uri(), headers);
        let table = self.table.lock();
        let key = table.key(&identity, headers);
        table.knows(key).then_some(key)
    }

    /// Notes that a caller got a response from the cache, at this age.
    pub(crate) fn hit(&self, key: u64, age: Option<Duration>) {
        self.table.lock().hit(key, age);
    }
}

/// Returns authority, path and query in normal form.
fn identity(uri: &Uri, headers: &HeaderMap) -> String {
    let host = headers.get(http::header::HOST);
    let authority = normal_authority(authority_of(uri, host));
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    format!("{authority}{}", normal(path))
}
