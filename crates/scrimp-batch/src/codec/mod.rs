//! What batches look like on the wire.

mod array;
mod graphql;
mod head;
mod json;
mod jsonrpc;
mod rest;
mod rest_answer;

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Request, Response, StatusCode, header::RETRY_AFTER, request::Parts,
};
use scrimp_core::{Clock, Key, KeyBuf, SettingError};
use scrimp_http::{credentials::Credentials, framing, retry_after::retry_after};

pub use array::ArrayInput;
pub use graphql::GraphQl;
pub use head::{same_head, without_framing};
pub use jsonrpc::JsonRpc;
pub use rest::RestJson;

/// Puts requests into one, and takes answers out of one.
///
/// A codec is given what came over the network and must take nothing for granted: an answer
/// belongs to the item whose id it carries, or, in protocols without ids, to the one in its
/// place if there are exactly as many answers as items. What cannot be attributed is `None`.
///
/// # Writing one
///
/// An imaginary service that takes paths as lines, and answers with one line for each:
///
/// ```
/// use bytes::Bytes;
/// use http::{Method, Request, Response, request::Parts};
/// use scrimp_batch::{Admission, BatchCodec, Decoded, Item};
/// use scrimp_core::KeyBuf;
///
/// struct Lines;
///
/// impl BatchCodec for Lines {
///     fn accepts(&self, head: &Parts) -> bool {
///         head.method == Method::GET
///     }
///     fn admit(&self, _: &Parts, _: &Bytes, _: &mut KeyBuf) -> Option<Admission> {
///         Some(Admission::safe()) // nothing but the authority and credentials sets lanes apart
///     }
///     fn encode(&self, items: &[&Item]) -> Option<Request<Bytes>> {
///         let paths: Vec<&str> = items.iter().map(|item| item.head.uri.path()).collect();
///         Request::post("/lines").body(paths.join("\n").into()).ok()
///     }
///     fn decode(&self, items: &[&Item], response: &Response<Bytes>) -> Decoded {
///         if !response.status().is_success() {
///             return Decoded::of_failure(response.status());
///         }
///         let body = response.body();
///         let lines: Vec<_> = body.split(|byte| *byte == b'\n').collect();
///         if lines.len() != items.len() {
///             return Decoded::unattributed(items.len()); // it is unknown which line is missing
///         }
///         let answer = |line: &[u8]| Some(Response::new(body.slice_ref(line)));
///         Decoded::Answers(lines.into_iter().map(answer).collect())
///     }
/// }
/// # let _ = scrimp_batch::BatchLayer::builder(Lines).build()?;
/// # Ok::<(), scrimp_batch::SettingError>(())
/// ```
pub trait BatchCodec: Send + Sync + 'static {
    /// Whether requests with such a head may go into batches. The body of one that may is
    /// buffered, others pass through untouched. A request that accepts an event stream passes
    /// through whatever the codec says.
    fn accepts(&self, head: &Parts) -> bool;

    /// Looks at a whole request. `None` lets it go alone. Only requests for which `lane` has
    /// the same parts share a batch; scheme, authority, tenant and credentials are in it
    /// already.
    fn admit(&self, head: &Parts, body: &Bytes, lane: &mut KeyBuf) -> Option<Admission>;

    /// Makes one request of many, never of none. Its URI may leave out the authority, which
    /// is then that of the items. It gets the items' credentials, and the trace fields of the
    /// first item, so that neither belongs into an item: see [`Item::own_fields`]. `None` sends
    /// them one by one.
    fn encode(&self, items: &[&Item]) -> Option<Request<Bytes>>;

    /// Takes the answers apart, in the order of the items. The status of the whole says
    /// little: look into the body first.
    fn decode(&self, items: &[&Item], response: &Response<Bytes>) -> Decoded;

    /// What an item's answer means. By default, 429 and 500, 502, 503 and 504 are
    /// [transient](Verdict::Transient), 401 is [critical](Verdict::Critical).
    fn verdict(&self, item: &Item, answer: &Response<Bytes>) -> Verdict {
        let _ = item;
        Verdict::of(answer)
    }

    /// The answer to `item` as another item with the same
    /// [identity](Admission::identity) should get it.
    fn duplicate(
        &self,
        item: &Item,
        duplicate: &Item,
        answer: &Response<Bytes>,
    ) -> Response<Bytes> {
        let _ = (item, duplicate);
        answer.clone()
    }

    /// Items a batch may have, as the protocol or the service says. Default: 100.
    fn max_items(&self) -> usize {
        100
    }

    /// Weight a batch's items may have together. Default: no limit.
    fn max_weight(&self) -> u64 {
        u64::MAX
    }

    /// Checks the codec's own settings, when a layer is built with it. Default: nothing is
    /// wrong.
    ///
    /// # Errors
    ///
    /// If a setting of the codec cannot be used.
    fn check(&self) -> Result<(), SettingError> {
        Ok(())
    }
}

