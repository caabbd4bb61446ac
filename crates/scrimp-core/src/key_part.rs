//! Parts that the operator's functions add to the keys of requests.

use std::{
    error::Error,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use bytes::{BufMut, Bytes, BytesMut};
use http::{Extensions, HeaderMap, Method, Request, Uri};

/// Longest part of a key, in bytes, of all functions together.
const LONGEST: usize = 1_024;

/// Parts of a request that a key may depend on.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct RequestHead<'a> {
    /// The method.
    pub method: &'a Method,
    /// The URI, as the layer gets it.
    pub uri: &'a Uri,
    /// The header fields.
    pub headers: &'a HeaderMap,
    /// The extensions.
    pub extensions: &'a Extensions,
}

/// The operator's function that adds a part to the keys of requests: what a response depends on
/// besides target, tenant and header fields.
///
/// Requests that differ in it never share a response, a call or a wait, in the layer that has the
/// function and in all layers inside: the part goes on with the request, as the extension [`KeyPart`].
/// So it is set on the outermost layer.
///
/// ```
/// use scrimp_core::KeyBy;
///
/// #[derive(Clone)]
/// struct Plan(&'static str); // set by middleware outside
///
/// let by_plan = KeyBy::new(|request| request.extensions.get::<Plan>().map(|plan| plan.0));
/// # let mut request = http::Request::new(());
/// # request.extensions_mut().insert(Plan("gold"));
/// # by_plan.mark(&mut request);
/// # assert_eq!(scrimp_core::KeyPart::of(request.extensions()), Ok(Some(&b"gold"[..])));
/// ```
///
/// A part only adds. Tenants stay apart, responses to requests with credentials stay with their
/// caller, and cookies are treated by the rules, whatever the function says. The function
///
/// - must name everything in the extensions that changes the response, or one caller gets the response
///   of another;
/// - must say the same of equal requests: no times, no random numbers;
/// - should have few values, as each of them is stored for itself;
/// - should not read credentials, unless a rule says `auth=shared`: any other refresh in the background is
///   sent without those that are not in the key, and its response would be stored under their part. A rule
///   with `header=`, or a [`Tenant`](crate::extensions::Tenant), is made for them.
///
/// It runs for every request, and should only look things up. A part of more than 1,024 bytes makes no
/// key: the request goes to the inner service on its own (`key-too-long`).
#[derive(Clone, Default)]
pub struct KeyBy(Option<Arc<Function>>);

type Function = dyn Fn(&RequestHead<'_>) -> Option<Bytes> + Send + Sync;

/// On a request: a part of its key in every layer. Set by a layer with a [`KeyBy`], or by middleware.
#[derive(Clone)]
pub struct KeyPart(Arc<Made>);

struct Made {
    /// `None` if it is too long.
    part: Option<Bytes>,
    /// The functions that it is of.
    by: Vec<KeyBy>,
}

/// Error of a part that is too long for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyTooLong;

/// Flag that parts exist in this process, so that extensions are worth a look.
static USED: AtomicBool = AtomicBool::new(false);

// === impl KeyBy ===

impl KeyBy {
    /// Returns the function. `None` adds nothing, and is not the same as an empty part.
    pub fn new<P: Into<Bytes>>(
        part: impl Fn(&RequestHead<'_>) -> Option<P> + Send + Sync + 'static,
    ) -> Self {
        USED.store(true, Relaxed);
        Self(Some(Arc::new(move |request| part(request).map(Into::into))))
    }

    /// Puts the part of a request into its extensions, behind that of layers further out. A function
    /// marks a request once, however many layers have it.
    #[inline]
    pub fn mark<B>(&self, request: &mut Request<B>) {
        if let Some(function) = &self.0 {
            self.mark_by(&**function, request);
        }
    }

    fn mark_by<B>(&self, function: &Function, request: &mut Request<B>) {
        let outer = request.extensions().get::<KeyPart>();
        if outer.is_some_and(|outer| outer.0.by.iter().any(|by| by.is(self))) {
            return;
        }
        let own = function(&RequestHead {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            extensions: request.extensions(),
        });
        let mut by = outer.map_or_else(Vec::new, |outer| outer.0.by.clone());
        let part = match (outer.map(|outer| &outer.0.part), own) {
            (None, None) => return,
            (None, Some(own)) => Some(own),
            (Some(outer), own) => outer.as_ref().map(|outer| joined(outer, own.as_deref())),
        };
        by.push(self.clone());
        request.extensions_mut().insert(KeyPart::made(part, by));
    }

    fn is(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            _ => false,
        }
    }
}

/// Joins the parts of two functions, so that no other two have the same.
fn joined(outer: &[u8], own: Option<&[u8]>) -> Bytes {
    let length = |part: &[u8]| u32::try_from(part.len()).unwrap_or(u32::MAX);
    let mut both = BytesMut::with_capacity(outer.len() + own.map_or(0, <[u8]>::len) + 8);
    both.put_u32(length(outer));
    both.put_slice(outer);
    if let Some(own) = own {
        both.put_u32(length(own));
        both.put_slice(own);
    }
    both.freeze()
}

impl fmt::Debug for KeyBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Some(_) => "KeyBy(function)",
            None => "KeyBy(nothing)",
        })
    }
}

