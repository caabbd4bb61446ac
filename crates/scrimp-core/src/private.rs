//! The operator's functions that tell which requests are private.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use http::{Extensions, HeaderMap, Request};

use crate::release_span;

/// The operator's functions that tell which requests are private: their responses belong to one
/// visitor, although HTTP does not show it.
///
/// A session layer outside of a cache is the usual case. It hands a handle to the handlers through
/// the request's extensions, and adds Set-Cookie to the response after the cache has seen it.
///
/// A layer asks twice: when the request comes ([`is_private`](Self::is_private)), and when the head
/// of its response comes ([`recheck`](Self::recheck)). In between, a handler may have begun a
/// session, and a handle among the extensions shows that.
///
/// On a request, as an extension: the functions of a layer further out. Inner layers ask them too,
/// so that one setting on the outermost layer covers the layers inside.
#[derive(Clone, Default)]
pub struct PrivateIf(Arc<Vec<Arc<Function>>>);

type Function = dyn Fn(&Extensions, &HeaderMap) -> bool + Send + Sync;

/// Facts of a request when it was sent, to ask once more whether it is private.
///
/// It holds a copy of the request's extensions and fields, or nothing if there is no function to
/// ask. Values that share their state between copies show what a handler has changed.
#[derive(Default)]
pub struct PrivateRecheck(Option<Box<Sent>>);

struct Sent {
    own: PrivateIf,
    extensions: Extensions,
    headers: HeaderMap,
}

/// Flag that some layer of the process has functions, so that extensions are worth a look.
static USED: AtomicBool = AtomicBool::new(false);

// === impl PrivateIf ===

impl PrivateIf {
    /// Adds a function. A request is private if any of them says so.
    pub fn add(
        &mut self,
        is_private: impl Fn(&Extensions, &HeaderMap) -> bool + Send + Sync + 'static,
    ) {
        USED.store(true, Relaxed);
        Arc::make_mut(&mut self.0).push(Arc::new(is_private));
    }

    /// Reports whether there is a function to ask.
    #[must_use]
    pub fn is_set(&self) -> bool {
        !self.0.is_empty()
    }

    /// Reports whether a request with these extensions and fields is private.
    #[inline]
    #[must_use]
    pub fn is_private(&self, extensions: &Extensions, headers: &HeaderMap) -> bool {
        USED.load(Relaxed) && self.says(extensions, headers)
    }

    /// Returns what to ask when the response to this request comes. Call it before the request is
    /// sent.
    #[must_use]
    pub fn recheck<B>(&self, request: &Request<B>) -> PrivateRecheck {
        let extensions = request.extensions();
        if !USED.load(Relaxed) || self.0.is_empty() && Self::outer(extensions).is_empty() {
            return PrivateRecheck(None);
        }
        let mut extensions = extensions.clone();
        release_span(&mut extensions);
        PrivateRecheck(Some(Box::new(Sent {
            own: self.clone(),
            extensions,
            headers: request.headers().clone(),
        })))
    }

    /// Hands the functions to inner layers.
    pub fn announce<B>(&self, request: &mut Request<B>) {
        let outer = Self::outer(request.extensions());
        if self.is_set() && !self.0.iter().all(|own| holds(outer, own)) {
            let mut all = self.clone();
            let others = outer.iter().filter(|function| !holds(&self.0, function));
            let others: Vec<_> = others.cloned().collect();
            if !others.is_empty() {
                Arc::make_mut(&mut all.0).extend(others);
            }
            request.extensions_mut().insert(all);
        }
    }

    fn says(&self, extensions: &Extensions, headers: &HeaderMap) -> bool {
        let outer = Self::outer(extensions).iter();
        let others = outer.filter(|function| !holds(&self.0, function));
        let mut all = self.0.iter().chain(others);
        all.any(|is_private| is_private(extensions, headers))
    }

    /// Returns the functions of layers further out.
    fn outer(extensions: &Extensions) -> &[Arc<Function>] {
        extensions.get::<Self>().map_or(&[], |outer| &outer.0)
    }
}

/// Reports whether a function is among others, by identity.
fn holds(functions: &[Arc<Function>], function: &Arc<Function>) -> bool {
    functions.iter().any(|own| Arc::ptr_eq(own, function))
}

impl fmt::Debug for PrivateIf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateIf({} functions)", self.0.len())
    }
}

// === impl PrivateRecheck ===

impl PrivateRecheck {
    /// Reports whether the request is private by now.
    #[must_use]
    pub fn is_private(&self) -> bool {
        let sent = self.0.as_ref();
        sent.is_some_and(|sent| sent.own.says(&sent.extensions, &sent.headers))
    }
}

/// The request's fields may hold secrets, and are not written.
impl fmt::Debug for PrivateRecheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateRecheck")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// A handle that a handler changes.
    #[derive(Clone, Default)]
    struct Handle(Arc<AtomicBool>);

    fn by_handle(extensions: &Extensions, _: &HeaderMap) -> bool {
        let handle = extensions.get::<Handle>();
        handle.is_some_and(|handle| handle.0.load(Relaxed))
    }

    #[test]
    fn a_request_is_private_if_one_of_several_functions_says_so() {
        let mut private_if = PrivateIf::default();
        let mut request = Request::new(());
        let asked = |private_if: &PrivateIf, request: &Request<()>| {
            let first = private_if.is_private(request.extensions(), request.headers());
            assert_eq!(first, private_if.recheck(request).is_private());
            first
        };
        assert!(!asked(&private_if, &request));
        private_if.add(|_, headers| headers.contains_key("x-preview"));
        private_if.add(by_handle);
        assert!(!asked(&private_if, &request));
        request
            .headers_mut()
            .insert("x-preview", http::HeaderValue::from_static("1"));
        assert!(asked(&private_if, &request));
    }

    #[test]
    fn a_change_of_a_shared_handle_shows_when_the_function_is_asked_again() {
        let mut private_if = PrivateIf::default();
        private_if.add(by_handle);
        let handle = Handle::default();
        let mut request = Request::new(());
        request.extensions_mut().insert(handle.clone());
        let recheck = private_if.recheck(&request);
        assert!(!recheck.is_private());
        handle.0.store(true, Relaxed);
        assert!(recheck.is_private());
    }

    #[test]
    fn a_function_that_comes_twice_is_asked_once() {
        let asked = Arc::new(AtomicUsize::new(0));
        let (mut private_if, count) = (PrivateIf::default(), Arc::clone(&asked));
        private_if.add(move |_, _| count.fetch_add(1, Relaxed) > 9);
        let mut request = Request::new(());
        for asks in 1..=3 {
            private_if.announce(&mut request);
            assert!(!private_if.is_private(request.extensions(), request.headers()));
            assert_eq!(asked.load(Relaxed), asks);
        }
    }

    #[test]
    fn the_functions_of_outer_layers_count_in_inner_ones() {
        let (mut outer, mut middle) = (PrivateIf::default(), PrivateIf::default());
        outer.add(|_, headers| headers.contains_key("x-preview"));
        middle.add(by_handle);
        let mut request = Request::new(());
        outer.announce(&mut request);
        middle.announce(&mut request);
        let inner = PrivateIf::default();
        assert!(!inner.is_private(request.extensions(), request.headers()));
        request
            .headers_mut()
            .insert("x-preview", http::HeaderValue::from_static("1"));
        assert!(inner.is_private(request.extensions(), request.headers()));
        assert!(inner.recheck(&request).is_private());
    }
}
