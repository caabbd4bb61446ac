//! Formats of batches on the wire.

mod array;
mod decoded;
mod graphql;
mod head;
mod item;
mod json;
mod jsonrpc;
mod rest;
mod rest_answer;
mod words;

use bytes::Bytes;
use http::{Request, Response, request::Parts};
use scrimp_core::{KeyBuf, SettingError};

use decoded::wait;

pub use array::ArrayInput;
pub use decoded::{Decoded, Verdict};
pub use graphql::GraphQl;
pub use head::{same_head, without_framing};
pub use item::{Admission, Item};
pub use jsonrpc::JsonRpc;
pub use rest::RestJson;

/// Encodes requests as one request, and decodes its response into their answers.
///
/// Responses come over the network, and a codec must not trust them. An answer belongs to the
/// item whose id it has. In protocols without ids it belongs to the item at its position, if the
/// numbers of answers and items are equal. An item whose answer cannot be found gets `None`.
///
/// # Example
///
/// A codec for a service that takes paths as lines, and answers with one line for each:
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
///         Some(Admission::safe()) // lanes differ in scheme, authority, tenant and credentials only
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
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no codec of batches",
    note = "take `JsonRpc`, `GraphQl` or `RestJson`, or implement `BatchCodec` for `{Self}`"
)]
pub trait BatchCodec: Send + Sync + 'static {
    /// Reports whether a request with this head may be batched. Its body is then buffered. Other
    /// requests pass through unchanged, and so does every request that accepts an event stream.
    fn accepts(&self, head: &Parts) -> bool;

    /// Admits a whole request to a batch; `None` sends it alone. Only requests with equal parts in
    /// `lane` share a batch. `lane` has scheme, authority, tenant and credentials already.
    fn admit(&self, head: &Parts, body: &Bytes, lane: &mut KeyBuf) -> Option<Admission>;

    /// Encodes one or more items as one request; `None` sends them one by one. If its URI has no
    /// authority, it gets that of the items. It also gets the items' credentials and the trace
    /// fields of the first item, so credentials must not be in an item: see [`Item::own_fields`].
    /// It asks for a response without a content coding.
    fn encode(&self, items: &[&Item]) -> Option<Request<Bytes>>;

    /// Decodes the answers, in the order of the items. The body matters more than the status of
    /// the whole, and has no content coding.
    ///
    /// Each answer [inherits](scrimp_http::part::inherit) the fields of the whole that hold for all:
    /// it is no more cacheable than the whole. An answer without fields of its own should have
    /// [all](scrimp_http::part::fields) of the whole.
    fn decode(&self, items: &[&Item], response: &Response<Bytes>) -> Decoded;

    /// Judges an item's answer. Default: 429, 500, 502, 503 and 504 are
    /// [transient](Verdict::Transient), 401 is [critical](Verdict::Critical), and all others are
    /// [final](Verdict::Final).
    fn verdict(&self, item: &Item, answer: &Response<Bytes>) -> Verdict {
        let _ = item;
        Verdict::of(answer)
    }

    /// Reports whether the [verdict](Self::verdict) on an answer depends on its body. Then a short
    /// answer to a request that was sent alone is read before it is passed on, so that an item that
    /// was [not done](Verdict::NotDone) is sent again there as well. Default: false.
    fn judges_bodies(&self) -> bool {
        false
    }

    /// Returns the answer to `item` for a duplicate with an equal
    /// [identity](Admission::identity). Default: the same answer.
    fn duplicate(
        &self,
        item: &Item,
        duplicate: &Item,
        answer: &Response<Bytes>,
    ) -> Response<Bytes> {
        let _ = (item, duplicate);
        answer.clone()
    }

    /// Returns the limit of the protocol or service on items in a batch. 1 or more. It is read when a
    /// layer is built. Default: 100.
    fn max_items(&self) -> usize {
        100
    }

    /// Returns the limit on the weight of all items in a batch. 1 or more. It is read when a layer is
    /// built. Default: no limit.
    fn max_weight(&self) -> u64 {
        u64::MAX
    }

    /// Checks the codec's own settings. It is called when a layer is built. Default: `Ok`.
    ///
    /// # Errors
    ///
    /// If a setting of the codec cannot be used.
    fn check(&self) -> Result<(), SettingError> {
        Ok(())
    }
}
