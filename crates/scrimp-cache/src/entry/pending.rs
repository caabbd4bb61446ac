//! A stored response before its body is complete.

use std::{sync::atomic::AtomicU32, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, Response};
use scrimp_core::{
    Money,
    extensions::{CacheInfo, CacheState, CalledModel, Settlement},
};
use scrimp_http::{names, role, stream::Pieces};

use super::{Booking, CallRecord, Entry, Extras, RefreshFlag, head};
use crate::{
    cache_status,
    changes::{LearnedKey, Lifetime, Observation},
    config::Config,
    invalidation::{carry, epoch::Validity},
    kept::KeptExtensions,
    packed::StoredFields,
    policy::{
        Policy, Selection,
        facts::Answer,
        freshness::Arrival,
        judge::Freshness,
        merge,
        refusal::Refusal,
        storable::{self, Asking, Permissions},
    },
    request::{IS_HEARD, Variances},
    rule::{Place, Rule},
};

/// Maximum number of names of fields of a stored response. A map that holds more has no room for the
/// fields that a cache adds.
pub(crate) const MOST_NAMES: usize = 1 << 14;

/// A response that may be stored, as far as that is decided before its first byte is passed on.
/// The rest is decided after its body.
pub(crate) struct PendingEntry {
    /// The head as the upstream sent it.
    head: Response<()>,
    /// The index of the rule that matches it.
    rule: Place,
    /// The key, if its lifetime is learned, and that lifetime.
    learned: Option<(LearnedKey, Lifetime)>,
    withheld: Vec<HeaderName>,
    policy: Policy,
    selection: Selection,
    charge: Money,
    /// Tells the charge as soon as it is known.
    settlement: Option<Settlement>,
    /// The model of the call, if its response names one.
    model: Option<CalledModel>,
    max_body: u64,
    /// The division of the body, if it is a stream.
    pieces: Option<Pieces>,
    extensions: Option<KeptExtensions>,
    arrival: Arrival,
}

