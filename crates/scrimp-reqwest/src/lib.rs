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
//!     .service(Transport::new(reqwest::Client::new()));
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
//! With the feature `middleware`, [`StackMiddleware`] is the last of a chain of
//! reqwest-middleware, and callers keep the API they know. Middlewares for every call that reaches
//! the network, such as retries, go on the inner client.
//!
#![cfg_attr(feature = "middleware", doc = "```")]
#![cfg_attr(not(feature = "middleware"), doc = "```ignore")]
//! use reqwest_middleware::ClientBuilder;
//! use reqwest_retry::{RetryTransientMiddleware, policies::ExponentialBackoff};
//! use scrimp_cache::{CacheLayer, MemoryStore};
//! use scrimp_reqwest::{StackMiddleware, Transport};
//! use tower::ServiceBuilder;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let url = serve().await?;
//! let retry = ExponentialBackoff::builder().build_with_max_retries(2);
//! let outbound = ClientBuilder::new(reqwest::Client::new())
//!     .with(RetryTransientMiddleware::new_with_policy(retry))
//!     .build();
//! let cache = CacheLayer::new(MemoryStore::new(64 << 20));
//! let stack = ServiceBuilder::new()
//!     .layer(cache.clone())
//!     .service(Transport::new(outbound));
//! let client = ClientBuilder::new(reqwest::Client::new())
//!     .with(StackMiddleware::new(stack))
//!     .build();
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
//! # What passes through
//!
//! Bodies stream in both directions, and are never buffered here. Extensions pass in both
//! directions, and the time-out of a request applies to its call. Dropping a response future, or a
//! body, cancels the call. Errors keep their type: [`reqwest::Error`] is found even behind layers
//! that box theirs. The URL of a response is kept ([`AnsweredBy`]).
//!
//! # When not to use it
//!
//! The client follows redirects inside the stack: layers see the request before them and the
//! response after them, and a cache stores the response under the first URL. If that matters,
//! disable redirects (`reqwest::redirect::Policy::none`).

mod body;
mod call;
#[cfg(feature = "middleware")]
mod middleware;
mod transport;
mod url;

pub use call::{Call, ClientCall};
#[cfg(feature = "middleware")]
pub use middleware::{MiddlewareCall, NotLast, StackMiddleware, client_with};
pub use transport::{Transport, TransportFuture};
pub use url::AnsweredBy;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
