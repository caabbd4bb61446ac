//! One failure, told to many callers.

use std::{convert::Infallible, error::Error, fmt, sync::Arc};

/// The error type of services that erase theirs, as tower does.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// A failure that several callers get at once.
///
/// Cloning is cheap; [`Error::source`] leads to the original error, so callers can still
/// look for the cause and downcast it.
#[derive(Clone)]
pub struct SharedError(Arc<BoxError>);

/// Errors of which one can be handed to many callers.
///
/// Implemented for [`Infallible`] and [`BoxError`]. Other error types come in through
/// tower's `map_err`, or through an implementation of their own; there is no blanket one
/// over `Clone`, as it would collide with the two that exist.
pub trait ShareError: Sized {
    /// What is kept while callers wait.
    type Shared: Clone + Send + Sync + 'static;

    /// Makes the error shareable.
    fn share(self) -> Self::Shared;

    /// One caller's copy.
    fn unshare(shared: Self::Shared) -> Self;
}

// === impl SharedError ===

impl SharedError {
    /// Wraps the original error.
    pub fn new(error: impl Into<BoxError>) -> Self {
        Self(Arc::new(error.into()))
    }

    /// The original error.
    #[must_use]
    pub fn get_ref(&self) -> &(dyn Error + Send + Sync + 'static) {
        &**self.0
    }
}

/// The very same failure, told twice; not one that merely reads alike.
impl PartialEq for SharedError {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for SharedError {}

impl fmt::Display for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SharedError").field(&self.0).finish()
    }
}

impl Error for SharedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&**self.0)
    }
}

// === impl ShareError ===

impl ShareError for Infallible {
    type Shared = Infallible;

    fn share(self) -> Infallible {
        self
    }

    fn unshare(shared: Infallible) -> Self {
        shared
    }
}

impl ShareError for BoxError {
    type Shared = SharedError;

    fn share(self) -> SharedError {
        // An error that is shared already is not wrapped a second time.
        match self.downcast::<SharedError>() {
            Ok(shared) => *shared,
            Err(error) => SharedError(Arc::new(error)),
        }
    }

    fn unshare(shared: SharedError) -> Self {
        Box::new(shared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn every_caller_finds_the_cause() {
        let error: BoxError = io::Error::new(io::ErrorKind::TimedOut, "upstream took 5 s").into();
        let shared = error.share();
        for _ in 0..2 {
            let error = BoxError::unshare(shared.clone());
            assert_eq!(error.to_string(), "upstream took 5 s");
            let cause = error.source().and_then(|e| e.downcast_ref::<io::Error>());
            assert_eq!(cause.map(io::Error::kind), Some(io::ErrorKind::TimedOut));
        }
    }

    #[test]
    fn sharing_twice_wraps_once() {
        let once = BoxError::from("no").share();
        let twice = BoxError::unshare(once).share();
        assert!(twice.source().is_some_and(|e| e.source().is_none()));
    }
}
