//! States each fact about HTTP once, as pure functions that all scrimp layers call.
//!
//! If two crates state the same fact, the two versions drift apart, and two layers of one stack
//! disagree. So each fact has one place here, and no layer parses a field or keeps a list of
//! fields of its own:
//!
//! | module | states | source |
//! |---|---|---|
//! | [`age`] | the Age field | RFC 9111 §5.1 |
//! | [`body`] | presence of a request body, announced lengths | RFC 9110 §8.6, RFC 9112 §6.3 |
//! | [`byteranges`] | the framing of several parts in one body | RFC 9110 §14.6 |
//! | [`cache_control`] | Cache-Control of requests and responses, targeted fields, lifetimes | RFC 9111 §5.2, RFC 5861, RFC 8246, RFC 9213 |
//! | [`cache_status`] | the verdict of a cache between client and origin | RFC 9211, vendors' documentation |
//! | [`challenge`] | authentication schemes that a response offers | RFC 9110 §11.3 |
//! | [`client_address`] | fields that contain the client's address | vendors' documentation |
//! | [`coding`] | content codings | RFC 9110 §8.4, §12.5.3 |
//! | [`connection`] | fields of one connection, framing, upgrades | RFC 9110 §7.6.1 |
//! | [`cookie`] | cookie pairs | RFC 6265 §4.2 |
//! | [`credentials`] | fields that identify the caller | RFC 9110 §11, vendors' documentation |
//! | [`date`](mod@date) | dates in three formats | RFC 9110 §5.6.7 |
//! | `decode` (with the feature of this name) | bodies in content codings | RFC 9110 §8.4.1, RFC 7932, RFC 8878 |
//! | [`etag`] | comparison of entity tags | RFC 9110 §8.8.3 |
//! | [`framing`] | the fields of a message without its framing | RFC 9110 §7.6.1 |
//! | [`groups`] | Cache-Groups, Surrogate-Key, Cache-Tag | RFC 9875, vendors' documentation |
//! | [`list`] | lists, quoted strings, weights | RFC 9110 §5.6 |
//! | [`max_forwards`] | the number of hops that a request may still make | RFC 9110 §7.6.2 |
//! | [`media_type`] | media types | RFC 9110 §8.3 |
//! | [`method`] | properties of methods | IANA registry |
//! | [`names`] | lists of field names, with `_` equal to `-` | RFC 3875 §4.1.18 |
//! | [`no_vary_search`] | parts of a query that do not select the response | draft-ietf-httpbis-no-vary-search |
//! | [`peek`] | presence of a body if only its first frame tells | RFC 9113 §8.1 |
//! | [`proxy_status`] | the field in which a layer gives the reason of a refusal | RFC 9209 |
//! | [`part`] | the fields of a response to several requests that hold for each | RFC 9111 §5.2, RFC 9213 |
//! | [`own_call`] | requests that need a call of their own | RFC 9110 §7.8, §10.1.1, §14 |
//! | [`range`](mod@range) | byte ranges | RFC 9110 §14 |
//! | [`rate_limit`] | what is left of a client's quotas | draft-ietf-httpapi-ratelimit-headers, vendors' documentation |
//! | [`redact`] | what of a URI may be written into a log | RFC 3986 §3.2.1, §7.5 |
//! | [`redirect`] | requests that follow a redirect | RFC 9110 §15.4 |
//! | [`representation`] | identity of the bytes of two responses | RFC 9110 §8.8.1 |
//! | [`repeat`] | requests that may be sent twice | RFC 9110 §9.2.2, draft-ietf-httpapi-idempotency-key-header |
//! | [`retry_after`] | Retry-After as seconds and as a date | RFC 9110 §10.2.3 |
//! | [`role`] | the role of a request field | the modules above |
//! | [`status`] | properties of status codes | RFC 9110 §15.1 |
//! | [`stream`] | the pieces of an event stream, and its clean end | WHATWG HTML §9.2, RFC 2046 §5.1, RFC 7464, the gRPC protocol |
//! | [`target`] | target URIs and their equivalence | RFC 3986 §6.2, RFC 9110 §7.1 |
//! | [`trace_fields`] | fields that only trace a call | W3C, vendors' documentation |
//! | [`vary`] | Vary, and comparison of the fields it names | RFC 9111 §4.1 |
//!
//! The modules do no I/O, keep no state and do not know tower; only [`peek`] waits, for a frame.
//!
//! # One parser for Cache-Control
//!
//! ```
//! use http::HeaderValue;
//! use scrimp_http::cache_control::ResponseControl;
//!
//! let lines = [HeaderValue::from_static("max-age=600, private=\"set-cookie\", max-age=60")];
//! let control = ResponseControl::parse(&lines);
//! assert_eq!(control.max_age, Some(60)); // the shorter of two lifetimes
//! assert!(!control.private); // qualified: it concerns one field
//! assert_eq!(control.withheld, ["set-cookie"]);
//! ```
//!
//! # Fields that identify the caller
//!
//! ```
//! use http::HeaderName;
//! use scrimp_http::credentials::Credentials;
//!
//! let fields = Credentials::default().with(HeaderName::from_static("x-shop-badge"));
//! for name in ["authorization", "x-api-key", "x_api_key", "x-amzn-oidc-data", "x-shop-badge"] {
//!     assert!(fields.contains(&HeaderName::from_static(name)), "{name}");
//! }
//! assert!(!fields.contains(&HeaderName::from_static("traceparent")));
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod age;
pub mod body;
pub mod byteranges;
pub mod cache_control;
pub mod cache_status;
pub mod challenge;
pub mod client_address;
pub mod coding;
pub mod connection;
pub mod cookie;
pub mod credentials;
pub mod date;
#[cfg(feature = "decode")]
pub mod decode;
pub mod etag;
pub mod framing;
pub mod groups;
pub mod list;
pub mod max_forwards;
pub mod media_type;
pub mod method;
pub mod names;
pub mod no_vary_search;
pub mod own_call;
pub mod part;
pub mod peek;
pub mod proxy_status;
pub mod purpose;
pub mod range;
pub mod rate_limit;
pub mod redact;
pub mod redirect;
pub mod repeat;
pub mod representation;
pub mod retry_after;
pub mod role;
mod scan;
pub mod status;
pub mod stream;
mod structured;
pub mod target;
pub mod trace_fields;
pub mod vary;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
