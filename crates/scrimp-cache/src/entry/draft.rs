//! A stored response before its body has come in.

use std::{sync::atomic::AtomicU64, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use scrimp_core::{
    Money,
    extensions::{CacheInfo, CacheState},
};

use scrimp_http::{cache_control::ResponseControl, date, names, role};

use crate::{
    entry::{Booking, CACHE_STATUS, Entry, RefreshFlag, compact},
    invalidation::{carry, epoch::Birth, key_tag},
    policy::{
        Policy, Selection,
        answer::{Answer, Field},
        freshness::Arrival,
        judge::Standing,
        merge,
        refusal::Refusal,
        storable::{self, Asking, Permissions},
    },
    rule::Rule,
    shared::Shared,
    upstream::{exchange::charge, fetch::Fetch},
};

/// A response that may be stored, as far as that has to be known before its first byte goes
/// on. What is left to do is done once its body has come in.
pub(crate) struct Draft {
    /// As the upstream sent it.
    head: Response<()>,
    withheld: Vec<HeaderName>,
    policy: Policy,
    selection: Selection,
    charge: Money,
    max_body: u64,
    arrival: Arrival,
}

// === impl Draft ===

impl Draft {
    /// Decides whether a response may be stored, and for how long it is fresh.
    pub(crate) fn new<St>(
        shared: &Shared<St>,
        fetch: &Fetch,
        head: &Response<()>,
    ) -> Result<Box<Self>, Refusal> {
        let config = &shared.config;
        let rule = config.rules.find(&fetch.request, head);
        if rule.is_some_and(|rule| rule.bypass) {
            return Err(Refusal::Rule);
        }
        // A page under a static file's name: its origin may know it, the rule does not.
        let deceived = rule.is_some_and(|rule| rule.is_deceived(&fetch.request, head));
        let rule = rule.filter(|_| !deceived);
        let ttl = rule
            .filter(|rule| rule.covers_status(head))
            .and_then(|rule| rule.ttl(&fetch.request, head));
        let permissions = permissions(rule, ttl, fetch, config.strict_cookies);
        let answer = Answer::read(head.headers());
        let (control, targeted) = control(&config.targets, &answer, permissions);
        let (mode, status) = (config.mode, head.status());
        if deceived && (fetch.facts.cookie || !storable::origin_allows(mode, &answer, &control)) {
            return Err(Refusal::ContentType);
        }
        let asking = Asking::from(&fetch.facts);
        storable::check(mode, asking, status, &answer, &control, permissions)?;
        #[cfg(feature = "no-vary-search")]
        {
            let path =
                crate::invalidation::search_tag(fetch.request.uri(), fetch.request.headers());
            let shown = crate::request::search::Variance::read(head.headers());
            shared.variances.note(path, shown.as_ref());
            if fetch.whole_query && shown != fetch.variance {
                return Err(Refusal::SearchVariance);
            }
        }
        let selection = Selection::new(&fetch.request, &answer).ok_or(Refusal::VaryStar)?;
        let keyed = rule.map_or(&[][..], |rule| &rule.key.headers);
        if is_disguised(&fetch.request, &selection, keyed) {
            return Err(Refusal::Disguised);
        }
        let now = config.clock.instant();
        let arrival = Arrival {
            now,
            wall: config.clock.wall(),
            delay: now.saturating_duration_since(fetch.sent),
        };
        let mut policy = Policy::new(mode, status, &answer, &control, targeted, ttl, arrival);
        if fetch.explicit_only && !policy.source().is_explicit() {
            return Err(Refusal::NotCacheable);
        }
        if let Some(rule) = rule {
            let limits = rule.limits;
            let cut = fastrand::f64() * f64::from(limits.jitter) / 1000.0;
            policy.bound(limits.min_ttl, limits.max_ttl, cut);
            if let Some(window) = rule.fail_safe {
                policy.fail_safe(window);
            }
        }
        let mut copy = Response::new(());
        *copy.status_mut() = status;
        *copy.version_mut() = head.version();
        *copy.headers_mut() = head.headers().clone();
        Ok(Box::new(Self {
            head: copy,
            withheld: control.withheld,
            policy,
            selection,
            charge: charge(shared, head),
            max_body: rule
                .and_then(|rule| rule.limits.max_body)
                .unwrap_or(u64::MAX),
            arrival,
        }))
    }

    /// Largest body the rule wants stored.
    pub(crate) fn max_body(&self) -> u64 {
        self.max_body
    }

    /// How the response stands at the moment it came.
    pub(crate) fn standing(&self) -> Standing {
        Standing::new(&self.policy, self.arrival.now)
    }

    /// The verdict on a response that is being stored.
    pub(crate) fn info(&self, state: CacheState) -> CacheInfo {
        let mut info = crate::lookup::answer::info(None, self.standing(), state);
        if self.policy.always_validate {
            info.expires_in = Some(Duration::ZERO);
        }
        info
    }

    /// The stored response, now that its body is known.
    ///
    /// `previous` is given for a response that is only confirmed. What a hit on it is worth
    /// stays, as a confirmation's own cost says nothing about that of a full answer; and so
    /// do its tags, which a 304 need not repeat.
    pub(crate) fn finish<St>(
        self: Box<Self>,
        shared: &Shared<St>,
        fetch: &Fetch,
        previous: Option<&Entry>,
        (body, trailers): (Bytes, Option<HeaderMap>),
    ) -> Result<Entry, Refusal> {
        let config = &shared.config;
        let rule = config.rules.find(&fetch.request, &self.head);
        let key = key_tag(fetch.key.as_ref());
        let tags = fetch.tags.as_ref();
        let mut carried = carry(config, rule, &fetch.request, tags, &self.head, key)?;
        if let Some(previous) = previous {
            carried.add_all(previous.birth.carried());
        }
        let booking = match previous {
            Some(previous) => previous.booking.clone(),
            None => new_booking(shared, fetch, self.charge, rule),
        };
        let (parts, ()) = self.head.into_parts();
        let mut headers = parts.headers;
        merge::strip(&mut headers, &self.withheld);
        let upstream_status = take_cache_status(&mut headers);
        if config.strip_tag_headers {
            for name in &config.tag_headers {
                headers.remove(name);
            }
        }
        dated(&mut headers, self.arrival);
        match &trailers {
            Some(trailers) => announced(&mut headers, trailers),
            None => measured(&mut headers, parts.status, &body),
        }
        headers.remove(header::AGE);
        // Slots for what changes with every hit, in front of all other fields.
        let mut slots = HeaderMap::with_capacity(headers.keys_len() + 2);
        slots.insert(header::AGE, HeaderValue::from_static("0"));
        slots.insert(CACHE_STATUS, HeaderValue::from_static(""));
        let headers = compact(&headers, slots);
        // From the copy: else they would keep the whole buffer of the connection they came by.
        let policy = self.policy.with_validators(&Answer::read(&headers));
        Ok(Entry {
            status: parts.status,
            version: parts.version,
            headers,
            body,
            trailers,
            upstream_status,
            asked: fetch.sent,
            policy,
            selection: self.selection,
            birth: Birth::new(fetch.born, carried),
            booking,
            recompute_cost: cost(
                fetch,
                config.clock.instant().saturating_duration_since(fetch.sent),
            ),
            refreshing: RefreshFlag::default(),
            weighed: AtomicU64::new(0),
        })
    }
}

/// How long the upstream takes, smoothed over the entry's forerunners: a single slow answer
/// says little of the next one.
fn cost(fetch: &Fetch, measured: Duration) -> Duration {
    match &fetch.stored {
        Some(stored) => stored.recompute_cost / 4 * 3 + measured / 4,
        None => measured,
    }
}

fn permissions(
    rule: Option<&Rule>,
    ttl: Option<Duration>,
    fetch: &Fetch,
    strict_cookies: bool,
) -> Permissions {
    let permissions = rule.map_or_else(Permissions::default, Rule::permissions);
    Permissions {
        ttl: ttl.is_some(),
        set_cookie: permissions.set_cookie || !strict_cookies,
        authorization: fetch.keyed_authorization,
        ..permissions
    }
}

/// The directives that count: of a targeted field, or of Cache-Control; without those that
/// a rule overrides.
pub(crate) fn control(
    targets: &[HeaderName],
    answer: &Answer<'_>,
    permissions: Permissions,
) -> (ResponseControl, bool) {
    let (mut control, targeted) = match ResponseControl::targeted(answer.headers(), targets) {
        Some(control) => (control, true),
        None => {
            let lines = answer.all(Field::CacheControl).into_iter().flatten();
            (ResponseControl::parse(lines), false)
        }
    };
    if permissions.override_origin {
        control.no_store = false;
        control.no_cache = false;
        control.private = false;
        control.must_revalidate = false;
        control.withheld.clear();
    }
    (control, targeted)
}

/// Returns whether a request holds, under a name with `_`, a field that selects the answer: an
/// upstream behind a CGI-like interface takes it for the one with `-`, which the key and the
/// selection have seen nothing of.
fn is_disguised(request: &Request<()>, selection: &Selection, keyed: &[HeaderName]) -> bool {
    let headers = request.headers();
    let selects = |name: &HeaderName| {
        role::is_preference(name)
            || selection
                .names()
                .chain(keyed)
                .any(|own| names::equal(own.as_str(), name.as_str()))
    };
    let mut disguised = headers
        .keys()
        .filter(|name| !role::is_indifferent(name) && names::is_disguised(name));
    disguised.any(|name| selects(name) && !selection.names().chain(keyed).any(|own| own == name))
}

/// Takes out what caches nearer to the origin have said, as one line.
fn take_cache_status(headers: &mut HeaderMap) -> Option<Bytes> {
    let lines: Vec<_> = headers
        .get_all(CACHE_STATUS)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    let said = (!lines.is_empty()).then(|| Bytes::from(lines.join(&b", "[..])));
    headers.remove(CACHE_STATUS);
    said
}

/// Adds the Date that a response without one is taken to have (RFC 9110 §6.6.1).
fn dated(headers: &mut HeaderMap, arrival: Arrival) {
    if !headers.contains_key(header::DATE)
        && let Some(date) = date::format(arrival.wall)
    {
        headers.insert(header::DATE, date);
    }
}

/// Adds the Content-Length that a response without one has, now that it is known.
fn measured(headers: &mut HeaderMap, status: StatusCode, body: &Bytes) {
    // RFC 9110 §8.6: these have no content, and no length either.
    let may = status != StatusCode::NO_CONTENT && !status.is_informational();
    if may && !headers.contains_key(header::CONTENT_LENGTH) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
}

/// Adds the Trailer that was taken out as hop-by-hop: HTTP/1.1 servers send only trailers that
/// are named there (RFC 9110 §6.6.2), and none behind a body whose length was told.
fn announced(headers: &mut HeaderMap, trailers: &HeaderMap) {
    let names = trailers.keys().cloned().map(HeaderValue::from);
    for name in names {
        headers.append(header::TRAILER, name);
    }
}

/// Where a hit on this response will be booked, and what it saves.
fn new_booking<St>(
    shared: &Shared<St>,
    fetch: &Fetch,
    charge: Money,
    rule: Option<&Rule>,
) -> Option<Booking> {
    let ledger = shared.config.ledger.as_ref()?;
    let route = rule.map_or("*", |rule| rule.name());
    let account = ledger.account("cache", fetch.tenant(), route, charge.currency());
    Some(Booking { account, charge })
}
