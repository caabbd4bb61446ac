//! The target URI of a request that shows another one.

use std::fmt;

use http::{Extensions, Uri};

use super::mount::mount;

/// Finds the target URI among the extensions of a request.
///
/// A router that passes on a part of the path (axum's `nest`) keeps the URI that the client asked
/// for in an extension. A layer inside it must key by that URI: `/v1/items` and `/v2/items` both
/// show `/items` there. With the feature `axum` the default finds axum's `OriginalUri`; without
/// it, the default finds nothing and the request's own URI counts.
#[derive(Clone, Copy)]
pub struct TargetUri(Option<fn(&Extensions) -> Option<&Uri>>);

/// Target of a request, and the shown URI if it says more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'a> {
    /// The target URI.
    pub uri: &'a Uri,
    /// The URI that the request shows, if it was rewritten: the response then depends on both.
    pub rewritten: Option<&'a Uri>,
}

// === impl TargetUri ===

impl TargetUri {
    /// Finds it with a function.
    #[must_use]
    pub fn new(find: fn(&Extensions) -> Option<&Uri>) -> Self {
        Self(Some(find))
    }

    /// Uses the URI that the request shows.
    #[must_use]
    pub fn shown() -> Self {
        Self(None)
    }

    /// Returns the target of a request.
    #[must_use]
    #[inline]
    pub fn of<'a>(&self, extensions: &'a Extensions, shown: &'a Uri) -> Target<'a> {
        let plain = Target {
            uri: shown,
            rewritten: None,
        };
        match self.0 {
            Some(find) if !extensions.is_empty() => match find(extensions) {
                Some(target) if target != shown => Target {
                    uri: target,
                    rewritten: mount(target, shown).is_none().then_some(shown),
                },
                _ => plain,
            },
            _ => plain,
        }
    }
}

impl Default for TargetUri {
    fn default() -> Self {
        #[cfg(feature = "axum")]
        return Self::new(|extensions| {
            let original = extensions.get::<axum::extract::OriginalUri>();
            original.map(|original| &original.0)
        });
        #[cfg(not(feature = "axum"))]
        Self::shown()
    }
}

impl fmt::Debug for TargetUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Some(_) => "TargetUri(function)",
            None => "TargetUri(shown)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_in_extensions_is_the_target() {
        let find = TargetUri::new(Extensions::get::<Uri>);
        let shown = Uri::from_static("/items?x=1");
        let mut extensions = Extensions::new();
        assert_eq!(find.of(&extensions, &shown).uri, &shown);
        let target = Uri::from_static("/v1/items?x=1");
        extensions.insert(target.clone());
        assert_eq!(find.of(&extensions, &shown).uri, &target);
        assert_eq!(TargetUri::shown().of(&extensions, &shown).uri, &shown);
    }

    #[test]
    fn a_shortened_uri_says_no_more_and_a_rewritten_one_does() {
        let rewritten = |target: &'static str, shown: &'static str| {
            let find = TargetUri::new(Extensions::get::<Uri>);
            let mut extensions = Extensions::new();
            extensions.insert(Uri::from_static(target));
            find.of(&extensions, &Uri::from_static(shown))
                .rewritten
                .is_some()
        };
        assert!(!rewritten("/v1/items?x=1", "/items?x=1") && !rewritten("/v1", "/"));
        assert!(rewritten("/", "/de/") && rewritten("/a", "/b"));
        assert!(rewritten("/v1/items?x=1", "/items"));
    }

    #[cfg(feature = "axum")]
    #[test]
    fn the_original_uri_of_axum_is_found() {
        let mut extensions = Extensions::new();
        let target = Uri::from_static("/v1/items");
        extensions.insert(axum::extract::OriginalUri(target.clone()));
        let shown = Uri::from_static("/items");
        assert_eq!(TargetUri::default().of(&extensions, &shown).uri, &target);
    }
}
