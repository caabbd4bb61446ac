//! Routes each request to the cheapest provider that is good enough, in real money.
//!
//! [`CostRouteLayer`] goes onto the client of an API that several providers serve. It knows
//! what each would charge for this very request, learns how fast, how reliable and how good
//! each is, and weighs all of it in dollars. What fails before its first byte is tried with
//! the next best; what was spent is booked, and can be capped.
//!
//! # Three providers, one client
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use scrimp_cost_route::{CostRouteLayer, Provider, RequestBody, RouteDecision};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let at = |name: &str, price: &str| {
//!     Provider::new(name)
//!         .endpoint(format!("https://{name}.example.com/v1"))
//!         .bearer("its own credential")
//!         .price(price)
//! };
//! // Any `tower::Service` over `http` types will do; here one that answers by itself.
//! let client = service_fn(|request: Request<RequestBody<Full<Bytes>>>| async move {
//!     assert_eq!(request.uri(), "https://budget.example.com/v1/quote");
//!     Ok::<_, std::io::Error>(Response::new(Full::<Bytes>::from("42")))
//! });
//! let providers = [at("premium", "0.01"), at("budget", "0.002")];
//! let client = CostRouteLayer::builder(providers).build()?.layer(client);
//!
//! let request = Request::get("/quote").body(Full::<Bytes>::default())?;
//! let response = client.oneshot(request).await?;
//! let decision = response.extensions().get::<RouteDecision>().ok_or("no decision")?;
//! assert_eq!(&*decision.provider, "budget");
//! # Ok(()) }
//! ```
//!
//! # Chat completions over two providers, within a budget
//!
//! A chat completion is a POST, so [`repeatable`](CostRouteLayerBuilder::repeatable) says that it may
//! be sent to the second provider if the first one fails. Each provider has its own credential, a
//! price per model, and the names that it gives the models. The usage is read from the answer as it
//! passes, stream or not.
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use http_body_util::{BodyExt, Full};
//! use scrimp_core::Currency;
//! use scrimp_cost_route::{
//!     Budget, Cap, CostRouteLayer, Period, Provider, Rate, RequestBody, RouteDecision, Tariff,
//!     TokenRates,
//! };
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! // Dollars per million tokens, in and out. `litellm::PriceTable` reads these from a table.
//! let price = |input: &str, output: &str| {
//!     let rates = TokenRates::text(Rate::per(input, 1_000_000), Rate::per(output, 1_000_000));
//!     Tariff::new(Currency::USD).tokens(rates)
//! };
//! let first = Provider::new("first")
//!     .endpoint("https://first.example.com")
//!     .bearer("its own credential")
//!     .model("small", price("0.15", "0.6"))
//!     .model("large", price("3", "15"));
//! let second = Provider::new("second")
//!     .endpoint("https://second.example.com/openai")
//!     .bearer("another credential")
//!     .map(|_, body| String::from_utf8_lossy(&body).replace("large", "huge").into())
//!     .model("large", price("5", "20"));
//! let budget = Budget::new([Cap::new("three cents a day", "0.03", Period::Day)]);
//! let layer = CostRouteLayer::builder([first, second])
//!     .repeatable(["/v1/chat/completions"])
//!     .budget(budget.clone())
//!     .build()?;
//!
//! // Stands for an HTTP client. The first provider is overloaded.
//! let client = service_fn(|request: Request<RequestBody<Full<Bytes>>>| async move {
//!     let mut response = Response::new(Full::<Bytes>::from(
//!         r#"{"usage":{"prompt_tokens":1000,"completion_tokens":600}}"#,
//!     ));
//!     if request.uri().host() == Some("first.example.com") {
//!         *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
//!         *response.body_mut() = Full::default();
//!     }
//!     Ok::<_, std::io::Error>(response)
//! });
//! let client = layer.layer(client);
//! let ask = || {
//!     let body = Full::from(r#"{"model":"large","messages":[]}"#);
//!     Request::post("/v1/chat/completions").body(body)
//! };
//!
//! let response = client.clone().oneshot(ask()?).await?;
//! let decision = response.extensions().get::<RouteDecision>().ok_or("no decision")?;
//! assert_eq!(&*decision.provider, "second");
//! response.into_body().collect().await?;
//! assert_eq!(budget.report()[0].rest.to_string(), "$0.013");
//!
//! let refused = client.oneshot(ask()?).await?;
//! assert_eq!(refused.status(), StatusCode::PAYMENT_REQUIRED);
//! # Ok(()) }
//! ```
//!
//! # How it chooses
//!
//! Filters come first, then the score: [`Score::Money`] adds the price, what the wait is worth
//! at the request's [`Priority`](scrimp_core::extensions::Priority), what the quality lacks,
//! and, by the chance of failure, what the next best provider would cost. An
//! [unknown](Price::Unknown) price ranks behind every known one, and is refused where a cap counts it.
//!
//! Observations halve in weight every 15 s, and a sure change is believed at once. Calls under
//! way bound the latency from below; failures never look like fast answers. At most one
//! request in a hundred tries a provider that was not seen for 15 s, and only if what that may
//! save is worth what it costs.
//!
//! Three failures in a row put a provider out for a second, and for longer with each probe
//! that fails; a `Retry-After` field sets the time itself. The provider comes back by a probe
//! and a ramp. The [`RouteDecision`] in the response's extensions and a tracing event explain
//! each choice.
//!
//! # Prompt caches
//!
//! A provider that [caches prompts](Provider::prompt_cache) charges less for the beginning of a prompt
//! that it has seen lately. The expected price of a request has that part at the price of
//! [`CacheRead`](TokenClass::CacheRead), by what was sent before and what answers report, so a
//! conversation stays with its account as long as that pays. Where the cache is written on request, the
//! layer marks the prompt as far as it is likely to return in time.
//!
//! A time stamp, an identifier or an order of tools that changes with each request prevents the reuse of all that
//! follows it. [`stats`](CostRouteLayer::stats) counts such [breaks](PromptBreaks) by their kind, with their cost, and
//! [`prompt_breaks`](CostRouteLayer::prompt_breaks) lists their places.
//!
//! # Quotas
//!
//! Answers state what is left of an account's requests and tokens, in the fields of OpenAI, Azure, Groq,
//! Anthropic, Mistral and the IETF draft. A call takes its expected part before it is made. Where there is
//! no room yet, the wait counts as latency in the score, so the request waits or goes elsewhere, whichever
//! is cheaper; it is refused if no provider has room within
//! [`quota_wait`](CostRouteLayerBuilder::quota_wait). Providers of one [account](Provider::account) share
//! its quotas: a 429 for one key is one for all.
//!
//! # Failing over
//!
//! A request can go to another provider up to the first byte of the body, and up to the end of the
//! first event of a stream. The head waits for that while another provider may still be tried
//! ([`attempts(1)`](CostRouteLayerBuilder::attempts) hands it on at once). The request's body must
//! have been kept. A [`RetryBudget`](scrimp_core::RetryBudget) bounds failing over. After that an
//! error is an error, never a clean end.
//!
//! | the provider | another one is tried for |
//! | --- | --- |
//! | fails (5xx, 408, 425), is silent, breaks off, or begins a stream with an error or ends it without an event | requests that may be repeated: by their method, an `Idempotency-Key`, [`Repeatable`](scrimp_core::extensions::Repeatable), or the settings ([`repeatable`](CostRouteLayerBuilder::repeatable)) |
//! | has too much to do (429), or refuses its own credential (401, 402, 403) | any request: nothing was done |
//! | does not have the model (404, or an error that says so) | any request; the pair of provider and model is remembered for ten minutes, in a bounded table |
//! | finds the request too large (413, or an error about the context length) | any request, if another provider's [limit](Provider::context_window) is known to be higher |
//! | refuses the caller's credential, or answers with any other 4xx | none: the answer is passed on |
//!
//! Only the first two rows count against the provider. A credential is the provider's own if
//! [`bearer`](Provider::bearer), [`header`](Provider::header) or [`map`](Provider::map) has set it and
//! the caller has sent no other, in a field or in the query.
//!
//! Providers do not know each other's keys: send an `Idempotency-Key` only with a request that two of
//! them may carry out.
//!
//! # Hedging
//!
//! With [`hedge`](CostRouteLayerBuilder::hedge), a call that takes long gets another one beside it, to
//! another provider, at the moment at which that gains most: by the times that both providers have taken
//! lately, what a second of waiting is worth, and what the second call costs. The loser is cancelled; what
//! is owed for it is part of the response's charge.
//!
//! # What a call costs
//!
//! The price of the provider, or of the [model](Provider::model) that the request names, by the usage
//! that the answer reports ([`Tap`] lists the dialects); or the cost that the answer states itself,
//! where [`stated_cost`](Provider::stated_cost) says so. A side of the usage that is not reported, or
//! not readable, is estimated, and never 0. Errors are not paid: a 4xx costs nothing, and a 5xx only
//! if it reports usage, unless the tariff [says otherwise](Tariff::errors_paid).
//!
//! Answers that are read here, by a gate or for their usage, are asked for without a content coding.
//! If they come in one nevertheless, a bounded copy is decoded, and the caller gets the bytes as they
//! came.
//!
//! The response has the expected cost as a [`Charge`](scrimp_core::extensions::Charge), and a
//! [`Settlement`](scrimp_core::extensions::Settlement) that tells the layers outside the cost when it
//! is known, rejected attempts included.
//!
//! # Streams that are cut
//!
//! A caller that leaves half-way pays for what the provider has generated by then. Where that was not reported yet,
//! it is estimated from the text that was seen, by what whole answers at the same price have had. The rest is
//! read in the background where knowing is worth more than it costs
//! ([`drain`](CostRouteLayerBuilder::drain)), or where the provider [goes on](Provider::bills_to_end) anyway: at most
//! 64 streams at once, for two minutes each. The [`Settlement`](scrimp_core::extensions::Settlement) waits for that.
//!
//! # Tenants that share a request
//!
//! A request with [`TenantShares`](scrimp_core::extensions::TenantShares), such as a batch of
//! several tenants' requests, is reserved, settled and booked for each tenant by its share, to the
//! last 10⁻¹² of the currency. If some of the tenants have used up their caps, nothing is sent, and
//! the response names them by [`RefusedTenants`](scrimp_core::extensions::RefusedTenants). Who made
//! the request, such as scrimp's `BatchLayer`, sends it again without their items.
//!
//! # Budgets of a fleet
//!
//! [`Budget::shared`] takes a [`SharedAllowance`](scrimp_core::SharedAllowance), such as `RedisAllowance` of
//! `scrimp-redis`: then all processes together spend no more than each cap. Most calls are reserved without
//! a word to the others. A request that has to ask waits, no longer than its deadline and the
//! [time-out](CostRouteLayerBuilder::timeout).
//!
//! # When not to use it
//!
//! Do not use it with one provider, unless for budgets; where providers answer differently to
//! the same request and no [map](Provider::map) makes them alike; or for gRPC streams and
//! upgrades.
//!
//! # Waiting, cancellation, errors
//!
//! The service is always ready, and drives a clone of its inner service to readiness for each
//! call, so a provider that stalls holds up no other. Dropping the future or the body cancels
//! the call, tells the router that it took at least that long, and books what was used by
//! then; a stream may be [read on](#streams-that-are-cut). Timers need a tokio runtime.
//! [`stats`](CostRouteLayer::stats) counts requests,
//! calls and what they cost.
//!
//! The error is the inner service's. Refusals are problem documents ([`scrimp_core::Problem`]), with
//! the same reason in Proxy-Status:
//!
//! | `type`: `urn:scrimp:cost-route:` | status | reason |
//! | --- | --- | --- |
//! | `request-body` | 400 | the request's own body breaks off |
//! | `quota` | 429 | the quotas of all providers are used up; `Retry-After` says until when |
//! | `budget` | 402, 429 | a [cap](Cap) is used up; `cap`, `limit`, `used` and `resets` are members |
//! | `tenants` | 402, 429 | tenants that share the request have used up a cap |
//! | `unpriced` | 402 | the price is unknown, and a cap counts the call |
//! | `uri-too-long`, `too-many-fields` | 414, 431 | the request's URI or header fields leave no room for the provider's |
//! | `filters` | 500 | the request's own [filters](Hints::filters) cannot be used |
//! | `no-exchange-rate` | 500 | the request's limit on the price is in a currency without an [exchange rate](CostRouteLayerBuilder::exchange_rate) |
//! | `none-good-enough`, `none-left` | 503 | no provider is good enough, or none has room |
//! | `mixed` | 503 | the requests that a request [carries](scrimp_core::extensions::Carried) are for different models or routes |
//! | `timed-out` | 504 | no provider answers in time |
//!
//! # Features
//!
//! - `json-schema`: `JsonSchema`, a quality gate for answers that have to follow one.
//! - `metrics`: reports the counts through the `metrics` facade: `scrimp_core::metrics`.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod bill;
mod body;
mod budget;
mod builder;
mod call_times;
mod charging;
mod config;
mod decision;
mod endpoint;
#[cfg(not(feature = "engine"))]
#[allow(
    unreachable_pub,
    reason = "with the feature `engine` it is in reach of this repository's simulation"
)]
mod engine;
#[cfg(feature = "engine")]
#[doc(hidden)]
pub mod engine;
mod exchange;
mod figures;
mod filters;
mod future;
#[cfg(feature = "unstable-genai")]
mod genai;
mod hints;
mod layer;
mod meter;
#[cfg(feature = "metrics")]
mod metered;
mod model;
mod opening;
mod partial;
mod payer;
mod price;
mod profile;
mod prompt;
mod provider;
mod providers;
mod quality;
mod quota;
mod refuse;
mod repeats;
mod service;
mod state;
mod stats;
mod tap;
mod targets;
mod worth;

