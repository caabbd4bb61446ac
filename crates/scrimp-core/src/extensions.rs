//! What layers tell each other, carried in [`http::Extensions`].
//!
//! On requests: [`Tenant`], [`Priority`], [`Deadline`], [`Directive`], [`Tags`], [`Explain`],
//! [`Fence`]. On responses: [`CacheInfo`], [`Charge`], [`Shared`].

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::Money;

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

/// On a request: tags that its answer will carry, to be invalidated by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tags(pub Arc<[Box<str>]>);

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
    /// Time until the answer is stale; zero once it is.
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

/// On a response: it came from an upstream call that was made for another request too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shared;

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
