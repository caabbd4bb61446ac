//! Routes each request to the cheapest provider that is good enough, in real money.

mod body;
mod budget;
mod config;
mod decision;
pub mod engine;
mod exchange;
mod figures;
mod future;
mod hints;
mod layer;
mod meter;
mod price;
mod provider;
mod providers;
mod quality;
mod refuse;
mod service;
mod state;
mod tap;

pub use body::{RequestBody, RouteBody};
pub use budget::{Budget, BudgetStore, Cap, Line, Refusal, Reservation, Scope};
pub use decision::{Miss, RouteDecision, Tried};
pub use figures::Figures;
pub use future::ResponseFuture;
pub use hints::Hints;
pub use layer::CostRouteLayer;
pub use price::{
    ParseRateError, Period, Price, Rate, Tariff, Tiering, TokenClass, TokenRates, Usage, Window,
    litellm,
};
pub use provider::Provider;
pub use providers::Providers;
pub use quality::{MinLength, QualityGate, RequiredFields, Verdict};
pub use service::CostRoute;
pub use tap::Tap;
