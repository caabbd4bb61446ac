//! The vocabulary that scrimp's layers share.
//!
//! Each layer is a crate of its own and depends on no other layer. This crate contains the terms
//! that two of them must agree on:
//!
//! - [`Key`]: identity of a request; looked up without allocating.
//! - [`Clock`]: one source for intervals and for HTTP dates, so that a test or a replay can run a
//!   day in a second.
//! - [`Tee`] and [`BodyEnd`]: observe a body as it passes and learn why it ended.
//! - [`Money`], [`Totals`], [`ExchangeRates`], [`Ledger`]: integer money in any currency, and
//!   accounts of what was saved.
//! - `BodyDigestLayer` (feature `digest`): identifies a POST by its body.
//! - [`extensions`]: messages between layers through [`http::Extensions`].
//! - [`Breaker`]: keeps requests from waiting for an endpoint that does not answer.
//! - [`FillLock`]: one filler of a key among many processes.
//! - [`SharedAllowance`]: a limit on money that many processes share.
//! - [`Problem`]: a failure of a layer's own, as problem details (RFC 9457).
//! - [`Counter`], [`FailedCalls`], [`Timing`], [`reasons!`]: what a layer counts. The feature `metrics` reports
//!   it through the `metrics` facade.
//! - [`Tasks`], [`background_span`]: what it does in the background.
//! - [`KeyBy`]: the operator's function that adds a part to the keys of requests.
//! - [`PrivateIf`]: the operator's functions that tell which requests are private.
//! - [`RateLimit`]: a limit that layers share; the feature `governor` has one. [`SharedRate`]: one that
//!   processes share.
//! - [`RetryBudget`]: a limit on the retries of all layers together.
//! - [`SettingError`], [`Settings`]: settings of a builder, and the error of an invalid one.
//! - [`mib`]: sizes in bytes.
//! - [`SharedError`]: one failure, reported to several callers with its sources intact.
//! # Keys
//!
//! ```
//! use scrimp_core::KeyBuf;
//!
//! let mut key = KeyBuf::new();
//! key.part(b"GET").part(b"api.example.com").part(b"/products");
//! let stored = key.to_key(); // the only allocation, made on storing
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

#![cfg_attr(docsrs, feature(doc_cfg))]

mod allowance;
mod background;
mod body;
mod bounds;
mod breaker;
mod clock;
mod counter;
#[cfg(feature = "digest")]
mod digest;
mod error;
pub mod extensions;
mod failed;
mod key;
mod key_part;
mod ledger;
mod limit;
mod lock;
#[cfg(feature = "metrics")]
pub mod metrics;
mod money;
mod private;
mod problem;
mod purge;
mod reasons;
mod retry_budget;
mod setting;
mod size;
pub mod tag;
mod tasks;
mod timing;

pub use allowance::{AllowanceAccount, SharedAllowance, Take};
pub use background::{background_span, release_span, root_span};
pub use body::{BodyEnd, Sink, Tee};
#[doc(hidden)]
pub use bounds::Built;
pub use bounds::{BytesBody, CloneService, EmptyBody};
pub use breaker::{Breaker, BreakerChange, BreakerPass};
pub use clock::{Clock, TimeSource};
pub use counter::{Counter, share_of};
#[cfg(feature = "digest")]
pub use digest::{
    BodyDigestLayer, BodyDigestService, CanonicalJson, DigestBody, DigestFuture, canonical_json,
};
pub use error::{BoxError, ShareError, SharedError, box_error};
pub use extensions::BodyDigest;
pub use failed::{CountedBody, FailedCalls};
pub use key::{Key, KeyBuf, KeyHashBuilder, KeyHasher, KeyRef};
pub use key_part::{KeyBy, KeyPart, KeyTooLong, RequestHead};
pub use ledger::{Account, AccountName, Dimension, Ledger, LedgerTotals, Line};
#[cfg(feature = "governor")]
pub use limit::{Governed, TokioClock, TokioInstant};
pub use limit::{NotTaken, RateLimit, RateRule, RateTake, SharedRate};
pub use lock::{Acquired, FillLock, Lease, LockFuture};
pub use money::{
    Currency, CurrencyMismatch, ExchangeRate, ExchangeRateError, ExchangeRates, Money,
    NoExchangeRate, ParseMoneyError, Totals,
};
pub use private::{PrivateIf, PrivateRecheck};
pub use problem::Problem;
pub use purge::{Purge, PurgeTarget, Purger};
pub use retry_budget::RetryBudget;
pub use setting::{SettingError, Settings};
pub use size::{gib, kib, mib};
pub use tasks::Tasks;
pub use timing::Timing;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
