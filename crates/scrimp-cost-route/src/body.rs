//! Bodies that go to providers and come back from them.

mod drain;
mod request;
mod response;

pub(crate) use self::{
    drain::Drains,
    request::{Gathered, Kept, gather},
    response::Held,
};
pub use self::{request::RequestBody, response::RouteBody};
