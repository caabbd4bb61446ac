//! Properties of status codes.

use http::StatusCode;

/// Reports whether a response of this status may be stored without explicit permission, with a
/// heuristic lifetime (RFC 9110 §15.1).
///
/// 206 is one of these codes; a cache that stores only whole responses leaves it out.
#[must_use]
pub fn is_heuristically_cacheable(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200 | 203 | 204 | 206 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501
    )
}

/// Reports whether a status is passing: the server failed, or asks the client to try later.
#[must_use]
pub fn is_passing(status: StatusCode) -> bool {
    let later = [
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::TOO_EARLY,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    status.is_server_error() || later.contains(&status)
}

/// Reports whether a status refuses the caller rather than the request: 401, 403 and 407 (RFC 9110
/// §15.5.2, §15.5.4, §15.5.8). Another caller may be given something else.
#[must_use]
pub fn refuses_caller(status: StatusCode) -> bool {
    matches!(status.as_u16(), 401 | 403 | 407)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_codes_refuse_the_caller() {
        let codes = (100..1000).filter_map(|code| StatusCode::from_u16(code).ok());
        let codes: Vec<_> = codes.filter(|code| refuses_caller(*code)).collect();
        assert_eq!(codes, [401, 403, 407]);
    }

    #[test]
    fn the_codes_are_those_of_the_standard() {
        let codes: Vec<u16> = (100..1000)
            .filter(|code| is_heuristically_cacheable(StatusCode::from_u16(*code).unwrap()))
            .collect();
        assert_eq!(
            codes,
            [200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501]
        );
    }
}