/// A request that goes into a batch.
///
/// A codec that writes the item's fields takes them from [`own_fields`](Self::own_fields), which
/// leaves out what is on the envelope.
#[derive(Debug, Clone)]
pub struct Item {
    /// Different from that of every other item of the layer.
    pub id: u64,
    /// Its method, URI, header fields and extensions.
    pub head: Parts,
    /// Its body.
    pub body: Bytes,
    /// What the codec said about it.
    pub admission: Admission,
    /// The layer's list.
    credentials: Credentials,
}

/// What a codec says about a request that may go into a batch.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Admission {
    /// Doing it twice does no more than doing it once: it may be sent again when it is
    /// unknown whether it was carried out. False if not set.
    pub replayable: bool,
    /// Requests of equal identity get the same answer, so one of them is sent. `None` if not
    /// set: only requests without effects should have one.
    pub identity: Option<Key>,
    /// What it counts against the limit on weight. Taken as 1 if 0.
    pub weight: u32,
    /// A place in the body that encoding and decoding need, such as that of an id.
    pub span: Option<(usize, usize)>,
}

/// What became of a batch.
#[derive(Debug)]
pub enum Decoded {
    /// Answers in the order of the items; `None` where there is none.
    Answers(Vec<Option<Response<Bytes>>>),
    /// Nothing was carried out: it was too large, or one of the items spoiled it. It is
    /// halved until it passes, or the item is found.
    Split,
    /// The response is the answer to every item.
    Whole,
}

/// What an item's answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the answer, be it good or bad.
    Final,
    /// It may be different in a moment, or after the time the upstream has named.
    Transient(Option<Duration>),
    /// It says that going on is pointless: nothing of the batch is tried again.
    Critical,
}

// === impl Item ===

impl Item {
    /// Makes an item as a layer with these credentials makes it.
    #[must_use]
    #[inline]
    pub fn new(
        id: u64,
        head: Parts,
        body: Bytes,
        admission: Admission,
        credentials: Credentials,
    ) -> Self {
        Self {
            id,
            head,
            body,
            admission,
            credentials,
        }
    }

    /// Returns the fields that are the item's own: all but its credentials, which are on the
    /// envelope, and the framing of the message it came in. Lines of one name come one after
    /// the other.
    ///
    /// All items of a batch have equal credentials, so that nothing is lost; and whoever reads
    /// the envelope's body, such as a log, reads no secret.
    pub fn own_fields(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        framing::own_fields(&self.head.headers).filter(|(name, _)| !self.credentials.contains(name))
    }
}

// === impl Admission ===

impl Admission {
    /// A request that may be sent twice.
    #[must_use]
    pub fn safe() -> Self {
        Self {
            replayable: true,
            ..Self::default()
        }
    }
}

// === impl Decoded ===

impl Decoded {
    /// Returns no answer for each of the items.
    #[must_use]
    pub fn unattributed(items: usize) -> Self {
        Self::Answers((0..items).map(|_| None).collect())
    }

    /// What a failure without any answers means: 400, 413 and 422 split the batch.
    #[must_use]
    pub fn of_failure(status: StatusCode) -> Self {
        match status.as_u16() {
            400 | 413 | 422 => Self::Split,
            _ => Self::Whole,
        }
    }
}

// === impl Verdict ===

impl Verdict {
    /// Goes by the status alone, and where that is one of the moment by Retry-After.
    pub(crate) fn of<B>(answer: &Response<B>) -> Self {
        match answer.status().as_u16() {
            401 => Self::Critical,
            429 | 500 | 502 | 503 | 504 => Self::Transient(wait(answer)),
            _ => Self::Final,
        }
    }
}

/// Returns how long a response asks to wait. Most do not, and need no clock for it.
pub(crate) fn wait<B>(response: &Response<B>) -> Option<Duration> {
    let headers = response.headers();
    headers.get(RETRY_AFTER)?;
    retry_after(headers, Clock::system().wall())
}