pub use body::{RequestBody, RouteBody};
pub use budget::{Budget, BudgetLine, BudgetStatus, BudgetStore, Cap, Refusal, Reservation, Scope};
pub use builder::CostRouteLayerBuilder;
pub use decision::{Miss, RouteDecision, Tried};
pub use engine::{Estimate, Health, Reason, Score, Scored, Stake, Stakes, Terms, Weight, Weights};
pub use figures::Figures;
pub use filters::Filters;
pub use future::CostRouteFuture;
#[cfg(feature = "unstable-genai")]
pub use genai::{GenAi, GenAiBody, GenAiFuture, GenAiLayer};
pub use hints::Hints;
pub use layer::CostRouteLayer;
pub use price::{
    ParseRateError, Period, Price, PriceWindow, Rate, Tariff, Tiering, TokenClass, TokenRates,
    Usage, litellm,
};
pub use prompt::{BreakKind, BreakPlace, PromptBreak, PromptBreaks, PromptCache, PromptPart};
pub use provider::Provider;
pub use providers::Providers;
#[cfg(feature = "json-schema")]
pub use quality::JsonSchema;
pub use quality::{MinLength, QualityGate, QualityVerdict, RequiredFields};
pub use repeats::Repeats;
pub use scrimp_core::SettingError;
pub use service::CostRoute;
pub use stats::{CostRouteStats, RefusalStats};
pub use tap::Tap;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
