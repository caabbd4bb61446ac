//! Reads what a response says about the cache that it came through.

use std::time::Duration;

use http::Response;
use scrimp_core::extensions::{CacheInfo, CacheState};
use scrimp_http::{
    age::age,
    cache_control::{ResponseControl, expires_after_date},
    cache_status::CacheVerdict,
};

/// Facts about a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) from: From,
    /// Time until it expires, if known.
    pub(crate) remaining: Option<Duration>,
    pub(crate) lifetime: Option<Duration>,
    /// Cost that the cache has measured, smoothed.
    pub(crate) cost: Option<Duration>,
    /// True if the cache reports in extensions: exact to the microsecond, and it obeys directives.
    pub(crate) explained: bool,
}

/// Origin of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// From the store, fresh.
    Hit,
    /// From the store, stale.
    Stale,
    /// From the upstream, and stored once its body has ended; or stored, and confirmed by the
    /// upstream.
    Fill,
    /// From the upstream, and not stored.
    Pass,
    /// Unknown.
    Unknown,
}

// === impl Seen ===

impl Seen {
    /// Returns the same facts after this much time.
    pub(crate) fn after(self, time: Duration) -> Self {
        let remaining = self.remaining.map(|left| left.saturating_sub(time));
        Self { remaining, ..self }
    }

    /// Reads a response: the verdict of a scrimp cache if there is one, or else its header fields.
    pub(crate) fn read<B>(response: &Response<B>) -> Self {
        match response.extensions().get::<CacheInfo>() {
            Some(info) => Self::explained(info),
            None => Self::from_fields(response),
        }
    }

    fn explained(info: &CacheInfo) -> Self {
        let from = match info.state {
            CacheState::Hit => From::Hit,
            CacheState::Stale => From::Stale,
            CacheState::Revalidated | CacheState::Miss if info.stored => From::Fill,
            _ => From::Pass,
        };
        let lifetime = info.age.zip(info.expires_in);
        Self {
            from,
            remaining: info.expires_in,
            lifetime: lifetime.map(|(age, left)| age.saturating_add(left)),
            cost: info.recompute_cost,
            explained: true,
        }
    }