// === impl KeyPart ===

impl KeyPart {
    /// Name of the part in keys. No header field has this name.
    pub const NAME: &'static [u8] = b"\0part";

    /// Returns a part, for middleware that puts it into the extensions of requests itself.
    pub fn new(part: impl Into<Bytes>) -> Self {
        USED.store(true, Relaxed);
        Self::made(Some(part.into()), Vec::new())
    }

    fn made(part: Option<Bytes>, by: Vec<KeyBy>) -> Self {
        let part = part.filter(|part| part.len() <= LONGEST);
        Self(Arc::new(Made { part, by }))
    }

    /// Returns the part of a request with these extensions, if it has one.
    ///
    /// # Errors
    ///
    /// If it is longer than 1,024 bytes. Such a request must not share anything.
    #[inline]
    pub fn of(extensions: &Extensions) -> Result<Option<&[u8]>, KeyTooLong> {
        if !USED.load(Relaxed) {
            return Ok(None);
        }
        match extensions.get::<Self>() {
            None => Ok(None),
            Some(part) => part.0.part.as_deref().map(Some).ok_or(KeyTooLong),
        }
    }
}

/// The part may tell who asks, and is not written.
impl fmt::Debug for KeyPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyPart")
    }
}

// === impl KeyTooLong ===

impl fmt::Display for KeyTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the part of a key has more than {LONGEST} bytes")
    }
}

impl Error for KeyTooLong {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[derive(Clone)]
    struct Plan(String);

    fn plan() -> KeyBy {
        KeyBy::new(|request| {
            let plan = request.extensions.get::<Plan>();
            plan.map(|plan| plan.0.clone())
        })
    }

    fn path() -> KeyBy {
        KeyBy::new(|request| request.uri.path().strip_prefix("/x/").map(str::to_owned))
    }

    fn marked(plan: Option<&str>, path: &'static str, by: &[&KeyBy]) -> Request<()> {
        let mut request = Request::get(path).body(()).expect("a request");
        if let Some(plan) = plan {
            request.extensions_mut().insert(Plan(plan.to_owned()));
        }
        by.iter().for_each(|by| by.mark(&mut request));
        request
    }

    #[test]
    fn no_two_pairs_of_parts_are_the_same() {
        let (plan, path) = (plan(), path());
        let mut parts = Vec::new();
        for (a, b) in [
            (None, "/"),
            (None, "/x/"),
            (None, "/x/ab"),
            (Some(""), "/"),
            (Some(""), "/x/"),
            (Some("a"), "/x/b"),
            (Some("ab"), "/x/"),
            (Some("ab"), "/"),
        ] {
            let request = marked(a, b, &[&plan, &path]);
            let part = KeyPart::of(request.extensions()).expect("a short part");
            parts.push(part.map(<[u8]>::to_vec));
        }
        let all = parts.len();
        parts.sort();
        parts.dedup();
        assert_eq!(parts.len(), all, "{parts:?}");
    }

    #[test]
    fn a_function_marks_a_request_once_however_many_layers_have_it() {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let by = KeyBy::new(move |_| {
            count.fetch_add(1, Relaxed);
            Some("part")
        });
        let request = marked(None, "/", &[&by, &by.clone(), &by]);
        assert_eq!(KeyPart::of(request.extensions()), Ok(Some(&b"part"[..])));
        assert_eq!(asked.load(Relaxed), 1);
    }

    #[test]
    fn a_part_that_is_too_long_is_no_part() {
        let by = plan();
        for (length, fits) in [(1_024, true), (1_025, false), (102_400, false)] {
            let request = marked(Some(&"x".repeat(length)), "/", &[&by, &path()]);
            let alone = marked(Some(&"x".repeat(length)), "/", &[&by]);
            assert_eq!(KeyPart::of(alone.extensions()).is_ok(), fits, "{length}");
            // Joined with another part it is longer, and never becomes one again.
            assert!(KeyPart::of(request.extensions()).is_err(), "{length}");
        }
        assert!(!format!("{:?}", KeyPart::new("ann")).contains("ann"));
    }
}