/// The response that was stored before.
pub(crate) enum Previous<'a> {
    /// The new response replaces it, if there is one.
    Replaced(Option<&'a Entry>),
    /// The new response only confirms it.
    Confirmed(&'a Entry),
}

// === impl PendingEntry ===

impl PendingEntry {
    /// Decides whether a response may be stored, and for how long it is fresh. `seen` is what its head says of
    /// changes already.
    pub(crate) fn new(
        config: &Config,
        variances: &Variances,
        call: &CallRecord,
        head: &Response<()>,
        seen: Option<Observation>,
    ) -> Result<Box<Self>, Refusal> {
        let (request, facts) = (&call.request, &call.asked.facts);
        if head.headers().keys_len() > MOST_NAMES {
            return Err(Refusal::TooLarge);
        }
        let place = call.rule(config, head);
        let rule = config.rules.get(place);
        if rule.is_some_and(|rule| rule.bypass) {
            return Err(Refusal::Rule);
        }
        // The page has a static file's name: its origin may know it, the rule does not.
        let deceived = rule.is_some_and(|rule| rule.is_deceived(request, head));
        let rule = rule.filter(|_| !deceived);
        let mut learned = None;
        let ttl = rule
            .filter(|rule| rule.covers_status(head))
            .and_then(|rule| {
                rule.ttl(request, head, |ttl| {
                    let hash = call.key.as_ref().hash_value();
                    let rule = place.unwrap_or_default();
                    let key = LearnedKey { rule, hash, ttl };
                    let (_, lifetime) = learned.insert((key, config.changes.lifetime(key, seen)));
                    lifetime.time
                })
            });
        let by_rule = rule.map_or_else(Permissions::default, Rule::permissions);
        let permissions = Permissions {
            ttl: ttl.is_some(),
            set_cookie: by_rule.set_cookie || !config.strict_cookies,
            credentials: call.asked.credentials,
            ..by_rule
        };
        let answer = Answer::read(head.headers());
        let (control, targeted) = storable::control(&config.targets, &answer, permissions);
        let (mode, status) = (config.mode, head.status());
        if deceived && (facts.cookie || !storable::origin_allows(mode, &answer, &control)) {
            return Err(Refusal::ContentType);
        }
        let asking = Asking::from(facts);
        let pieces = answer.pieces();
        let division = pieces.as_ref();
        storable::check(
            mode,
            asking,
            status,
            &answer,
            &control,
            division,
            permissions,
        )?;
        if IS_HEARD
            && !variances.confirm(request, head.headers(), call.asked.variance.as_ref())
            && !call.has_chosen_query(config)
        {
            return Err(Refusal::SearchVariance);
        }
        let selection = Selection::new(request, &answer).ok_or(Refusal::VaryStar)?;
        // All other credentials were checked above.
        let shares = !facts.cookie || call.asked.shares(config, status, &selection);
        if !shares && !control.allows_credentials() {
            return Err(Refusal::Authorization);
        }
        let keyed = rule.map_or(&[][..], |rule| &rule.key.headers);
        if is_disguised(request, &selection, keyed) {
            return Err(Refusal::Disguised);
        }
        let now = config.clock.instant();
        let arrival = Arrival {
            now,
            wall: config.clock.wall(),
            delay: now.saturating_duration_since(call.sent),
        };
        let mut policy = Policy::new(mode, status, &answer, &control, targeted, ttl, arrival);
        if !config.heuristics {
            policy.without_heuristics();
        }
        if call.explicit_only && !policy.source().is_explicit() {
            return Err(Refusal::NotCacheable);
        }
        // The rule's own bounds hold, so it comes last.
        if let Some(jitter) = call.asked.jitter {
            policy.jitter(jitter);
        }
        if let Some(rule) = rule {
            rule.bound(&mut policy);
        }
        if let Some(retention) = config.retention {
            policy.retain(retention);
        }
        let mut copy = Response::new(());
        *copy.status_mut() = status;
        *copy.version_mut() = head.version();
        *copy.headers_mut() = head.headers().clone();
        Ok(Box::new(Self {
            head: copy,
            rule: place,
            learned,
            withheld: control.withheld,
            policy,
            selection,
            charge: Settlement::cost(head.extensions(), config.price),
            settlement: head.extensions().get().cloned(),
            model: head.extensions().get().cloned(),
            max_body: rule
                .and_then(|rule| rule.limits.max_body)
                .unwrap_or(u64::MAX),
            pieces,
            extensions: config
                .kept
                .as_ref()
                .and_then(|kept| kept.copy(head.extensions())),
            arrival,
        }))
    }

    /// Returns the size of the largest body that the rule allows to be stored.
    pub(crate) fn max_body(&self) -> u64 {
        self.max_body
    }

    /// Returns the division of the body, if it is a stream.
    pub(crate) fn pieces(&self) -> Option<&Pieces> {
        self.pieces.as_ref()
    }

    /// Returns the freshness of the response on arrival.
    pub(crate) fn freshness(&self) -> Freshness {
        Freshness::new(&self.policy, self.arrival.now)
    }

    /// Returns the verdict on a response that is being stored.
    pub(crate) fn info(&self, state: CacheState) -> CacheInfo {
        cache_status::info(state, &self.policy, self.freshness())
    }

    /// Learns from a response whether it has changed, once its body is known. Its own lifetime follows.
    pub(crate) fn learn(&mut self, config: &Config, call: &CallRecord, seen: Observation) {
        if let Some((key, lifetime)) = &mut self.learned {
            *lifetime = config.changes.lifetime(*key, Some(seen));
            self.policy.set_lifetime(lifetime.time);
            if let Some(jitter) = call.asked.jitter {
                self.policy.jitter(jitter);
            }
            if let Some(rule) = config.rules.get(self.rule) {
                rule.bound(&mut self.policy);
            }
        }
    }

    /// Returns the stored response, now that its body is known.
    ///
    /// A response that only confirms a stored one leaves its hit value and recompute cost
    /// unchanged, because a confirmation says nothing about a full response. Its tags stay too, as
    /// a 304 need not repeat them.
    pub(crate) fn finish(
        self: Box<Self>,
        config: &Config,
        call: &CallRecord,
        previous: &Previous<'_>,
        (body, trailers): (Bytes, Option<HeaderMap>),
    ) -> Result<Entry, Refusal> {
        let ends = |pieces: &Pieces| pieces.is_clean(&body, trailers.as_ref());
        if !self.pieces.as_ref().is_none_or(ends) {
            return Err(Refusal::Incomplete);
        }
        let rule = config.rules.get(self.rule);
        if let (Some(rule), Previous::Replaced(_)) = (rule, previous) {
            rule.check.of(&call.request, &self.head, &body)?;
        }
        if let Some((_, lifetime)) = self.learned {
            config.changes.count(lifetime, self.policy.lifetime());
        }
        let tags = call.tags.as_ref();
        let mut carried = carry(config, rule, &call.request, tags, &self.head, &call.key)?;
        let (booking, recompute_cost) = match previous {
            Previous::Confirmed(entry) => {
                if !carried.add_all(entry.validity.carried()) {
                    return Err(Refusal::TooManyTags);
                }
                (entry.booking.clone(), entry.recompute_cost)
            }
            Previous::Replaced(entry) => {
                let route = rule.map_or("*", |rule| rule.name());
                let booking = config.ledger.as_ref();
                let booking = booking.map(|ledger| {
                    // The body has ended, so the cost is known by now.
                    let settlement = self.settlement.as_ref();
                    let charge = settlement.map_or(self.charge, |own| own.known_or(self.charge));
                    let who = (call.tenant(), route);
                    Box::new(Booking::new(ledger, charge, who, self.model.as_ref()))
                });
                let took = config.clock.instant().saturating_duration_since(call.sent);
                (booking, smoothed(*entry, took).into())
            }
        };
        let (parts, ()) = self.head.into_parts();
        let mut headers = parts.headers;
        merge::strip(&mut headers, &self.withheld);
        strip_tags(config, &mut headers);
        let whole = (&body, trailers.as_ref());
        let (headers, upstream_status) = head::stored(headers, parts.status, whole, self.arrival);
        let policy = self.policy.with_validators(&Answer::read(&headers));
        let (selection, is_selection_shared) = config.common.selections.share(self.selection);
        Ok(Entry {
            status: parts.status,
            version: parts.version,
            is_selection_shared,
            headers: StoredFields::new(&headers, Some(&config.common.shapes)),
            body,
            extras: Extras {
                // A copy has no room to spare.
                trailers: trailers.clone(),
                pieces: self.pieces,
                extensions: self.extensions,
                upstream_status,
            }
            .boxed(),
            sent: call.sent.into(),
            policy,
            selection,
            validity: Validity::of_call(&call.start, carried),
            booking,
            recompute_cost,
            refreshing: RefreshFlag::default(),
            #[cfg(feature = "codec")]
            copied: None,
            weighed: AtomicU32::new(0),
        })
    }
}

/// Removes the tag fields, if they are not to be passed on.
pub(crate) fn strip_tags(config: &Config, headers: &mut HeaderMap) {
    if config.strip_tag_headers {
        for name in &config.tag_headers {
            headers.remove(name);
        }
    }
}

/// Returns the upstream's time for a response, smoothed over the replaced entries: one slow
/// response does not predict the next.
fn smoothed(replaced: Option<&Entry>, took: Duration) -> Duration {
    replaced.map_or(took, |entry| entry.recompute_cost.get() / 4 * 3 + took / 4)
}

/// Returns whether a request has a selecting field under a name with `_`. An upstream behind a
/// CGI-like interface reads it as the field with `-`, which the key and the selection do not see.
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
