//! The routes with the highest savings.

use std::collections::HashMap;

/// Highest number of separate routes. Later ones count as `(other)`, so that a crawl of random
/// paths cannot fill the memory.
const MAX_ROUTES: usize = 10_000;
const OTHER: &str = "(other)";

/// Requests and upstream calls of one route.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Route {
    /// Method and path, with numbers, UUIDs and hashes as `{id}`.
    pub route: String,
    /// Requests for it.
    pub requests: u64,
    /// Requests that reached the upstream.
    pub upstream_calls: u64,
}

/// Counts per route.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    counts: HashMap<String, (u64, u64)>,
    /// The last route, whose memory the next one takes.
    last: String,
}

// === impl Route ===

impl Route {
    /// Returns the upstream calls that were avoided.
    #[must_use]
    pub fn saved(&self) -> u64 {
        self.requests.saturating_sub(self.upstream_calls)
    }
}

// === impl Routes ===

impl Routes {
    pub(crate) fn count(&mut self, method: &str, target: &str, upstream_calls: u64) {
        let counts = self.of(method, target);
        counts.0 += 1;
        counts.1 += upstream_calls;
    }

    /// Counts a call for a request.
    pub(crate) fn called(&mut self, method: &str, target: &str) {
        self.of(method, target).1 += 1;
    }

    fn of(&mut self, method: &str, target: &str) -> &mut (u64, u64) {
        let Self { counts, last } = self;
        last.clear();
        template(last, method, target);
        if !counts.contains_key(last) {
            if counts.len() >= MAX_ROUTES {
                OTHER.clone_into(last);
            }
            counts.entry(last.clone()).or_default();
        }
        counts
            .get_mut(last)
            .expect("it is there, or was added just now")
    }

    /// Returns the routes that save the most calls, the highest first.
    pub(crate) fn top(self, count: usize) -> Vec<Route> {
        let routes = self
            .counts
            .into_iter()
            .map(|(route, (requests, upstream_calls))| Route {
                route,
                requests,
                upstream_calls,
            });
        let mut routes: Vec<_> = routes.collect();
        routes.sort_by(|a, b| {
            let order = |route: &Route| std::cmp::Reverse((route.saved(), route.requests));
            order(a).cmp(&order(b)).then_with(|| a.route.cmp(&b.route))
        });
        routes.truncate(count);
        routes
    }
}

/// Writes `GET /products/{id}` for `/products/123?x=1`.
fn template(route: &mut String, method: &str, target: &str) {
    let path = target.split('?').next().unwrap_or_default();
    route.push_str(method);
    route.push(' ');
    for (at, segment) in path.split('/').enumerate() {
        if at > 0 {
            route.push('/');
        }
        route.push_str(if is_id(segment) { "{id}" } else { segment });
    }
}

/// Reports whether a segment is a number, a UUID, or a hash: at least eight hex digits that are not
/// a word.
fn is_id(segment: &str) -> bool {
    let digits = segment.bytes().filter(u8::is_ascii_digit).count();
    let hex = || {
        segment
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
    };
    digits > 0 && (digits == segment.len() || (segment.len() >= 8 && hex()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_become_one_route_and_words_stay() {
        let template = |method, target| {
            let mut route = String::new();
            super::template(&mut route, method, target);
            route
        };
        assert_eq!(template("GET", "/products/123?x=1"), "GET /products/{id}");
        assert_eq!(
            template("GET", "/u/6fa459ea-ee8a-3ca4-894e-db77e160355e/x"),
            "GET /u/{id}/x"
        );
        assert_eq!(template("GET", "/commit/deadbeef01"), "GET /commit/{id}");
        assert_eq!(template("GET", "/facade/v2/"), "GET /facade/v2/");
        assert_eq!(template("GET", "/"), "GET /");
    }

    #[test]
    fn a_flood_of_paths_ends_in_one_route() {
        let mut routes = Routes::default();
        for number in 0..MAX_ROUTES + 7 {
            routes.count("GET", &format!("/page-{number}"), 1);
        }
        let other = routes.counts[OTHER];
        assert_eq!(other, (7, 7));
    }
}
