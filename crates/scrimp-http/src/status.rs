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

#[cfg(test)]
mod tests {
    use super::*;

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