    /// Reads Cache-Status (RFC 9211), X-Cache and its variants, Age and Cache-Control (RFC 9111).
    /// Without one of the first three, no cache can be detected.
    fn from_fields<B>(response: &Response<B>) -> Self {
        let headers = response.headers();
        let verdict = CacheVerdict::read(headers);
        let age = age(headers);
        let mut seen = Self {
            from: From::Unknown,
            remaining: None,
            lifetime: None,
            cost: None,
            explained: false,
        };
        if verdict.is_none() && age.is_none() {
            return seen;
        }
        let verdict = verdict.unwrap_or_default();
        let control = ResponseControl::read(headers);
        let fresh_for = control
            .shared_lifetime()
            .or_else(|| expires_after_date(headers));
        // An age above zero was spent in a store.
        let hit = verdict.hit.unwrap_or(age.is_some_and(|age| !age.is_zero()));
        seen.lifetime = fresh_for;
        seen.remaining = match (verdict.ttl, fresh_for) {
            (Some(ttl), _) => Some(Duration::from_secs(ttl.try_into().unwrap_or(0))),
            (None, Some(fresh)) if age.is_some() || !hit => {
                Some(fresh.saturating_sub(age.unwrap_or_default()))
            }
            _ => None,
        };
        if let (Some(ttl), None) = (seen.remaining, seen.lifetime) {
            seen.lifetime = Some(ttl.saturating_add(age.unwrap_or_default()));
        }
        let fresh = seen.remaining.is_some_and(|left| !left.is_zero());
        let kept = control.allows_shared_reuse() && fresh;
        seen.from = match () {
            () if hit && (verdict.stale || seen.remaining == Some(Duration::ZERO)) => From::Stale,
            () if hit => From::Hit,
            () if verdict.stored.unwrap_or(kept) && kept => From::Fill,
            () => From::Pass,
        };
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[(&'static str, &str)]) -> (From, Option<u64>, Option<u64>) {
        let mut response = Response::new(());
        for (name, value) in fields {
            let value = value.parse().expect("a value");
            response.headers_mut().append(*name, value);
        }
        let seen = Seen::read(&response);
        let seconds = |time: Option<Duration>| time.map(|time| time.as_secs());
        (seen.from, seconds(seen.remaining), seconds(seen.lifetime))
    }

    #[test]
    fn the_fields_of_each_cache_are_understood() {
        let cc = ("cache-control", "max-age=60");
        for (fields, expected) in [
            // This project's own cache, and others that follow RFC 9211. The last member is the
            // nearest.
            (
                &[("cache-status", "scrimp; hit; ttl=40"), ("age", "20"), cc][..],
                (From::Hit, Some(40), Some(60)),
            ),
            (
                &[("cache-status", "scrimp; hit; ttl=-5"), ("age", "65"), cc],
                (From::Stale, Some(0), Some(60)),
            ),
            (
                &[
                    (
                        "cache-status",
                        "o; hit, \"a, b\"; fwd=uri-miss; ttl=60; stored",
                    ),
                    cc,
                ],
                (From::Fill, Some(60), Some(60)),
            ),
            (
                &[("cache-status", "scrimp; fwd=bypass"), cc],
                (From::Pass, Some(60), Some(60)),
            ),
            // Varnish.
            (
                &[("x-varnish", "32770 3"), ("age", "10"), cc],
                (From::Hit, Some(50), Some(60)),
            ),
            (
                &[("x-varnish", "5"), ("age", "0"), cc],
                (From::Fill, Some(60), Some(60)),
            ),
            // nginx, which sends no Age.
            (
                &[("x-cache-status", "HIT"), cc],
                (From::Hit, None, Some(60)),
            ),
            (
                &[("x-cache-status", "MISS"), cc],
                (From::Fill, Some(60), Some(60)),
            ),
            (
                &[("x-cache-status", "STALE"), cc],
                (From::Stale, None, Some(60)),
            ),
            // CDNs.
            (
                &[("x-cache", "MISS, HIT"), ("age", "1"), cc],
                (From::Hit, Some(59), Some(60)),
            ),
            (
                &[("x-cache", "Miss from cloudfront"), cc],
                (From::Fill, Some(60), Some(60)),
            ),
            (
                &[("cf-cache-status", "DYNAMIC"), cc],
                (From::Pass, Some(60), Some(60)),
            ),
            // Age alone, with s-maxage before max-age, or Expires.
            (
                &[("age", "7"), ("cache-control", "s-maxage=10, max-age=60")],
                (From::Hit, Some(3), Some(10)),
            ),
            (
                &[
                    ("age", "7"),
                    ("date", "Thu, 01 Jan 1970 00:00:00 GMT"),
                    ("expires", "Thu, 01 Jan 1970 00:00:30 GMT"),
                ],
                (From::Hit, Some(23), Some(30)),
            ),
            // The shorter of two lifetimes counts, and the first of two ages.
            (
                &[("age", "7, 1"), ("cache-control", "max-age=60, max-age=9")],
                (From::Hit, Some(2), Some(9)),
            ),
            // An Expires that is no date means expired (RFC 9111 §5.3).
            (
                &[
                    ("age", "7"),
                    ("date", "Thu, 01 Jan 1970 00:00:00 GMT"),
                    ("expires", "0"),
                ],
                (From::Stale, Some(0), Some(0)),
            ),
            // A directive about one field does not keep the response out of the store.
            (
                &[
                    ("x-cache", "MISS"),
                    ("cache-control", "max-age=60, private=\"a, no-store\""),
                ],
                (From::Fill, Some(60), Some(60)),
            ),
        ] {
            assert_eq!(read(fields), expected, "{fields:?}");
        }
    }

    #[test]
    fn uncacheable_and_unknown_responses_are_recognized() {
        let miss = ("x-cache", "MISS");
        for forbidden in [
            "no-store",
            "private, max-age=60",
            "max-age=0",
            "no-cache",
            "max-age=bad",
            "max-age=60, no-store;x",
        ] {
            assert_eq!(
                read(&[miss, ("cache-control", forbidden)]).0,
                From::Pass,
                "{forbidden}"
            );
        }
        assert_eq!(read(&[miss]).0, From::Pass);
        assert_eq!(read(&[("cache-control", "max-age=60")]).0, From::Unknown);
        assert_eq!(read(&[]).0, From::Unknown);
        assert_eq!(
            read(&[("age", "soon"), ("cache-control", "max-age=60")]).0,
            From::Unknown
        );
    }

    #[test]
    fn a_verdict_in_extensions_counts_before_fields() {
        let mut response = Response::builder()
            .header("x-cache", "MISS")
            .body(())
            .expect("a response");
        let mut info = CacheInfo::new(CacheState::Hit);
        info.age = Some(Duration::from_millis(1_500));
        info.expires_in = Some(Duration::from_millis(500));
        info.recompute_cost = Some(Duration::from_millis(7));
        response.extensions_mut().insert(info);
        let seen = Seen::read(&response);
        assert_eq!((seen.from, seen.explained), (From::Hit, true));
        assert_eq!(seen.lifetime, Some(Duration::from_secs(2)));
        assert_eq!(seen.cost, Some(Duration::from_millis(7)));
    }
}
