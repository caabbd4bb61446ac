//! Fields whose names say what they are of: a limit, a rest or a reset, of requests or tokens.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, header};

use super::{
    LONGEST, QuotaRefill, QuotaState, QuotaStates, QuotaUnit,
    duration::{MINUTE, Reset},
};
use crate::{date, list::digits};

/// Quotas of one response that are looked at, at most.
const MOST: usize = 16;
/// Number of seconds since 1970 from which a reset is a time, and from which it is in milliseconds.
const DATE: f64 = 1e8;
const MILLIS: f64 = 1e11;

/// Vendors' ways to name a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// `x-ratelimit-limit-requests`, and so on.
    Suffixed,
    /// `x-ratelimit-limit`, `ratelimit-limit`.
    Plain,
    /// `anthropic-ratelimit-requests-limit`.
    Anthropic,
    /// `ratelimitbysize-limit`.
    BySize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Limit,
    Remaining,
    Reset,
}

/// Meaning of a field's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Named {
    family: Family,
    unit: QuotaUnit,
    window: Option<Duration>,
}

/// Values of the fields of one quota.
#[derive(Debug, Clone, Copy)]
struct Quota {
    named: Named,
    limit: Option<u64>,
    remaining: Option<u64>,
    reset: Option<Reset>,
}

/// Reports whether a field may be about quotas.
pub(super) fn is_about_quotas(name: &str) -> bool {
    let prefixes = ["x-ratelimit", "ratelimit", "anthropic-ratelimit"];
    prefixes.iter().any(|prefix| name.starts_with(prefix))
}

pub(super) fn read(headers: &HeaderMap, now: SystemTime, states: &mut QuotaStates) {
    let mut quotas: Vec<Quota> = Vec::new();
    let now = date::field(headers, &header::DATE).unwrap_or(now);
    for (name, value) in headers {
        let Some((named, part)) = Named::read(name.as_str()) else {
            continue;
        };
        let place = quotas.iter().position(|quota| quota.named == named);
        let place = place.or_else(|| {
            quotas.push(Quota::new(named));
            (quotas.len() <= MOST).then(|| quotas.len() - 1)
        });
        match place {
            Some(place) => quotas[place].take(part, value, now),
            None => break,
        }
    }
    let known = quotas.iter().filter_map(Quota::state);
    known.for_each(|state| states.add(state));
}

// === impl Named ===

impl Named {
    fn read(name: &str) -> Option<(Self, Part)> {
        let after = |prefix: &str| name.strip_prefix(prefix);
        let (mut family, rest) = if let Some(rest) = after("anthropic-ratelimit-") {
            (Family::Anthropic, rest)
        } else if let Some(rest) = after("x-ratelimitbysize-").or_else(|| after("ratelimitbysize-"))
        {
            (Family::BySize, rest)
        } else {
            let rest = after("x-ratelimit-").or_else(|| after("ratelimit-"))?;
            (Family::Plain, rest)
        };
        let mut part = None;
        let mut unit = None;
        let mut window = None;
        let mut side = None;
        for word in rest.split('-') {
            match word {
                "limit" => part = Some(Part::Limit),
                "remaining" => part = Some(Part::Remaining),
                "reset" => part = Some(Part::Reset),
                "req" | "requests" => unit = Some(QuotaUnit::Requests),
                "tokens" => unit = Some(side.unwrap_or(QuotaUnit::Tokens)),
                "input" => side = Some(QuotaUnit::InputTokens),
                "output" => side = Some(QuotaUnit::OutputTokens),
                "second" => window = Some(Duration::from_secs(1)),
                "minute" => window = Some(MINUTE),
                "hour" => window = Some(Duration::from_secs(3_600)),
                "day" => window = Some(Duration::from_secs(86_400)),
                "month" => window = Some(LONGEST),
                // Of something else.
                _ => return None,
            }
        }
        if family == Family::Plain && unit.is_some() {
            family = Family::Suffixed;
        }
        let unit = unit.unwrap_or(match family {
            Family::BySize => QuotaUnit::Tokens,
            _ => QuotaUnit::Requests,
        });
        let named = Self {
            family,
            unit,
            window,
        };
        part.map(|part| (named, part))
    }
}

// === impl Quota ===

impl Quota {
    fn new(named: Named) -> Self {
        Self {
            named,
            limit: None,
            remaining: None,
            reset: None,
        }
    }

    fn take(&mut self, part: Part, value: &HeaderValue, now: SystemTime) {
        let text = value.to_str().unwrap_or_default().trim();
        // Early drafts list the windows behind the limit: `100, 100;w=60`.
        let count = || {
            let end = text.find([',', ';']).unwrap_or(text.len());
            digits(text[..end].trim_end().as_bytes())
        };
        match part {
            Part::Limit => self.limit = count(),
            Part::Remaining => self.remaining = count(),
            Part::Reset => self.reset = reset(text, now),
        }
    }

    fn state(&self) -> Option<QuotaState> {
        let Named {
            family,
            unit,
            window,
        } = self.named;
        let remaining = self.remaining?;
        let is_steady = window.is_none() && self.reset.is_none_or(|reset| reset.has_unit);
        let refill = match family {
            // All are per minute, and the numbers are rounded too much to tell.
            Family::Anthropic => QuotaRefill::Steady { window: MINUTE },
            Family::Suffixed if is_steady => QuotaRefill::Steady {
                window: self
                    .reset
                    .map_or(MINUTE, |reset| reset.window(self.limit, remaining)),
            },
            Family::Suffixed | Family::Plain | Family::BySize => QuotaRefill::AtOnce {
                after: self.reset.map(|reset| reset.after).or(window),
            },
        };
        Some(QuotaState {
            unit,
            limit: self.limit,
            remaining,
            refill,
        })
    }
}

/// Reads the time until a reset: a duration, or a point in time.
fn reset(text: &str, now: SystemTime) -> Option<Reset> {
    let at = match text.parse::<f64>() {
        Ok(number) if number >= DATE => {
            let seconds = if number >= MILLIS {
                number / 1_000.0
            } else {
                number
            };
            let since = Duration::try_from_secs_f64(seconds).ok()?;
            SystemTime::UNIX_EPOCH.checked_add(since)?
        }
        _ => match date::rfc3339(text).or_else(|| date::parse(text)) {
            Some(at) => at,
            None => return Reset::parse(text),
        },
    };
    Some(Reset {
        after: at.duration_since(now).unwrap_or_default().min(LONGEST),
        step: 1.0,
        has_unit: false,
    })
}
