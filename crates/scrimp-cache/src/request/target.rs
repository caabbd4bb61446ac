//! The target URI, where it is not the one that a request shows.

use http::{Request, Uri};
use scrimp_http::target::TargetUri;

/// The URI that a request came with, while the cache looks at its target URI instead. In a box:
/// few requests need it, and all carry it.
pub(crate) struct Shown(Option<Box<Instead>>);

struct Instead {
    shown: Uri,
    /// It is not the target with a part of the path taken off, so that an answer depends on
    /// both.
    rewritten: bool,
}

// === impl Shown ===

impl Shown {
    /// Puts the target URI in place, if it is to be found elsewhere.
    #[inline]
    pub(crate) fn swap<B>(find: TargetUri, request: &mut Request<B>) -> Self {
        let target = find.of(request.extensions(), request.uri());
        if std::ptr::eq(target.uri, request.uri()) {
            return Self(None);
        }
        let rewritten = target.rewritten.is_some();
        let target = target.uri.clone();
        let shown = std::mem::replace(request.uri_mut(), target);
        Self(Some(Box::new(Instead { shown, rewritten })))
    }

    /// Returns what the request came with, where an answer depends on it besides the target.
    pub(crate) fn rewritten(&self) -> Option<&Uri> {
        let instead = self.0.as_ref()?;
        instead.rewritten.then_some(&instead.shown)
    }

    /// Puts back what the request came with: the service further in goes by that.
    pub(crate) fn restore<B>(self, request: &mut Request<B>) {
        if let Some(instead) = self.0 {
            *request.uri_mut() = instead.shown;
        }
    }

    /// Does the same for a copy of the request.
    pub(crate) fn restore_copy(&self, request: &mut Request<()>) {
        if let Some(instead) = &self.0 {
            request.uri_mut().clone_from(&instead.shown);
        }
    }
}
