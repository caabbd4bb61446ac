//! Suggestions: settings that would raise the hit rate, with the rate that each would give.
//!
//! Each suggestion is replayed through a cache of its own, beside the log, on its first requests.
//! Bodies are left out and the cache is large enough, so that each costs little memory.

mod params;

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use scrimp_core::Clock;

use crate::{
    error::Result,
    report::ratio,
    settings::Settings,
    stack::Stack,
    suggestion::Suggestion,
    ttl::Ttl,
    upstream::{Latency, Logged, Upstream},
};
pub(crate) use params::Params;

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
}

/// A cache beside the log.
struct Trial {
    stack: Stack,
    upstream: Upstream,
}

/// The caches with each change, and the one without.
pub(crate) struct Trials {
    changes: Vec<Change>,
    /// The first is without a change. Empty once enough requests were made.
    running: Vec<Trial>,
    calls: Vec<u64>,
    requests: u64,
}

// === impl Trials ===

impl Trials {
    /// Chooses the changes that are worth a trial.
    pub(crate) fn new(settings: &Settings, params: &Params, clock: &Clock) -> Result<Self> {
        let changes = changes(settings, params);
        let mut running = Vec::new();
        if !changes.is_empty() {
            let each = changes.iter().map(|change| &change.settings);
            for settings in [settings].into_iter().chain(each) {
                running.push(Trial::new(settings, clock)?);
            }
        }
        Ok(Self {
            changes,
            running,
            calls: Vec::new(),
            requests: 0,
        })
    }

    /// Reports whether more requests are needed.
    pub(crate) fn go_on(&self) -> bool {
        !self.running.is_empty()
    }

    /// Makes a request in each cache, without its body.
    pub(crate) async fn call(&mut self, mut request: Request<Empty<Bytes>>) {
        if let Some(logged) = request.extensions_mut().get_mut::<Logged>() {
            logged.bytes = 0;
        }
        for trial in &mut self.running {
            trial.stack.call(request.clone()).await;
        }
        self.requests += 1;
        if self.requests >= REQUESTS {
            self.stop();
        }
    }

    /// Counts the calls, and releases the memory.
    fn stop(&mut self) {
        let running = self.running.drain(..);
        self.calls
            .extend(running.map(|trial| trial.upstream.calls()));
    }

    /// Returns the changes that raise the hit rate, the best first.
    pub(crate) fn finish(mut self) -> Vec<Suggestion> {
        self.stop();
        let rate = |calls: u64| ratio(self.requests.saturating_sub(calls), self.requests);
        let Some((&base, calls)) = self.calls.split_first() else {
            return Vec::new();
        };
        let before = rate(base);
        let mut suggestions: Vec<_> = self
            .changes
            .iter()
            .zip(calls)
            .map(|(change, &calls)| Suggestion {
                change: change.change.clone(),
                flags: change.flags.clone(),
                before,
                after: rate(calls),
                requests: self.requests,
            })
            .filter(|suggestion| suggestion.after - before >= LEAST)
            .collect();
        suggestions.sort_by(|a, b| b.after.total_cmp(&a.after));
        suggestions
    }
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
    fn new(settings: &Settings, clock: &Clock) -> Result<Self> {
        let settings = Settings {
            coalesce: false,
            max_bytes: MEMORY,
            ..settings.clone()
        };
        let upstream = Upstream::new(settings.price, Latency::Fixed(Duration::ZERO));
        Ok(Self {
            stack: Stack::new(&settings, upstream.clone(), clock)?,
            upstream,
        })
    }
}
