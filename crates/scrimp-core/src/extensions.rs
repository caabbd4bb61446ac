//! Messages between layers, carried in [`http::Extensions`].
//!
//! On requests: [`Tenant`], [`TenantShares`], [`Priority`], [`Deadline`], [`DueBy`],
//! [`Directive`], [`LifetimeJitter`], [`Background`], [`Tags`], [`Explain`], [`TellTags`], [`Repeatable`], [`Fence`],
//! [`Since`], [`Carried`], [`CostTags`], [`BodyDigest`], [`WholeBody`], [`KeyPart`](crate::KeyPart). On responses: [`Apart`],
//! [`CalledModel`], [`CacheInfo`], [`CacheTags`], [`Charge`], [`ItemAnswers`], [`Settlement`], [`OtherCharges`],
//! [`Booked`], [`Refused`], [`RefusedTenants`], [`Shared`].

mod deadline;
mod labels;
mod one_call;
mod settlement;
mod shares;

use std::{
    borrow::Borrow,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Extensions, Response};

pub(crate) use self::labels::OTHER;
pub use self::{
    deadline::{Deadline, DueBy, Patience},
    labels::{CalledModel, CostTags},
    one_call::is_of_one_call,
    settlement::{Booked, Settlement, Settler},
    shares::{RefusedTenants, TenantShares},
};
pub use crate::problem::Refused;
use crate::{Money, Totals};

/// On a request: the extensions of all requests that it carries, in their order. A batch of several
/// has it, as each may have hints of its own for the layers further in.
#[derive(Debug, Clone)]
pub struct Carried(pub Arc<[Extensions]>);

/// On a response: the request was not sent, because the requests that it [carries](Carried) ask for
/// different things. Sent one by one, they may succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Apart;

/// On a response: the answers to the requests that its request [carries](Carried), in their order, and `None` for
/// one without an answer. An inner service that has them apart, such as one that replays what was recorded, needs
/// to know no format of batches: the layer that made the batch takes these in place of the body.
#[derive(Debug, Clone)]
pub struct ItemAnswers(pub Arc<[Option<Response<Bytes>>]>);

/// On a request: its tenant. Part of every key, so tenants never share responses.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Tenant(pub Arc<str>);

/// On a request: the importance of low latency to its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Priority {
    /// Cost counts more than latency.
    Low,
    /// Cost and latency count equally.
    #[default]
    Default,
    /// Latency counts more than cost: the request is not delayed to save money.
    High,
}

/// On a request: an instruction of the caller to the layers below, independent of HTTP's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Directive {
    /// Fetches again and stores the result, even if a fresh response is stored.
    RefreshNow,
    /// Answers from store, or with 504.
    OnlyIfCached,
    /// Fetches ahead of time: a caller may ask for the response later. What is fresh in store is not fetched
    /// again, and counts neither as a hit nor as a use. The call is made for the least money, and is the
    /// first to be refused when money is short.
    ///
    /// It is for GET. A HEAD with it stays a HEAD: a fresh response to GET answers it, and otherwise the upstream does,
    /// without a body that a cache could store.
    Prefetch,
}

/// On a request with a [`Directive`]: what a cache stores for it is fresh for a shorter time. A random part of
/// the lifetime is cut off, at most this many thousandths of it.
///
/// Responses that were fetched together, ahead of time, then do not expire together. A lifetime is never made
/// longer, and an infinite one stays infinite. More than 1,000 counts as 1,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LifetimeJitter(pub u16);

/// On a request with [`Directive::RefreshNow`]: no caller waits for the response, which only
/// updates a store.
///
/// A shared cache sends the request without the credentials that are not in its key, and an error
/// does not replace a good stored response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Background;

/// On a request: asks every layer to put its verdict into the response's extensions.
///
/// A verdict costs an allocation, so it is made only on request. The `Cache-Status` header
/// carries the same facts without this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Explain;

/// On a request: it may be repeated, whatever its method, because doing it twice has the same
/// effect as doing it once. A batch of reads is such a request, though it is a POST.
///
/// Layers that fail over or retry treat it like an idempotent method (RFC 9110 §9.2.2) and like
/// `Idempotency-Key`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Repeatable;

/// On a request: the SHA-256 digest of its body, which is buffered.
///
/// Set by `BodyDigestLayer` (feature `digest`); inner layers use it in the key of a POST.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BodyDigest(pub [u8; 32]);

/// On a request: its whole body, which is buffered and passed on as well.
///
/// Set by `BodyDigestLayer::keep_body` (feature `digest`), for layers that look at a body and pass it on as it comes.
#[derive(Clone)]
pub struct WholeBody(pub Bytes);

/// On a request: tags of its response, by which the response can be invalidated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tags(pub Arc<[Box<str>]>);

/// On a request with [`Explain`]: asks a cache to put [`CacheTags`] into the response's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TellTags;

/// On a response: the tags by which caches inside can invalidate it, from wherever they come: its
/// fields, [`Tags`] of the request, rules and functions of the operator.
///
/// Tags are without versions: `user:7` for `user:7@12`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheTags {
    /// The tags. A tag may occur more than once.
    pub tags: Arc<[Box<str>]>,
    /// These are all of them. A store that withholds queries of requests forgets the names of tags
    /// that have one.
    pub complete: bool,
}

/// On a request: the response must come from a call that did not begin earlier than this.
///
/// A cache puts its position in its log of invalidations here. A layer that shares calls lets a
/// request join only calls with a position in the same log that is at least as high. Otherwise the
/// request could receive a response that was invalidated before the request was made, and the
/// cache would store that response as if it had been fetched afterwards.
///
/// Nothing is set while no layer of the process [listens](Self::listen) for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since {
    /// Identity of the log.
    pub log: u64,
    /// Position in the log.
    pub at: u64,
}

