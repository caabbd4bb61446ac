//! The vocabulary that scrimp's layers share, and nothing else.
//!
//! Each layer is a crate of its own and depends on no other layer. What two of them
//! have to agree on lives here:
//!
//! - [`Key`]: what makes two requests the same request; looked up without allocating.
//! - [`Clock`]: one source for intervals and for HTTP dates, so that a test or a replay
//!   can run a day in a second.
//! - [`Tee`] and [`BodyEnd`]: watch a body go by and learn why it ended.
//! - [`Money`], [`Totals`], [`ExchangeRates`], [`Ledger`]: integer money in any currency, and
//!   who was saved how much of it.
//! - `BodyDigestLayer` (feature `digest`): knows a POST by its body.
//! - [`extensions`]: what layers tell each other through [`http::Extensions`].
//! - [`FillLock`]: one filler of a key among many processes.
//! - [`RetryBudget`]: how much may be tried again, by all layers together.
//! - [`SettingError`], [`Settings`]: what a builder is given, and what is wrong with it.
//! - [`SharedError`]: one failure, told to many callers with its sources intact.
//!
//! # Keys
//!
//! ```
//! use scrimp_core::KeyBuf;
//!
//! let mut key = KeyBuf::new();
//! key.part(b"GET").part(b"api.example.com").part(b"/products");
//! let stored = key.to_key(); // the only allocation, made when something is stored
//! assert_eq!(key.as_ref(), stored.as_ref());
//! ```
//!
//! # Money
//!
//! ```
//! use scrimp_core::{Currency, Ledger, Money};
//!
//! let ledger = Ledger::new();
//! let route = ledger.account("cache", "acme", "/products/*", Currency::USD);
//! route.avoided("0.01".parse::<Money>()?);
//! assert_eq!(ledger.lines()[0].saved.to_string(), "$0.01");
//! # Ok::<(), scrimp_core::ParseMoneyError>(())
//! ```

mod body;
mod clock;
#[cfg(feature = "digest")]
mod digest;
mod error;
pub mod extensions;
mod key;
mod ledger;
mod lock;
mod money;
mod retry_budget;
mod setting;

pub use body::{BodyEnd, Sink, Tee};
pub use clock::{Clock, TimeSource};
#[cfg(feature = "digest")]
pub use digest::{BodyDigestLayer, BodyDigestService, DigestBody, DigestFuture};
pub use error::{BoxError, ShareError, SharedError};
pub use extensions::BodyDigest;
pub use key::{Key, KeyBuf, KeyHashBuilder, KeyHasher, KeyRef};
pub use ledger::{Account, Ledger, Line};
pub use lock::{Acquired, FillLock, Lease, LockFuture};
pub use money::{
    Currency, CurrencyMismatch, ExchangeRate, ExchangeRateError, ExchangeRates, Money,
    NoExchangeRate, ParseMoneyError, Totals,
};
pub use retry_budget::RetryBudget;
pub use setting::{SettingError, Settings};
