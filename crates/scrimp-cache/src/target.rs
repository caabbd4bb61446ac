//! The target URI, where it is not the one a request shows.

use std::fmt;

use http::{Extensions, Request, Uri};

use crate::{config::Config, lookup::Step};

/// Finds the target URI among what a request carries along.
#[derive(Clone, Copy)]
pub(crate) struct TargetUri(pub(crate) fn(&Extensions) -> Option<&Uri>);

/// The URI a request came with, while the cache looks at its target URI instead. In a box:
/// hardly anybody needs it, and everybody carries it.
pub(crate) struct Shown(Option<Box<Uri>>);

// === impl Shown ===

impl Shown {
    /// Puts the target URI in place, if it is to be found elsewhere.
    pub(crate) fn swap<B>(config: &Config, request: &mut Request<B>) -> Self {
        let Some(TargetUri(find)) = config.target_uri else {
            return Self(None);
        };
        let target = find(request.extensions()).cloned();
        Self(target.map(|target| Box::new(std::mem::replace(request.uri_mut(), target))))
    }

    /// Puts back what the request came with: the service further in goes by that.
    pub(crate) fn restore<B>(self, request: &mut Request<B>) {
        if let Some(shown) = self.0 {
            *request.uri_mut() = *shown;
        }
    }

    /// The same for what is to be done with the request, which may be a call of its own.
    pub(crate) fn restore_all<B, St>(self, request: &mut Request<B>, step: &mut Step<St>) {
        if let (Some(shown), Step::AnswerAndRefresh(_, refresh)) = (&self.0, step) {
            refresh.request.uri_mut().clone_from(shown);
        }
        self.restore(request);
    }
}

// === impl TargetUri ===

impl fmt::Debug for TargetUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(function)")
    }
}
