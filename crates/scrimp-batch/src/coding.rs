//! Bodies without their content codings.

use bytes::Bytes;
use http::Response;
use scrimp_http::coding::is_coded;

/// Reason for which a body is not decoded.
#[derive(Debug)]
pub(crate) struct Undecoded {
    message: String,
    /// True if the body is above the limit, and may be good.
    pub(crate) too_long: bool,
}

/// Returns a response whose body has no content coding, as [`decoded`] does, and decodes beside the
/// worker: the time of it grows with the decoded bytes.
///
/// # Errors
///
/// The messages of those of [`decoded`].
pub(crate) async fn identity(
    response: Response<Bytes>,
    most: usize,
) -> Result<Response<Bytes>, String> {
    if !is_coded(response.headers()) {
        return Ok(response);
    }
    let decoding = tokio::task::spawn_blocking(move || decoded(response, most));
    match decoding.await {
        Ok(decoded) => decoded.map_err(|error| error.message),
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
pub(crate) fn decoded(
    response: Response<Bytes>,
    most: usize,
) -> Result<Response<Bytes>, Undecoded> {
    use scrimp_http::decode::{DecodeError, response as decode};

    decode(response, most).map_err(|error| Undecoded {
        message: error.to_string(),
        too_long: matches!(error, DecodeError::TooLong(_)),
    })
}

#[cfg(not(feature = "decode"))]
pub(crate) fn decoded(response: Response<Bytes>, _: usize) -> Result<Response<Bytes>, Undecoded> {
    match is_coded(response.headers()) {
        true => Err(Undecoded {
            message: "it has a content coding, which needs the feature `decode`".into(),
            too_long: false,
        }),
        false => Ok(response),
    }
}
