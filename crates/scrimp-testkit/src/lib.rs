//! Test tools of scrimp.
//!
//! - [`Scripted`] is the inner service of a test. Its [`Upstream`] handle sets its responses
//!   ([`Reply`]) and its readiness ([`Readiness`]), and records the calls.
//! - [`ScriptedBody`] is a response body that plays a list of steps.
//! - [`Gate`] orders tasks without sleeping, [`PollCounter`] counts polls and wakes,
//!   [`ManualClock`] is a clock that the test sets.
//! - [`listen`] sets the thread's subscriber of `tracing` so that other tests cannot silence it.
//! - [`laws`] holds the laws of a tower service as tests that run over any layer, described by a
//!   [`Subject`].
//!
//! # A contract in one test file
//!
//! ```
//! use scrimp_testkit::{Subject, contract};
//! use tower::layer::util::Identity;
//!
//! fn subject() -> Subject {
//!     Subject::new(Identity::new)
//! }
//!
//! // One `#[test]` per law.
//! contract!(subject());
//! ```
//!
//! # A scripted service
//!
//! ```
//! use bytes::Bytes;
//! use http_body_util::{BodyExt, Full};
//! use scrimp_testkit::{Gate, Reply, Scripted, ScriptedBody};
//! use tower::ServiceExt;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let gate = Gate::new();
//! let (service, upstream) = Scripted::script([
//!     Reply::body(ScriptedBody::new().data("ab").data("cd")).gate(&gate),
//! ]);
//! let call = service.oneshot(http::Request::new(Full::<Bytes>::default()));
//! gate.open();
//! let body = call.await.unwrap().into_body().collect().await.unwrap();
//! assert_eq!(body.to_bytes(), "abcd");
//! assert_eq!((upstream.calls(), upstream.in_flight()), (1, 0));
//! # }
//! ```

mod body;
mod clock;
mod gate;
pub mod laws;
mod poll;
mod readiness;
mod reply;
mod send;
mod service;
mod subject;
mod trace;
mod upstream;
mod wait;

pub use self::{
    body::{BodyHandle, ScriptedBody},
    clock::ManualClock,
    gate::{Gate, Opened},
    poll::{PollCounter, Polls},
    readiness::{Readiness, ReadinessProbe},
    reply::Reply,
    send::{assert_send, assert_send_value},
    service::{ResponseFuture, Scripted},
    subject::{HttpService, Subject},
    trace::listen,
    upstream::Upstream,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
