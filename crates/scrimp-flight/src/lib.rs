//! One call for equal requests, and one stream of bytes for many readers.
//!
//! This is the engine of scrimp's layers. It works on keys, calls and bytes, and knows nothing of
//! HTTP.
//!
//! - [`SingleFlight`] combines equal calls at the same time into one. Its parts are in
//!   [`single_flight`]: callers that join, leave, panic and take over from each other.
//! - [`Broadcast`] lets many readers share one source while it comes in, in bounded memory. Late
//!   readers start at the first byte, and slow readers delay the others only for a short time.
//! - [`MemoryBudget`] bounds the memory of many broadcasts together.
//!
//! # One call for many
//!
//! ```
//! use scrimp_flight::SingleFlight;
//! use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! static CALLS: AtomicU32 = AtomicU32::new(0);
//!
//! let rates = SingleFlight::<f64>::new();
//! let ask = || rates.call("EUR", || async {
//!     CALLS.fetch_add(1, Relaxed);
//!     tokio::task::yield_now().await; // it takes a while
//!     1.07
//! });
//! assert_eq!(tokio::join!(ask(), ask(), ask()), (1.07, 1.07, 1.07));
//! assert_eq!(CALLS.load(Relaxed), 1);
//! # }
//! ```
//!
//! # One caller's turn
//!
//! ```
//! use scrimp_core::KeyBuf;
//! use scrimp_flight::single_flight::{Entry, Gate, Turn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let gate = Gate::<&str>::new();
//! let mut key = KeyBuf::new();
//! key.part(b"/rates");
//!
//! let Entry::Lead(lead) = gate.enter(key.as_ref()) else { unreachable!("it is the first") };
//! let Entry::Wait(wait) = gate.enter(key.as_ref()) else { unreachable!("it is the second") };
//! lead.end("stored"); // dropped without a word, the second would have its turn
//! assert!(matches!(wait.await, Turn::Result("stored")));
//! # }
//! ```
//!
//! # When not to use it
//!
//! - For HTTP: `scrimp_coalesce` knows which responses may be shared, and with which callers.
//! - For results that must be kept: nothing is kept after the last caller has its copy.
//!
//! # Waiting, cancellation
//!
//! The first caller that is polled makes the call or the source progress, so none of them has to
//! stay. A call without callers is dropped, or finished if the user says how. Clean-up is in
//! `Drop`. Only the patience with slow readers needs a tokio runtime.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod budget;
mod sync;

pub mod broadcast;
pub mod single_flight;

pub use broadcast::Broadcast;
pub use budget::MemoryBudget;
pub use single_flight::{SingleFlight, SingleFlightCall};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
