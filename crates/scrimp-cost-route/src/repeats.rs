//! Requests that may be repeated, whatever their method.

use std::{fmt, sync::Arc};

use http::request::Parts;

/// Rule for the requests that may be sent to a second provider although their method is not
/// idempotent: paths, or a function.
///
/// A path is equal to the request's, or ends with `*` and is the beginning of it:
///
/// ```
/// use scrimp_cost_route::Repeats;
///
/// let chat = Repeats::from(["/v1/chat/completions", "/v1beta/models/*"]);
/// let reads = Repeats::by(|request| request.headers.contains_key("x-read-only"));
/// # let _ = (chat, reads);
/// ```
#[derive(Clone)]
pub struct Repeats(Arc<RepeatsFn>);

type RepeatsFn = dyn Fn(&Parts) -> bool + Send + Sync;

// === impl Repeats ===

impl Repeats {
    /// Makes a rule of a function of the request's head.
    pub fn by(rule: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(rule))
    }

    pub(crate) fn allows(&self, request: &Parts) -> bool {
        (self.0)(request)
    }
}

impl<P: Into<Box<str>>, const N: usize> From<[P; N]> for Repeats {
    fn from(paths: [P; N]) -> Self {
        paths.into_iter().collect()
    }
}

impl From<&str> for Repeats {
    fn from(path: &str) -> Self {
        [path].into()
    }
}

impl<P: Into<Box<str>>> FromIterator<P> for Repeats {
    fn from_iter<I: IntoIterator<Item = P>>(paths: I) -> Self {
        let paths: Vec<Box<str>> = paths.into_iter().map(Into::into).collect();
        Self::by(move |request| paths.iter().any(|path| matches(path, request.uri.path())))
    }
}

/// Makes a rule of a function of the request's head, as [`Repeats::by`] does.
impl<F: Fn(&Parts) -> bool + Send + Sync + 'static> From<F> for Repeats {
    fn from(rule: F) -> Self {
        Self::by(rule)
    }
}

impl fmt::Debug for Repeats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Repeats")
    }
}

fn matches(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => path.starts_with(beginning),
        None => path == pattern,
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn a_path_is_the_whole_path_or_its_beginning() {
        let allows = |rule: &Repeats, uri: &str| {
            let (parts, ()) = Request::post(uri).body(()).unwrap().into_parts();
            rule.allows(&parts)
        };
        let rule = Repeats::from(["/v1/chat/completions", "/models/*"]);
        for uri in [
            "/v1/chat/completions?x=1",
            "http://a/v1/chat/completions",
            "/models/a:run",
        ] {
            assert!(allows(&rule, uri), "{uri}");
        }
        for uri in ["/v1/chat/completions/1", "/v2/chat/completions", "/models"] {
            assert!(!allows(&rule, uri), "{uri}");
        }
        let rule = Repeats::from(|request: &Parts| request.uri.path() == "/read");
        assert!(allows(&rule, "/read") && !allows(&rule, "/write"));
    }
}
