//! The target URI, if it differs from the request's own URI.

use http::{Request, Uri};
use scrimp_http::target::TargetUri;

/// The request's own URI, while the target URI is in its place. It is boxed: few requests need it,
/// and all carry it.
pub(crate) struct Shown(Option<Box<Instead>>);

struct Instead {
    shown: Uri,
    /// The URI's path is not the end of the target's path, so that a response depends on both.
    rewritten: bool,
}

// === impl Shown ===

impl Shown {
    /// Puts the target URI in place, if `find` returns one.
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

    /// Returns the request's own URI, if a response depends on it besides the target.
    pub(crate) fn rewritten(&self) -> Option<&Uri> {
        let instead = self.0.as_ref()?;
        instead.rewritten.then_some(&instead.shown)
    }

    /// Restores the request's own URI for the inner service.
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
