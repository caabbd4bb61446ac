//! RateLimit and RateLimit-Policy, as structured fields.

use std::time::Duration;

use http::{HeaderMap, HeaderName};
use sfv::{BareItem, Dictionary, Item, List, ListEntry};

use super::{LONGEST, QuotaRefill, QuotaState, QuotaStates, QuotaUnit};
use crate::structured::structured;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

pub(super) fn read(headers: &HeaderMap, states: &mut QuotaStates) {
    if !headers.contains_key(RATE_LIMIT) {
        return;
    }
    if let Some(list) = structured::<List>(headers, &RATE_LIMIT) {
        let policies = structured::<List>(headers, &POLICY).unwrap_or_default();
        let limits = items(&list).filter_map(|item| state(item, &policies));
        limits.for_each(|state| states.add(state));
        return;
    }
    let members: Option<Dictionary> = structured(headers, &RATE_LIMIT);
    let number = |name: &str| match members.as_ref()?.get(name)? {
        ListEntry::Item(item) => count(&item.bare_item),
        ListEntry::InnerList(_) => None,
    };
    if let Some(remaining) = number("remaining") {
        states.add(of(number("limit"), remaining, number("reset")));
    }
}

/// Returns what one item says, if its policy counts requests.
fn state(item: &Item, policies: &List) -> Option<QuotaState> {
    let number = |item: &Item, name: &str| count(item.params.get(name)?);
    let remaining = number(item, "r")?;
    let name = text(&item.bare_item)?;
    let policy = items(policies).find(|policy| text(&policy.bare_item) == Some(name));
    let unit = policy.and_then(|policy| text(policy.params.get("qu")?));
    if !matches!(unit, None | Some("request" | "requests")) {
        return None;
    }
    let limit = policy.and_then(|policy| number(policy, "q"));
    let window = policy.and_then(|policy| number(policy, "w"));
    Some(of(limit, remaining, number(item, "t").or(window)))
}

fn of(limit: Option<u64>, remaining: u64, after: Option<u64>) -> QuotaState {
    QuotaState {
        unit: QuotaUnit::Requests,
        limit,
        remaining,
        refill: QuotaRefill::AtOnce {
            after: after.map(|seconds| Duration::from_secs(seconds).min(LONGEST)),
        },
    }
}

fn items(list: &List) -> impl Iterator<Item = &Item> {
    list.iter().filter_map(|entry| match entry {
        ListEntry::Item(item) => Some(item),
        ListEntry::InnerList(_) => None,
    })
}

/// Returns a name, which is a string, or was a token in earlier drafts.
fn text(item: &BareItem) -> Option<&str> {
    match item {
        BareItem::String(text) => Some(text.as_str()),
        BareItem::Token(text) => Some(text.as_str()),
        _ => None,
    }
}

fn count(item: &BareItem) -> Option<u64> {
    let number = i64::from(item.as_integer()?);
    u64::try_from(number).ok()
}
