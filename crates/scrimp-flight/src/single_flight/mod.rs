//! One call of many equal ones at the same time.
//!
//! [`SingleFlight`] serves anything that has a key and a result that can be cloned. A [`Gate`]
//! lets one caller do something by itself while others wait for what it says. What a layer
//! needs beyond that is built from their parts: a [`Call`] in a [`FlightTable`], whose callers
//! are [`Member`]s of a [`Flight`].

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
