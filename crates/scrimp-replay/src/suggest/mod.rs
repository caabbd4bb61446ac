//! Suggestions: settings that would raise the hit rate, with the rate that each would give.
//!
//! Each suggestion is replayed through a cache of its own, on a thread beside the replay, with the
//! first requests. Bodies are left out and the cache is large enough, so that each costs little
//! memory. So keys do not affect each other, and requests that a change leaves as they are need not
//! be made again: their calls are those of the cache without it.

mod params;

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use scrimp_cache::{Cache, CacheLayer, MemoryStore};
use scrimp_core::Clock;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    beside::Beside,
    error::Result,
    line::Entry,
    report::ratio,
    settings::{Settings, rule},
    simulated::{anchored, micros, request, virtual_time},
    stack::read,
    suggestion::Suggestion,
    ttl::Ttl,
    upstream::{Latency, Logged, Upstream},
};
pub(crate) use params::Params;
use params::Paths;

/// Requests that are replayed for the suggestions.
const REQUESTS: u64 = 50_000;
/// Memory of the cache of each.
const MEMORY: u64 = 32 << 20;
/// Most names that a suggested rule lists.
const MAX_LISTED: usize = 16;
/// Lowest gain that is shown: a tenth of a percent.
const LEAST: f64 = 0.001;

/// Parameters that identify where a visitor came from, and change no response.
const TRACKING: [&str; 16] = [
    "gclid", "gbraid", "wbraid", "dclid", "fbclid", "msclkid", "yclid", "ttclid", "twclid",
    "igshid", "mc_cid", "mc_eid", "_ga", "_gl", "_hsenc", "_hsmi",
];

/// A change that is tried.
struct Change {
    change: String,
    flags: String,
    settings: Settings,
    /// True if it changes nothing but the keys of targets with a query.
    of_queries: bool,
}

/// A cache beside the log.
struct Trial {
    cache: Cache<Upstream, MemoryStore>,
    upstream: Upstream,
    /// Requests that are the same with and without its change are not made.
    of_queries: bool,
}

/// The caches with each change, and the one without, on a thread of their own.
pub(crate) struct Trials {
    /// `None` if no change is worth a trial.
    running: Option<Beside<Sent, Vec<Suggestion>>>,
    requests: u64,
    paths: Paths,
}

/// A request for the trials.
struct Sent {
    entry: Entry,
    /// A change of queries may make a difference to it.
    has_query: bool,
}

// === impl Trials ===

impl Trials {
    /// Chooses the changes that are worth a trial.
    pub(crate) fn new(settings: &Settings, params: Params, first: i64) -> Result<Self> {
        let changes = changes(settings, &params);
        let settings = settings.clone();
        let running = (!changes.is_empty()).then(|| {
            Beside::start("suggestions", move |sent| {
                try_all(changes, &settings, first, sent)
            })
        });
        Ok(Self {
            running: running.transpose()?,
            requests: 0,
            paths: params.paths,
        })
    }

    /// Makes a request in each cache, if it is among the first ones.
    pub(crate) fn call(&mut self, entry: &Entry) {
        if self.requests >= REQUESTS {
            return;
        }
        if let Some(running) = &mut self.running {
            self.requests += 1;
            let bytes = entry.target.len() + entry.host.len() + entry.user_agent.len();
            let sent = Sent {
                entry: entry.clone(),
                has_query: self.paths.may_have(&entry.target),
            };
            running.send(sent, bytes);
        }
    }

    /// Returns the changes that raise the hit rate, the best first.
    pub(crate) fn finish(self) -> Result<Vec<Suggestion>> {
        self.running.map_or(Ok(Vec::new()), Beside::finish)
    }
}

