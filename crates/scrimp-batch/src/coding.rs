//! Bodies without their content codings.

use bytes::Bytes;
use http::Response;
use scrimp_http::coding::is_coded;

/// Returns a response whose body has no content coding, as [`decoded`] does, and decodes beside the
/// worker: the time of it grows with the decoded bytes.
///
/// # Errors
///
/// Those of [`decoded`].
pub(crate) async fn identity(
    response: Response<Bytes>,
    most: usize,
) -> Result<Response<Bytes>, String> {
    if !is_coded(response.headers()) {
        return Ok(response);
    }
    let decoding = tokio::task::spawn_blocking(move || decoded(response, most));
    match decoding.await {
        Ok(decoded) => decoded,
        Err(error) => Err(error.to_string()),
    }
}

/// Returns a response whose body has no content coding, of up to `most` decoded bytes.
///
/// # Errors
///
/// If a coding is unknown, or the body is not in it, or is above the limit. Without the feature
/// `decode`, no coding is known.
#[cfg(feature = "decode")]
pub(crate) fn decoded(response: Response<Bytes>, most: usize) -> Result<Response<Bytes>, String> {
    scrimp_http::decode::response(response, most).map_err(|error| error.to_string())
}

#[cfg(not(feature = "decode"))]
pub(crate) fn decoded(response: Response<Bytes>, _: usize) -> Result<Response<Bytes>, String> {
    match is_coded(response.headers()) {
        true => Err("it has a content coding, which needs the feature `decode`".into()),
        false => Ok(response),
    }
}