/// On a request: the fence of the [`Lease`](crate::Lease) that the request is made under. A store
/// shared by processes may refuse a write with a lower fence than the highest it has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fence(pub u64);

/// On a response: the verdict of the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheInfo {
    /// Source of the response.
    pub state: CacheState,
    /// Age of a stored response (RFC 9111 §4.2.3).
    pub age: Option<Duration>,
    /// Time until the response is stale; zero if it is stale, or if every use needs validation
    /// (`no-cache`).
    pub expires_in: Option<Duration>,
    /// Time that the upstream takes for the response, smoothed over the fetches of the entry.
    pub recompute_cost: Option<Duration>,
    /// Other callers with the same key may receive this response.
    pub shareable: bool,
    /// The response is stored, or will be when its body has ended cleanly.
    pub stored: bool,
}

/// Source of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CacheState {
    /// From store, fresh.
    Hit,
    /// From store, stale, as HTTP or the operator allows.
    Stale,
    /// From store, after the upstream confirmed it with a 304.
    Revalidated,
    /// From the upstream: nothing usable was stored.
    Miss,
    /// From the upstream: the cache did not take part.
    Bypass,
}

/// On a response: the cost of the upstream call. If the cost depends on the response's body, it is
/// the expected one, and a [`Settlement`] beside it tells the cost when it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge(pub Money);

/// On a response: the cost of its upstream calls in other currencies than its [`Charge`].
///
/// This is rare: it takes two calls for one response, such as a batch followed by a call of its
/// own, whose upstreams charge in two currencies. The charge is then in the currency of the last
/// call, and the total cost is both together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherCharges(pub Totals);

/// On a response: it came from an upstream call whose response may be given to other requests too.
///
/// A cache that sees a thousand of these must store only one. The first one to call
/// [`keep`](Self::keep) collects the body as usual. The first one to reach a clean end calls
/// [`commit`](Self::commit), and stores the body that it has collected, or [all chunks that
/// passed](Self::chunks). So if the collecting response is dropped, another one is stored.
#[derive(Clone)]
pub struct Shared {
    answer: Arc<dyn SharedAnswer>,
    collapsed: bool,
}

/// The one response behind many [`Shared`] responses.
pub trait SharedAnswer: Send + Sync {
    /// Returns true on the first call.
    fn keep(&self) -> bool;

    /// Returns true on the first call.
    fn commit(&self) -> bool;

    /// Reports whether `commit` was called.
    fn is_committed(&self) -> bool;

    /// Returns the whole body, if it is complete.
    fn chunks(&self) -> Option<Vec<Bytes>>;
}

// === impl WholeBody ===

/// Bodies may hold secrets, and are not written.
impl fmt::Debug for WholeBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WholeBody({} bytes)", self.0.len())
    }
}

// === impl Tenant ===

/// The name may be the tenant's credential, and is not written.
impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tenant(withheld)")
    }
}

impl From<&str> for Tenant {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl From<String> for Tenant {
    fn from(name: String) -> Self {
        Self(name.into())
    }
}

impl Borrow<str> for Tenant {
    fn borrow(&self) -> &str {
        &self.0
    }
}

// === impl CacheInfo ===

impl CacheInfo {
    /// Returns the verdict on a response that did not come from store and is not stored.
    #[must_use]
    pub fn new(state: CacheState) -> Self {
        Self {
            state,
            age: None,
            expires_in: None,
            recompute_cost: None,
            shareable: false,
            stored: false,
        }
    }
}

// === impl CacheTags ===

impl CacheTags {
    /// Makes a list of tags.
    #[must_use]
    pub fn new(tags: impl IntoIterator<Item = Box<str>>, complete: bool) -> Self {
        let tags = tags.into_iter().collect();
        Self { tags, complete }
    }

    /// Adds the tags of another cache.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        let tags = self.tags.iter().chain(&*other.tags).cloned();
        Self::new(tags, self.complete && other.complete)
    }
}

// === impl Since ===

static HEARD: AtomicBool = AtomicBool::new(false);

impl Since {
    /// Asks all caches of the process to set it from now on. For layers that share calls.
    pub fn listen() {
        HEARD.store(true, Relaxed);
    }

    /// Reports whether a layer listens.
    #[must_use]
    pub fn is_heard() -> bool {
        HEARD.load(Relaxed)
    }

    /// Reports whether a response from a call at this position is valid for a request at `asked`.
    #[must_use]
    pub fn reaches(self, asked: Self) -> bool {
        self.log == asked.log && self.at >= asked.at
    }
}

// === impl Shared ===

impl Shared {
    /// Makes one of the responses. It is `collapsed` if the call was made for another request.
    pub fn new(answer: Arc<dyn SharedAnswer>, collapsed: bool) -> Self {
        Self { answer, collapsed }
    }

    /// Reports whether the call was made for another request than this one.
    #[must_use]
    pub fn collapsed(&self) -> bool {
        self.collapsed
    }

    /// Reports whether to collect the body in order to store it. True for one response only.
    #[must_use]
    pub fn keep(&self) -> bool {
        self.answer.keep()
    }

    /// Reports whether to store the body that was read to its end. True for one response only.
    #[must_use]
    pub fn commit(&self) -> bool {
        self.answer.commit()
    }

    /// Reports whether the response is stored already, or is about to be.
    #[must_use]
    pub fn is_committed(&self) -> bool {
        self.answer.is_committed()
    }

    /// Returns the whole body, for a response that did not collect it. `None` if it has not ended
    /// yet, or was too large to be held.
    #[must_use]
    pub fn chunks(&self) -> Option<Vec<Bytes>> {
        self.answer.chunks()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("collapsed", &self.collapsed)
            .finish_non_exhaustive()
    }
}