/// Makes the requests in the cache without a change, and in one with each of the changes.
fn try_all(
    changes: Vec<Change>,
    settings: &Settings,
    first: i64,
    sent: &mut dyn Iterator<Item = Sent>,
) -> Result<Vec<Suggestion>> {
    virtual_time()?.block_on(async {
        let clock = anchored(first);
        let mut without = Trial::new(settings, false, &clock)?;
        let trials = changes
            .iter()
            .map(|change| Trial::new(&change.settings, change.of_queries, &clock));
        let mut trials = trials.collect::<Result<Vec<_>>>()?;
        let (mut requests, mut plain, mut now) = (0, 0, first);
        for Sent { entry, has_query } in sent {
            if entry.time > now {
                tokio::time::advance(micros(entry.time.abs_diff(now))).await;
                now = entry.time;
            }
            let request = Trial::request(&entry, settings)?;
            let before = without.upstream.calls();
            without.call(request.clone()).await;
            if !has_query {
                plain += without.upstream.calls() - before;
            }
            for trial in trials
                .iter_mut()
                .filter(|trial| has_query || !trial.of_queries)
            {
                trial.call(request.clone()).await;
            }
            requests += 1;
        }
        let rate = |calls: u64| ratio(requests - calls, requests);
        let before = rate(without.upstream.calls());
        let suggestions = changes.into_iter().zip(trials).map(|(change, trial)| {
            let others = if change.of_queries { plain } else { 0 };
            Suggestion {
                change: change.change,
                flags: change.flags,
                before,
                after: rate(trial.upstream.calls() + others),
                requests,
            }
        });
        let better = suggestions.filter(|suggestion| suggestion.after - before >= LEAST);
        let mut suggestions: Vec<_> = better.collect();
        suggestions.sort_by(|a, b| b.after.total_cmp(&a.after));
        Ok(suggestions)
    })
}

fn changes(settings: &Settings, params: &Params) -> Vec<Change> {
    let with_rule = |change: String, rule: String| Change {
        change,
        flags: format!("--rule '{rule}'"),
        settings: Settings {
            // A rule of the user's has precedence: the first that matches counts.
            rules: settings.rules.iter().cloned().chain([rule]).collect(),
            ..settings.clone()
        },
        of_queries: true,
    };
    let dropped = |change: String, drop: &dyn Fn(&str) -> bool| {
        let rest = params.without(drop);
        let possible = !params.others && rest.len() <= MAX_LISTED;
        let rule = match rest.is_empty() {
            true => "query=none".to_owned(),
            false => format!("query={}", rest.join(",")),
        };
        possible.then(|| with_rule(change, rule))
    };
    let mut changes = Vec::new();
    if settings.ttl != Ttl::None && !params.is_empty() {
        let tracked = params.without(|name| !is_tracking(name));
        if !tracked.is_empty() {
            let change = format!("drop {}", listed(&tracked));
            changes.extend(dropped(change, &is_tracking));
        }
        if let Some(name) = params.most_varied(|name| !is_tracking(name)) {
            let change = format!("drop {name}, if it changes no response");
            changes.extend(dropped(change, &|other| other == name));
        }
        let change = "drop all queries, if they change no response".to_owned();
        let rule = with_rule(change, "query=none".to_owned());
        let known = changes
            .iter()
            .any(|other: &Change| other.flags == rule.flags);
        if !known {
            changes.push(rule);
        }
    }
    let longer = [3_600, 86_400].map(Duration::from_secs);
    if let Ttl::After(time) = settings.ttl
        && let Some(longer) = longer.into_iter().find(|longer| *longer > time)
    {
        let ttl = Ttl::After(longer);
        changes.push(Change {
            change: format!("keep responses for {ttl}"),
            flags: format!("--ttl {ttl}"),
            settings: Settings {
                ttl,
                ..settings.clone()
            },
            of_queries: false,
        });
    }
    changes
}

fn is_tracking(name: &str) -> bool {
    name.starts_with("utm_") || TRACKING.contains(&name)
}

/// Returns `utm_*, gclid` for such names.
fn listed(names: &[&str]) -> String {
    let mut short: Vec<_> = names
        .iter()
        .map(|name| {
            if name.starts_with("utm_") {
                "utm_*"
            } else {
                name
            }
        })
        .collect();
    short.dedup();
    short.join(", ")
}

// === impl Trial ===

impl Trial {
    fn new(settings: &Settings, of_queries: bool, clock: &Clock) -> Result<Self> {
        let upstream = Upstream::new(settings.price, Latency::Fixed(Duration::ZERO));
        let mut layer = CacheLayer::builder(MemoryStore::new(MEMORY)).clock(clock.clone());
        for text in settings.cache_rules() {
            layer = layer.rule(rule(&text)?);
        }
        Ok(Self {
            cache: layer.build()?.layer(upstream.clone()),
            upstream,
            of_queries,
        })
    }

    /// Returns a request whose response has no body.
    fn request(entry: &Entry, settings: &Settings) -> Result<Request<Empty<Bytes>>> {
        let mut request = request(entry, &settings.host)?;
        if let Some(logged) = request.extensions_mut().get_mut::<Logged>() {
            logged.bytes = 0;
        }
        Ok(request)
    }

    async fn call(&mut self, request: Request<Empty<Bytes>>) {
        // A cache is always ready; so is the upstream.
        read(self.cache.call(request)).await;
    }
}
