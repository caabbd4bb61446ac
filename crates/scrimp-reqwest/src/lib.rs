//! scrimp's layers, or any other tower stack, on reqwest.
//!
//! # On a plain client
//!
//! [`Transport`] is the innermost service of the stack. It accepts and returns `http`'s types.
//!
//! ```
//! use http::Request;
//! use scrimp_cache::{CacheLayer, MemoryStore};
//! use scrimp_reqwest::Transport;
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let url = serve().await?;
//! let cache = CacheLayer::new(MemoryStore::new(64 << 20)); // bytes
//! let client = ServiceBuilder::new()
//!     .layer(cache.clone())
//!     .service(Transport::new(reqwest::Client::builder())?);
//!
//! for _ in 0..3 {
//!     let request = Request::get(&url).body(reqwest::Body::default())?;
//!     let response = client.clone().oneshot(request).await?;
//!     http_body_util::BodyExt::collect(response.into_body()).await?;
//! }
//! assert_eq!((cache.stats().misses, cache.stats().hits), (1, 2));
//! # Ok(()) }
//! # async fn serve() -> std::io::Result<String> {
//! #     let app = axum::Router::new()
//! #         .route("/", axum::routing::get(|| async { ([("cache-control", "max-age=60")], "1.07") }));
//! #     let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! #     let url = format!("http://{}/", listener.local_addr()?);
//! #     tokio::spawn(async move { axum::serve(listener, app).await });
//! #     Ok(url)
//! # }
//! ```
//!
//! # In a chain of middlewares
//!
//! With the feature `middleware`, [`client_with`] makes a client of reqwest-middleware from a
//! stack, and callers keep the API they know. [`StackMiddleware`] is the stack as the last of a
//! longer chain. Middlewares for every call that reaches the network, such as retries, go on the
//! inner client.
//!
#![cfg_attr(feature = "middleware", doc = "```")]
#![cfg_attr(not(feature = "middleware"), doc = "```ignore")]
//! use reqwest::redirect::Policy;
//! use reqwest_middleware::ClientBuilder;
//! use reqwest_retry::{RetryTransientMiddleware, policies::ExponentialBackoff};
//! use scrimp_cache::{CacheLayer, MemoryStore};
//! use scrimp_reqwest::{Transport, client_with};
//! use tower::ServiceBuilder;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let url = serve().await?;
//! let retry = ExponentialBackoff::builder().build_with_max_retries(2);
//! let plain = reqwest::Client::builder().redirect(Policy::none()).build()?;
//! let outbound = ClientBuilder::new(plain)
//!     .with(RetryTransientMiddleware::new_with_policy(retry))
//!     .build();
//! let cache = CacheLayer::new(MemoryStore::new(64 << 20));
//! let stack = ServiceBuilder::new()
//!     .layer(cache.clone())
//!     .service(Transport::builder(outbound).build()?);
//! let client = client_with(stack);
//!
//! for _ in 0..3 {
//!     assert_eq!(client.get(&url).send().await?.text().await?, "1.07");
//! }
//! assert_eq!((cache.stats().misses, cache.stats().hits), (1, 2));
//! # Ok(()) }
//! # async fn serve() -> std::io::Result<String> {
//! #     let app = axum::Router::new()
//! #         .route("/", axum::routing::get(|| async { ([("cache-control", "max-age=60")], "1.07") }));
//! #     let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! #     let url = format!("http://{}/", listener.local_addr()?);
//! #     tokio::spawn(async move { axum::serve(listener, app).await });
//! #     Ok(url)
//! # }
//! ```
//!
//! # Credentials, cookies and redirects
//!
//! Layers tell users apart by what is in a request. What the client inside the stack adds by itself
//! is invisible to them: over two clients with a default Authorization each, one cache would give
//! one user's `/me` to the other. So the client of a [`Transport`] does none of that, and a
//! [`SessionLayer`] at the top of the stack does it, before the layers see the request:
//!
//! ```
//! use scrimp_cache::{CacheLayer, MemoryStore};
//! use scrimp_reqwest::{SessionLayer, Transport};
//! use tower::ServiceBuilder;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cache = CacheLayer::new(MemoryStore::new(64 << 20));
//! let transport = Transport::new(reqwest::Client::builder())?;
//! let client_of = |token: &str| {
//!     let session = SessionLayer::builder().bearer(token).user_agent("shop/1").build()?;
//!     let stack = ServiceBuilder::new().layer(session).layer(cache.clone());
//!     Ok::<_, scrimp_reqwest::SettingError>(stack.service(transport.clone()))
//! };
//! let (alice, bob) = (client_of("a1")?, client_of("b2")?); // one cache, two users
//!
//! // A client with an identity of its own is refused.
//! let named = reqwest::Client::builder().user_agent("shop/1");
//! let error = Transport::new(named).unwrap_err();
//! assert!(error.to_string().contains("user-agent"));
//! # Ok(()) }
//! ```
//!
//! The session follows redirects, each as a request of its own through all layers, and leaves the
//! credentials behind at the border of an origin.
//!
//! ## An identity that must be inside
//!
//! Some clients cannot leave it outside: a middleware signs each call, TLS has a client
//! certificate. The transport then gets a name for this [identity](TransportBuilder::identity), the
//! session the same name as its [tenant](SessionLayerBuilder::tenant), and the transport refuses
//! requests that do not have it. The tenant is part of every layer's key.
//!
//! ## What is checked, and what cannot be seen
//!
//! | in the client of a transport | checked |
//! |---|---|
//! | default headers, User-Agent, a cookie store | when the transport is built |
//! | following of redirects | when the transport is built |
//! | everything, where a [`Call`] does not return its client | when the transport is built: it needs a name |
//! | a credential that a middleware adds or changes | at each call: [`HiddenCredential`], and nothing is sent |
//! | other fields that a middleware adds or changes, such as Accept-Language; the URL, a key in its query included | no |
//! | a client certificate | no |
//! | a proxy, its credentials and its fields; a local address, interface or socket; DNS overrides | no |
//!
//! Transports that pass these checks may share layers: as far as can be seen, they have no identity,
//! or they have names. Where the answer is no, give each identity
//! [a name](TransportBuilder::identity) or layers of its own. The same holds for services in place
//! of a [`Transport`], such as a `service_fn`. The client that [`StackMiddleware`] is attached to
//! only makes requests: its default headers, cookies, time-out and redirects have no effect, and
//! that cannot be seen either. [`client_with`] has no such client.
//!
//! # What passes through
//!
//! Bodies stream in both directions, and are never buffered here. Extensions pass in both
//! directions. Dropping a response future, or a body, cancels the call. Errors keep their type: [`reqwest::Error`] is found even
//! behind layers that box theirs. The URL of a response is kept ([`AnsweredBy`]).
//!
//! # Time-outs
//!
//! | limit | holds for | at its end |
//! |---|---|---|
//! | `timeout()` of a request, through [`client_with`] or [`StackMiddleware`] | the whole: every wait in the stack, redirects, the body | a `reqwest::Error`, `is_timeout()` |
//! | the same in the extensions of a request, below a [`SessionLayer`] | every wait of the layers, redirects; the body of a shared call of `CoalesceLayer` | a `deadline` problem (504) of the layer, or the error of the transport |
//! | the same, without either | each call of its [`Transport`], for all callers that wait for it | the error of the transport |
//! | [`Deadline`](scrimp_core::extensions::Deadline) | as the first two | as the first two |
//! | `timeout()` of the transport's client | each of its calls without a limit of the caller | the error of the transport |
//!
//! A call that several callers wait for has the limit of none of them: it ends with the time-out of
//! the transport's client, or when the last of them has left. So that time-out should be as long as
//! the longest wait of a caller.
//!
//! # When not to use it
//!
//! For a client whose identity changes from call to call inside the stack, such as one that picks
//! an account from a pool: its responses cannot be told apart outside.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod body;
mod builder;
mod call;
mod inspect;
mod limit;
#[cfg(feature = "middleware")]
mod middleware;
mod session;
mod transport;
mod url;

pub use builder::TransportBuilder;
pub use call::{Call, ClientCall};
#[cfg(feature = "middleware")]
pub use middleware::{HiddenCredential, MiddlewareCall, NotLast, StackMiddleware, client_with};
pub use scrimp_core::SettingError;
pub use session::{Session, SessionFuture, SessionLayer, SessionLayerBuilder};
pub use transport::{Transport, TransportFuture};
pub use url::AnsweredBy;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
