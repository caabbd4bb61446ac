//! Routes each request to the cheapest provider that is good enough, in real money.

mod budget;
pub mod engine;
mod price;
mod provider;
mod tap;

pub use budget::{Budget, BudgetStore, Cap, Line, Refusal, Reservation, Scope};
pub use price::{
    ParseRateError, Period, Price, Rate, Tariff, Tiering, TokenClass, TokenRates, Usage, Window,
    litellm,
};
pub use provider::Provider;
pub use tap::Tap;
