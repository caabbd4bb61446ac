//! Calls of a client with its own middlewares.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::Extensions;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Error};

use crate::{
    call::{Call, Vouched},
    middleware::watch::Watch,
};

type Answered = Result<(reqwest::Response, Extensions), Error>;

/// A call of a client with middlewares, which pass it on to each other.
pub struct MiddlewareCall {
    call: Pin<Box<dyn Future<Output = Answered> + Send>>,
}

impl Call for ClientWithMiddleware {
    type Error = Error;
    type Future = MiddlewareCall;

    fn call(&self, mut request: reqwest::Request) -> MiddlewareCall {
        let client = self.clone();
        let call = Box::pin(async move {
            let mut extensions = take_extensions(&mut request)?;
            let client = match extensions.remove::<Vouched>() {
                Some(Vouched) => client,
                None => ClientBuilder::from_client(client)
                    .with(Watch::new(request.headers()))
                    .build(),
            };
            let response = client
                .execute_with_extensions(request, &mut extensions)
                .await?;
            Ok((response, extensions))
        });
        MiddlewareCall { call }
    }

    fn client(&self) -> Option<&reqwest::Client> {
        Some(self.as_ref())
    }
}

/// Takes the extensions that the stack has set, for middlewares that read them. reqwest keeps its
/// own copy, which may contain a time-out.
fn take_extensions(request: &mut reqwest::Request) -> Result<Extensions, reqwest::Error> {
    let url = request.url().clone();
    let taken = std::mem::replace(request, reqwest::Request::new(http::Method::GET, url));
    let taken = http::Request::<reqwest::Body>::try_from(taken)?;
    let extensions = taken.extensions().clone();
    *request = taken.try_into()?;
    Ok(extensions)
}

impl Future for MiddlewareCall {
    type Output = Answered;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answered> {
        self.call.as_mut().poll(cx)
    }
}

impl fmt::Debug for MiddlewareCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MiddlewareCall").finish_non_exhaustive()
    }
}
