//! Stored responses: what may be kept, how it comes in, and where it lives.

mod budget;
#[cfg(feature = "codec")]
mod codec;
pub(crate) mod draft;
pub(crate) mod fill;
mod memory;
mod refreshing;
mod response;
mod store;
pub(crate) mod unstored;
mod value;
mod weight;

pub use budget::{Held, MemoryBudget};
#[cfg(feature = "codec")]
pub use codec::{Codec, DecodeError};
pub use memory::{MemoryStore, MemoryStoreBuilder};
pub(crate) use refreshing::{RefreshFlag, Refreshing};
pub(crate) use response::{Booking, CACHE_STATUS, compact};
pub use response::{Entry, Variants};
pub use store::{FillToken, Lookup, PutOutcome, Store};
