//! Removing the bytes of stored responses.

use std::{fmt, future::Future, iter::Sum, ops::Add, pin::Pin, sync::Arc};

use scrimp_core::BoxError;

use super::{epoch::Carried, log::Target};

/// Selects stored responses whose bytes a store removes, whether they are valid or not.
///
/// Made by [`Invalidator::erase`](super::Invalidator::erase), after it has invalidated them.
#[derive(Clone)]
pub struct Erasure(Arc<Target>);

/// Bytes that a store has removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Erased {
    /// Stored responses that were selected. A store that keeps all variants of a response in one place
    /// counts them as one, and removes all of them.
    pub responses: u64,
    /// Stored responses that could not be read, such as those of another version or another key, and were
    /// removed, as they may be selected.
    pub unreadable: u64,
}

/// An erasure in progress. It ends early if it is dropped.
pub type Erasing = Pin<Box<dyn Future<Output = Result<Erased, BoxError>> + Send>>;

// === impl Erasure ===

impl Erasure {
    pub(crate) fn new(target: Target) -> Self {
        Self(Arc::new(target))
    }

    pub(crate) fn hits(&self, carried: &Carried) -> bool {
        self.0.hits(carried)
    }
}

/// The target may name a person, and is not written.
impl fmt::Debug for Erasure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Erasure").finish_non_exhaustive()
    }
}

// === impl Erased ===

impl Erased {
    /// Counts selected responses, and unreadable ones.
    #[must_use]
    pub fn new(responses: u64, unreadable: u64) -> Self {
        Self {
            responses,
            unreadable,
        }
    }
}

impl Add for Erased {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self::new(
            self.responses + other.responses,
            self.unreadable + other.unreadable,
        )
    }
}

impl Sum for Erased {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Self::add)
    }
}
