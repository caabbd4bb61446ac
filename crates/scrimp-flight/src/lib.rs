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
