//! The reference model: which responses may no longer be served, and the check of a response.

use http::{HeaderMap, Response, StatusCode};

use super::{
    origin::frame,
    step::{How, KEYS},
};

/// Per key, the newest value that an invalidation has covered.
#[derive(Debug, Clone, Copy, Default)]
pub struct Floors {
    /// Value of a hard invalidation: anything older is gone.
    pub hard: [u64; KEYS],
    /// Value of a soft invalidation: anything older is stale.
    pub soft: [u64; KEYS],
    /// Value of a version: anything older is gone, even if it arrives later.
    pub version: [u64; KEYS],
}

/// The allowed responses to a request, at the time of the request.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    pub key: usize,
    pub how: How,
    pub floors: Floors,
    pub lagging: bool,
}

// === impl Asked ===

impl Asked {
    /// Checks a response. Returns the body it must have, if that is known.
    pub fn judge<B>(&self, response: &Response<B>) -> Option<String> {
        let headers = response.headers();
        let status = text(headers, "cache-status");
        let forwarded_head = matches!(self.how, How::Head) && !status.contains("; hit");
        let name = match forwarded_head && headers.contains_key("x-head-value") {
            true => "x-head-value",
            false => "x-value",
        };
        let value: u64 = match text(headers, name).parse() {
            Ok(value) => value,
            Err(_) => {
                let code = response.status();
                let expected = match self.how {
                    How::OnlyIfCached => {
                        code == StatusCode::GATEWAY_TIMEOUT
                            || code == StatusCode::SERVICE_UNAVAILABLE
                    }
                    _ => code == StatusCode::SERVICE_UNAVAILABLE,
                };
                assert!(expected, "an answer out of nowhere: {code}, {status}");
                return None;
            }
        };
        let key = self.key;
        let hit = status.contains("; hit");
        let complaint = || format!("value {value} of key {key}, {status}, for {self:?}");
        if !self.lagging {
            assert!(value >= self.floors.hard[key], "invalid: {}", complaint());
            assert!(
                self.may_be_stale(headers, hit, status) || value >= self.floors.soft[key],
                "fresh though softly invalidated: {}",
                complaint()
            );
        }
        if hit && text(headers, "x-versioned") == "1" {
            assert!(
                value >= self.floors.version[key],
                "outdated: {}",
                complaint()
            );
        }
        if response.status() != StatusCode::OK || matches!(self.how, How::Head) {
            return None;
        }
        let frames: usize = text(headers, "x-frames")
            .parse()
            .expect("a count of frames");
        Some(
            (0..frames)
                .map(|number| frame(key, value, number))
                .collect(),
        )
    }

    fn may_be_stale(&self, headers: &HeaderMap, hit: bool, status: &str) -> bool {
        let allowed = text(headers, "cache-control").contains("stale-while-revalidate")
            || matches!(self.how, How::MaxStale);
        (hit && allowed) || status.contains("detail=unreachable")
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .map_or("", |value| value.to_str().expect("visible ASCII"))
}
