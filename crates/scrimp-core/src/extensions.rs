//! What layers tell each other, carried in [`http::Extensions`].
//!
//! On requests: [`Tenant`], [`Priority`], [`Deadline`], [`Directive`], [`Tags`], [`Explain`],
//! [`Repeatable`], [`Fence`], [`Since`]. On responses: [`CacheInfo`], [`Charge`],
//! [`OtherCharges`], [`Shared`].

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;

use tokio::time::Instant;

use crate::{Money, Totals};

/// On a request: who it is made for. Part of every key, so tenants never share answers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tenant(pub Arc<str>);

/// On a request: how much its caller minds waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Priority {
    /// Money counts more than time.
    Low,
    /// A bit of both.
    #[default]
    Default,
    /// Time counts more than money: not held back to save some.
    High,
}

/// On a request: when its caller stops waiting.
///
/// Layers do not hold it back past this, and start nothing that cannot be over by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deadline(pub Instant);

/// On a request: what the caller wants of the layers below, whatever HTTP says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Directive {
    /// Fetch again and store the result, even if a fresh one is stored.
    RefreshNow,
    /// Answer from store or not at all (504).
    OnlyIfCached,
}

/// On a request: asks every layer to put its verdict into the response's extensions.
///
/// Verdicts cost an allocation, so they are made for those who read them. The
/// `Cache-Status` header carries the same facts without this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Explain;

/// On a request: it may be made again, whatever its method, as it does no more if it is done
/// twice. A batch of reads is one, though it is a POST.
///
/// A layer that fails over or tries again goes by it as it does by an idempotent method
/// (RFC 9110 §9.2.2) and by `Idempotency-Key`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Repeatable;

/// On a request: the SHA-256 digest of its body, which is buffered.
///
/// Put there by `BodyDigestLayer` (feature `digest`); what layers further in key a POST by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BodyDigest(pub [u8; 32]);

/// On a request: tags that its answer will carry, to be invalidated by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tags(pub Arc<[Box<str>]>);

/// On a request: an answer from a call that began earlier than this will not do.
///
/// A cache puts its position in its log of invalidations here. A layer that shares calls
/// lets a request join only calls whose own position, in the same log, is at least as high:
/// else what was invalidated before the request was made could still be given to it, and be
/// stored as if it had been fetched afterwards.
///
/// Nothing is put there while no layer of the process [listens](Self::listen) for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since {
    /// Which log it is.
    pub log: u64,
    /// The position in it.
    pub at: u64,
}

/// On a request: the fence of the [`Lease`](crate::Lease) it is made under. A store shared by
/// processes may refuse what comes with a lower one than it has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fence(pub u64);

/// On a response: what the cache did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheInfo {
    /// Where the answer came from.
    pub state: CacheState,
    /// Age of a stored answer by RFC 9111 §4.2.3.
    pub age: Option<Duration>,
    /// Time until the answer is stale; zero once it is, and where it is never used without
    /// being validated (`no-cache`).
    pub expires_in: Option<Duration>,
    /// How long the upstream takes to make it, smoothed over the fetches of the entry.
    pub recompute_cost: Option<Duration>,
    /// Whether other callers of the same key may get this answer.
    pub shareable: bool,
    /// Whether the answer is kept, or will be once its body has ended cleanly.
    pub stored: bool,
}

/// Where an answer came from.
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
    /// From the upstream: the cache stayed out of it.
    Bypass,
}

/// On a response: what the upstream call cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge(pub Money);

/// On a response: what its upstream calls cost in other currencies than its [`Charge`].
///
/// Seldom there: it takes two calls for one answer, such as a batch and a call of its own
/// after that, whose upstreams charge in two currencies. Then the charge is in the currency
/// of the last call, and all of the cost is both together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherCharges(pub Totals);

/// On a response: it came from an upstream call whose answer others may be given too.
///
/// A cache that sees a thousand of these has to keep one. The first to ask for
/// [`keep`](Self::keep) collects the body as it would any other. Whoever comes to a clean end
/// first asks for [`commit`](Self::commit), and stores it: either what it has collected, or
/// [all that has come by](Self::chunks). So the keeper may leave, and somebody else keeps.
#[derive(Clone)]
pub struct Shared {
    answer: Arc<dyn SharedAnswer>,
    collapsed: bool,
}

/// The one answer behind many [`Shared`] responses.
pub trait SharedAnswer: Send + Sync {
    /// True for the first who asks.
    fn keep(&self) -> bool;

    /// True for the first who asks.
    fn commit(&self) -> bool;

    /// Whether somebody has asked to commit.
    fn is_committed(&self) -> bool;

    /// The body from its first byte to its last, if it is there as a whole.
    fn chunks(&self) -> Option<Vec<Bytes>>;
}

// === impl Tenant ===

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

// === impl CacheInfo ===

impl CacheInfo {
    /// The verdict on an answer that did not come from store and is not kept.
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

// === impl Since ===

static HEARD: AtomicBool = AtomicBool::new(false);

impl Since {
    /// Asks all caches of the process to say it from now on. For layers that share calls.
    pub fn listen() {
        HEARD.store(true, Relaxed);
    }

    /// Whether anybody listens.
    #[must_use]
    pub fn is_heard() -> bool {
        HEARD.load(Relaxed)
    }

    /// Whether an answer from a call of this position will do for a request of another.
    #[must_use]
    pub fn reaches(self, asked: Self) -> bool {
        self.log == asked.log && self.at >= asked.at
    }
}

// === impl Shared ===

impl Shared {
    /// One response of an answer. It is `collapsed` if the call was made for another request.
    pub fn new(answer: Arc<dyn SharedAnswer>, collapsed: bool) -> Self {
        Self { answer, collapsed }
    }

    /// Whether the call was made for another request than this one.
    #[must_use]
    pub fn collapsed(&self) -> bool {
        self.collapsed
    }

    /// Whether to collect the body in order to store it. True for one response only.
    #[must_use]
    pub fn keep(&self) -> bool {
        self.answer.keep()
    }

    /// Whether to store what was read to its end. True for one response only.
    #[must_use]
    pub fn commit(&self) -> bool {
        self.answer.commit()
    }

    /// Whether it is stored already, or is about to be.
    #[must_use]
    pub fn is_committed(&self) -> bool {
        self.answer.is_committed()
    }

    /// The whole body, for one that did not collect it. `None` if it has not ended yet, or
    /// was too large to be held.
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
