//! Routes each request to the cheapest provider that is good enough, in real money.

pub mod engine;
mod price;

pub use price::{
    ParseRateError, Period, Price, Rate, Tariff, Tiering, TokenClass, TokenRates, Usage, Window,
    litellm,
};
