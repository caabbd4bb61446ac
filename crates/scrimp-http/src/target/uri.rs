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
///
/// A request whose target is found there was received by a server, which matters to its
/// [scheme](super::scheme).
#[derive(Clone, Copy)]
pub struct TargetUri {
    find: Option<fn(&Extensions) -> Option<&Uri>>,
    received: bool,
}

/// Target of a request, and the shown URI if it says more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'a> {
    /// The target URI.
    pub uri: &'a Uri,
    /// The URI that the request shows, if it was rewritten: the response then depends on both.
    pub rewritten: Option<&'a Uri>,
    /// The request was received by a server, not made by a client.
    pub received: bool,
}

// === impl TargetUri ===

impl TargetUri {
    /// Finds it with a function.
    #[must_use]
    pub fn new(find: fn(&Extensions) -> Option<&Uri>) -> Self {
        Self {
            find: Some(find),
            received: false,
        }
    }

    /// Uses the URI that the request shows.
    #[must_use]
    pub fn shown() -> Self {
        Self {
            find: None,
            received: false,
        }
    }

    /// Takes every request for one that a server has received, wherever its target is found.
    #[must_use]
    pub fn received(self) -> Self {
        Self {
            received: true,
            ..self
        }
    }

    /// Returns the target of a request.
    #[must_use]
    #[inline]
    pub fn of<'a>(&self, extensions: &'a Extensions, shown: &'a Uri) -> Target<'a> {
        let plain = Target {
            uri: shown,
            rewritten: None,
            received: self.received,
        };
        match self.find {
            Some(find) if !extensions.is_empty() => match find(extensions) {
                Some(target) if target != shown => Target {
                    uri: target,
                    rewritten: mount(target, shown).is_none().then_some(shown),
                    received: true,
                },
                found => Target {
                    received: plain.received || found.is_some(),
                    ..plain
                },
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
        f.write_str(match self.find {
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
    fn a_request_with_its_target_in_extensions_was_received() {
        let (find, shown) = (TargetUri::new(Extensions::get::<Uri>), TargetUri::shown());
        let uri = Uri::from_static("https://h/a");
        let mut extensions = Extensions::new();
        assert!(!find.of(&extensions, &uri).received);
        extensions.insert(uri.clone());
        assert!(
            find.of(&extensions, &uri).received,
            "though it says no more"
        );
        assert!(!shown.of(&extensions, &uri).received);
        assert!(shown.received().of(&extensions, &uri).received);
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
