//! One failure, reported to several callers.

use std::{convert::Infallible, error::Error, fmt, sync::Arc};

/// The error type of services with erased errors, as in tower.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Boxes an error: the function for `map_err`.
///
/// It makes any error shareable ([`ShareError`]), and works where `BoxError::from` and `Into::into`
/// do not: a service that contains those is not accepted by `tokio::spawn` and axum's handlers,
/// because the compiler forgets the lifetime of the box there ("implementation of `From` is not
/// general enough"). The type of this function has no lifetime.
///
/// ```
/// use scrimp_core::{BoxError, box_error};
///
/// let error: BoxError = box_error("12x".parse::<u8>().unwrap_err());
/// assert_eq!(error.to_string(), "invalid digit found in string");
/// ```
pub fn box_error<E: Into<BoxError>>(error: E) -> BoxError {
    error.into()
}

/// A failure that several callers receive at once.
///
/// Cloning is cheap; [`Error::source`] returns the original error, so callers can look for the
/// cause and downcast it.
#[derive(Clone)]
pub struct SharedError(Arc<BoxError>);

/// A shareable error: one error can be given to several callers.
///
/// Implemented for [`Infallible`] and [`BoxError`]. Other error types need tower's
/// `map_err(box_error)` ([`box_error`]) or an implementation of their own. There is no blanket implementation over `Clone`, as it would
/// conflict with these two.
#[diagnostic::on_unimplemented(
    message = "an error of type `{Self}` cannot be given to several callers",
    label = "the inner service fails with `{Self}`",
    note = "let the inner service fail with `BoxError`: put tower's `.map_err(scrimp_core::box_error)` around it \
            (`scrimp::core::box_error`), or implement `ShareError` for `{Self}`"
)]
pub trait ShareError: Sized {
    /// Form of the error while callers wait.
    type Shared: Clone + Send + Sync + 'static;

    /// Makes the error shareable.
    fn share(self) -> Self::Shared;

    /// Makes the error for one caller.
    fn unshare(shared: Self::Shared) -> Self;
}

// === impl SharedError ===

impl SharedError {
    /// Wraps the original error.
    pub fn new(error: impl Into<BoxError>) -> Self {
        Self(Arc::new(error.into()))
    }

    /// Returns the original error.
    #[must_use]
    pub fn get_ref(&self) -> &(dyn Error + Send + Sync + 'static) {
        &**self.0
    }
}

/// Equal if both are the same failure; equal text is not enough.
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
        // A shared error is not wrapped a second time.
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
