//! Stored responses: how they are made, and where they are stored.

#[cfg(feature = "codec")]
mod codec;
mod collector;
mod ends;
mod erase;
mod head;
mod lent;
mod limits;
mod memory;
mod pending;
mod predictor;
mod record;
mod refresh;
mod response;
mod store;
mod variants;
mod worth;

#[cfg(feature = "codec")]
pub use codec::{Codec, Compression, DecodeError};
#[cfg(feature = "encryption")]
pub use codec::{EncryptedJournal, EncryptionKeys};
pub(crate) use collector::{BodyCollector, Collected};
pub use collector::{Held, MemoryBudget};
pub(crate) use ends::Ends;
pub(crate) use lent::lend;
pub use limits::MemoryStoreBuilder;
pub use memory::MemoryStore;
#[cfg(feature = "codec")]
use pending::MOST_NAMES;
pub(crate) use pending::{PendingEntry, Previous, strip_tags};
pub(crate) use predictor::UncacheablePredictor;
pub(crate) use record::{Booking, COMPARISONS, CallRecord, Caller, DEGRADED, book, is_collapsed};
#[cfg(feature = "codec")]
pub(crate) use refresh::{CopiedResponse, Refreshes};
pub(crate) use refresh::{RefreshFlag, RefreshState};
pub use response::Entry;
pub(crate) use response::{Extras, Refreshing};
use store::Stay;
pub use store::{FillToken, Lookup, PutOutcome, Store};
pub use variants::Variants;
