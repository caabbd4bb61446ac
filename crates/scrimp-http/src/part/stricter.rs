//! The stricter of two sets of directives.

use std::time::Duration;

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CACHE_CONTROL, EXPIRES, SET_COOKIE},
};

use crate::cache_control::{ResponseControl, expires_after_date};

/// Directives that apply to a response, and the lifetime that they or Expires give.
struct Directives {
    control: ResponseControl,
    lifetime: Option<Duration>,
}

/// Returns the lines of Cache-Control for a part; `None` if its own are as strict as the whole.
pub(super) fn cache_control(part: &HeaderMap, whole: &HeaderMap) -> Option<Vec<HeaderValue>> {
    let (own, all) = (Directives::of(part), Directives::of(whole));
    let added = restrictions(&own, &all, whole);
    if added.is_empty() {
        return None;
    }
    // Nothing is stricter, and `must-understand` beside it would lift it.
    if all.control.no_store {
        return Some(vec![HeaderValue::from_static("no-store, private")]);
    }
    // The first of two lifetimes is the one that counts (RFC 9111 §4.2.1).
    let first = HeaderValue::from_str(&added.join(", ")).ok()?;
    let own = part.get_all(CACHE_CONTROL).iter().cloned();
    Some([first].into_iter().chain(own).collect())
}

/// Returns the value of a targeted field for a part; `None` if what applies to the part is as strict
/// as the whole.
pub(super) fn targeted(
    part: &HeaderMap,
    whole: &HeaderMap,
    target: &HeaderName,
) -> Option<HeaderValue> {
    let targeted = |headers: &HeaderMap| {
        let targets = std::slice::from_ref(target);
        ResponseControl::targeted(headers, targets).map(Directives::from)
    };
    let own = targeted(part).unwrap_or_else(|| Directives::of(part));
    let all = targeted(whole).unwrap_or_else(|| Directives::of(whole));
    let added = restrictions(&own, &all, whole);
    if added.is_empty() {
        return None;
    }
    if all.control.no_store {
        return Some(HeaderValue::from_static("no-store, private"));
    }
    // In a dictionary, the last of two members counts (RFC 9651 §3.2).
    let text = [own.write(), added].concat().join(", ");
    HeaderValue::from_str(&text).ok()
}

/// Returns the directives that make `own` as strict as `all`.
fn restrictions(own: &Directives, all: &Directives, whole: &HeaderMap) -> Vec<String> {
    let (control, mine) = (&all.control, &own.control);
    let mut added: Vec<String> = Vec::new();
    if mine.no_store && !mine.must_understand {
        return added;
    }
    let mut add = |needed: bool, directive: &str| {
        if needed {
            added.push(directive.to_owned());
        }
    };
    add(control.no_store, "no-store");
    add(control.no_cache && !mine.no_cache, "no-cache");
    let cookie = sets_cookie(control, whole) && (mine.public || mine.s_maxage.is_some());
    add((control.private || cookie) && !mine.private, "private");
    let revalidate = control.must_revalidate || control.proxy_revalidate;
    if revalidate && !(mine.must_revalidate || mine.proxy_revalidate) {
        // The first also permits to store a response to a request with credentials (RFC 9111 §3.5).
        let permitted = mine.allows_credentials();
        add(permitted, "must-revalidate");
        add(!permitted, "proxy-revalidate");
    }
    let fields: Vec<_> = control
        .withheld
        .iter()
        .filter(|name| !mine.withheld.contains(name))
        .map(HeaderName::as_str)
        .collect();
    if !fields.is_empty() {
        let fields = fields.join(", ");
        added.push(format!("private=\"{fields}\""));
        added.push(format!("no-cache=\"{fields}\""));
    }
    if let Some(most) = longest(own, all) {
        let cut = |own: Option<u32>| own.map_or(most, |own| most.min(own.into()));
        added.push(format!("max-age={}", cut(mine.max_age)));
        if mine.s_maxage.is_some() {
            added.push(format!("s-maxage={}", cut(mine.s_maxage)));
        }
    }
    added
}

/// Returns the lifetime to which `own` is cut, in seconds; `None` if it is no longer than that of
/// `all`. Directives that give none are not given one, unless it is 0.
fn longest(own: &Directives, all: &Directives) -> Option<u64> {
    let most = match all.lifetime {
        Some(lifetime) => lifetime,
        // A lifetime may have been in what could not be read.
        None if all.control.malformed && !own.control.malformed => Duration::ZERO,
        None => return None,
    };
    match own.lifetime {
        Some(own) if all.lifetime.is_some() => (most < own).then_some(most.as_secs()),
        Some(_) => None,
        None => most.is_zero().then_some(0),
    }
}

/// Reports whether the whole sets a cookie that it does not mean for everyone.
fn sets_cookie(control: &ResponseControl, whole: &HeaderMap) -> bool {
    let for_everyone = control.public || control.s_maxage.is_some();
    whole.contains_key(SET_COOKIE) && !for_everyone && !control.withheld.contains(&SET_COOKIE)
}

// === impl Directives ===

impl Directives {
    /// Returns those of Cache-Control and Expires.
    fn of(headers: &HeaderMap) -> Self {
        let control = ResponseControl::read(headers);
        let lifetime = control.shared_lifetime().or_else(|| {
            headers.get(EXPIRES)?;
            // Without a Date it is unknown how long that is.
            Some(expires_after_date(headers).unwrap_or_default())
        });
        Self { control, lifetime }
    }

    /// Writes them for a targeted field.
    fn write(&self) -> Vec<String> {
        let control = &self.control;
        let flags = [
            (control.no_store, "no-store"),
            (control.no_cache, "no-cache"),
            // A dictionary cannot name fields.
            (control.private || !control.withheld.is_empty(), "private"),
            (control.public, "public"),
            (control.must_revalidate, "must-revalidate"),
            (control.proxy_revalidate, "proxy-revalidate"),
            (control.immutable, "immutable"),
        ];
        let by_expires = self.lifetime.map(|lifetime| lifetime.as_secs());
        let unread = control.malformed.then_some(0);
        let max_age = control.max_age.map(u64::from).or(by_expires).or(unread);
        let numbers = [
            (max_age, "max-age"),
            (control.s_maxage.map(u64::from), "s-maxage"),
            (
                control.stale_while_revalidate.map(u64::from),
                "stale-while-revalidate",
            ),
            (control.stale_if_error.map(u64::from), "stale-if-error"),
        ];
        let flags = flags
            .into_iter()
            .filter(|(set, _)| *set)
            .map(|(_, name)| name.to_owned());
        let numbers = numbers
            .into_iter()
            .filter_map(|(value, name)| Some(format!("{name}={}", value?)));
        flags.chain(numbers).collect()
    }
}

impl From<ResponseControl> for Directives {
    fn from(control: ResponseControl) -> Self {
        let lifetime = control.shared_lifetime();
        Self { control, lifetime }
    }
}
