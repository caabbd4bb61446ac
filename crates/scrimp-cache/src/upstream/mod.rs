//! Upstream calls, and the effect of their responses on the store.

mod exchange;
mod fetch;
mod late;
mod offer;
mod race;
mod told;
mod write;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

pub(crate) use exchange::Exchange;
pub(crate) use late::Late;
pub(crate) use offer::Choice;
pub(crate) use race::Race;

use crate::body::CacheBody;

/// Bounds of a service that calls are made with: everything that a cache requires of its inner
/// service.
pub(crate) trait Upstream<ReqB>:
    Service<Request<ReqB>, Response = Response<<Self as Upstream<ReqB>>::Body>, Future: Send>
    + Clone
    + Send
    + 'static
{
    type Body: Body<Data = Bytes> + Send + 'static;
}

impl<S, ReqB, ResB> Upstream<ReqB> for S
where
    S: Service<Request<ReqB>, Response = Response<ResB>, Future: Send> + Clone + Send + 'static,
    ResB: Body<Data = Bytes> + Send + 'static,
{
    type Body = ResB;
}

/// The result of a call.
type Outcome<S, ReqB> =
    Result<Response<CacheBody<<S as Upstream<ReqB>>::Body>>, <S as Service<Request<ReqB>>>::Error>;

/// Message of the panic when a future is polled after completion.
pub(crate) const POLLED_AGAIN: &str = "a response future is not polled after completion";
