//! Single flight: equal calls at the same time become one.
//!
//! [`SingleFlight`] serves any call with a key and a result that can be cloned. A [`Gate`] lets
//! one caller act by itself while others wait for its result. Layers build the rest from the same
//! parts: a [`Call`] in a [`FlightTable`], whose callers are [`Member`]s of a [`Flight`].

mod flight;
mod gate;
mod member;
mod shared;
mod state;
mod table;
mod wakers;

pub use flight::{Call, Flight, Others, Outcome, Resolution, SharedResult};
pub use gate::{Entry, Gate, Lead, Turn, Wait};
pub use member::Member;
pub use shared::{SingleFlight, SingleFlightCall};
pub use table::{Admission, FlightTable, Request};
