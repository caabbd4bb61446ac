//! Calls of the batch API.

use bytes::Bytes;
use http::{Request, Response};

use crate::{
    client::{Failure, Lines},
    queue::StoredJob,
    shared::Core,
};

/// Adds the account of a job to a call. A call for an account that the operator has removed goes without, and is
/// refused.
fn paid(core: &Core, account: &str, mut request: Request<Bytes>) -> Request<Bytes> {
    if let Some(account) = core.config.accounts.named(account) {
        account.attach(request.headers_mut());
    }
    request
}

pub(super) async fn call(
    core: &Core,
    job: &StoredJob,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, Failure> {
    let result = quiet(core, job, request).await;
    if let Err(error) = &result {
        core.counters.retried.increment();
        tracing::debug!(tag = %job.tag, %error, "a call of the batch API failed");
    }
    result
}

/// Makes a call on which nothing depends.
pub(super) async fn quiet(
    core: &Core,
    job: &StoredJob,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, Failure> {
    let request = paid(core, &job.account, request);
    core.config.client.call(request, &core.config.clock).await
}

pub(super) async fn lines(
    core: &Core,
    job: &StoredJob,
    request: Request<Bytes>,
) -> Result<Lines, Failure> {
    let request = paid(core, &job.account, request);
    core.config.client.lines(request, &core.config.clock).await
}

/// Makes a call of its own, for a request of this account.
pub(super) async fn own(
    core: &Core,
    account: &str,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, scrimp_core::BoxError> {
    core.config.client.send(paid(core, account, request)).await
}
