//! Calls to the upstream: how they are made, and what their answers mean for what is stored.

mod behind;
mod choice;
mod exchange;
mod fetch;
mod label;
mod offer;
mod race;
mod said;
mod watched;
mod write;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

pub(crate) use choice::Choice;
pub(crate) use exchange::Exchange;
pub(crate) use race::Race;

use crate::body::CacheBody;

/// A service that calls are made with, told by what it is: all that the service under a cache
/// has to be.
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

/// What comes of a call in the end.
type Outcome<S, ReqB> =
    Result<Response<CacheBody<<S as Upstream<ReqB>>::Body>>, <S as Service<Request<ReqB>>>::Error>;

/// What a future that is polled after completion panics with.
pub(crate) const POLLED_AGAIN: &str = "a response future is not polled after completion";
