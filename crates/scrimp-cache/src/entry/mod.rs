//! Stored responses: how they are made, and where they are stored.

mod booking;
mod budget;
#[cfg(feature = "codec")]
mod codec;
mod collector;
mod head;
mod memory;
mod pending;
mod predictor;
mod record;
mod refreshing;
mod response;
mod store;
mod value;
mod variants;
mod weight;

pub(crate) use booking::{Booking, book, charge, is_collapsed};
pub use budget::{Held, MemoryBudget};
#[cfg(feature = "codec")]
pub use codec::{Codec, DecodeError};
pub(crate) use collector::BodyCollector;
pub use memory::{MemoryStore, MemoryStoreBuilder};
pub(crate) use pending::{PendingEntry, Previous};
pub(crate) use predictor::UncacheablePredictor;
pub(crate) use record::CallRecord;
pub(crate) use refreshing::{RefreshFlag, Refreshing};
pub(crate) use response::CACHE_STATUS;
pub use response::Entry;
pub use store::{FillToken, Lookup, PutOutcome, Store};
pub use variants::Variants;
