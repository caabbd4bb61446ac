//! The services that are warmed.

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use scrimp_core::BoxError;
use tower_service::Service;

/// A stack of layers, or a client, as a warmer needs it: any service of HTTP that can be cloned. It is implemented for
/// all of these, and names their types.
pub trait WarmService<ReqB>:
    Service<
        Request<ReqB>,
        Response = Response<<Self as WarmService<ReqB>>::Body>,
        Error: Into<BoxError>,
    > + Clone
{
    /// Body of responses.
    type Body: Body<Data = Bytes, Error: Into<BoxError>>;
}

impl<S, ReqB, ResB> WarmService<ReqB> for S
where
    S: Service<Request<ReqB>, Response = Response<ResB>, Error: Into<BoxError>> + Clone,
    ResB: Body<Data = Bytes, Error: Into<BoxError>>,
{
    type Body = ResB;
}
