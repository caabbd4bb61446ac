//! One call for equal requests, and one stream of bytes for many readers.
//!
//! The engine of scrimp's layers. It knows keys, calls and bytes, and nothing of HTTP.
//!
//! - [`SingleFlight`] makes one call of many equal ones at the same time. Its parts are in
//!   [`single_flight`]: callers that come, leave, panic and take over from each other.
//! - [`Broadcast`] lets many read one source while it comes in, in bounded memory: late comers
//!   from the first byte, readers that are slow without holding up the others for long.
//! - [`MemoryBudget`] bounds what many broadcasts hold together.
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
//! For HTTP, where `scrimp_coalesce` knows what may be shared, and with whom. For results that
//! are to be kept: nothing is kept here once the last caller has it.
//!
//! # Waiting, cancellation
//!
//! The first caller that is polled carries a call or a source on, so none of them has to stay.
//! What all callers have left is dropped, or finished if the user says how. Clean-up is in
//! `Drop`. A tokio runtime is needed by what takes time: the patience with slow readers.

mod budget;
mod sync;

pub mod broadcast;
pub mod single_flight;

pub use broadcast::Broadcast;
pub use budget::MemoryBudget;
pub use single_flight::{SingleFlight, SingleFlightCall};
