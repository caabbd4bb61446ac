//! Bodies that go to providers and come back from them.

mod request;
mod response;

pub use self::{request::RequestBody, response::RouteBody};
pub(crate) use self::{
    request::{Gathered, gather},
    response::Held,
};
