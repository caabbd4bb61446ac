//! A [`Ledger`](scrimp_core::Ledger) for finance: charge periods, the FOCUS format, and
//! reconciliation with a provider's usage export. Every amount is exact to 10⁻¹² of its currency.
//!
//! # Periods
//!
//! A ledger counts since its process started. [`Cutter`] writes the difference of each charge period into a
//! file of JSON lines ([`LedgerRow`]): complete or not at all, and each amount once.
//!
//! ```
//! use scrimp_core::{Currency, Ledger};
//! use scrimp_focus::{Cutter, FocusExport, at};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! let ledger = Ledger::new();
//! let mut cutter = Cutter::open(&ledger, folder.path(), "gateway-1", at("2026-11-01T00:00:00Z")?)?;
//! ledger.account("cost-route", "acme", "chat", Currency::USD).made("0.0125".parse()?);
//! ledger.account("cache", "acme", "chat", Currency::USD).avoided("0.0125".parse()?);
//! let cut = cutter.cut(at("2026-11-02T00:00:00Z")?)?.ok_or("no period")?;
//!
//! let mut csv = Vec::new();
//! FocusExport::new("OpenAI").write(&cut.rows, &mut csv)?;
//! let csv = String::from_utf8(csv)?;
//! assert_eq!(csv.lines().count(), 3, "a header, what was paid, and what was avoided");
//! # Ok(()) }
//! ```
//!
//! # What finance reads
//!
//! The export follows FOCUS 1.2, the newest version that the validator of the FinOps Foundation checks.
//! `BilledCost` adds up to what was spent, and to nothing else: FOCUS demands that it match the invoice.
//! Avoided cost is no money that was paid or returned, so it stands in columns of its own by default.
//! [`Savings::Credits`] shows it as pairs of a usage and a credit that cancel each other.
//!
//! # Reconciliation
//!
//! [`Reconciliation::compare`] sets the rows beside what a provider says ([`ProviderExport`]), by day and
//! model, and names probable reasons of each difference.
//!
//! # When not to use it
//!
//! The ledger knows what the layers' prices say. Where the invoice is another one, the invoice is right:
//! reconcile, and correct the prices.

mod cut;
mod decimal;
mod error;
mod export;
mod period;
mod provider;
mod reconcile;
mod row;

pub use self::{
    cut::{Cut, Cutter},
    error::FinanceError,
    export::{FocusExport, Savings},
    period::{ChargePeriod, at},
    provider::{ProviderExport, ProviderRow},
    reconcile::{Amounts, Comparison, Matching, ProbableReason, Reconciliation},
    row::{LedgerRow, read_rows, rows_between, write_rows},
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
