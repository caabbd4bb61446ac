//! The fields of a response to several requests that hold for each of its parts.
//!
//! A service that takes several requests in one call says most of what it has to say on the
//! response to that call: that it is private, sets a cookie, or may be asked again in a minute. A
//! layer that hands out the parts as responses of their own must not lose this. Otherwise a cache in
//! front of it stores a part of a response that was for one user.
//!
//! | field of the whole | its effect on a part with fields of its own ([`inherit`]) |
//! |---|---|
//! | Cache-Control, Expires, targeted fields (RFC 9213) | prohibitions are added, and a longer lifetime is cut; nothing is permitted |
//! | Age | the higher one counts |
//! | Vary, Set-Cookie, tags and groups | are added |
//! | Date, Pragma, Retry-After, rate limits | are taken if the part has none |
//!
//! A part without fields of its own, as in JSON-RPC, has [all fields of the whole](fields) but those
//! that describe its bytes.

mod stricter;
#[cfg(test)]
mod tests;

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{AGE, CACHE_CONTROL, EXPIRES},
};

use crate::{
    age::age,
    cache_control::is_targeted,
    framing,
    names::{FieldNames, Sieve},
};

/// Fields whose lines are added to those of a part.
static ADDED: FieldNames = FieldNames::new(
    &[
        "cache-group-invalidation",
        "cache-groups",
        "cache-tag",
        "edge-cache-tag",
        "set-cookie",
        "surrogate-key",
        "vary",
    ],
    &[],
);

/// Fields that a part takes from the whole if it has none.
static TAKEN: FieldNames = FieldNames::new(
    &["date", "pragma", "retry-after", "retry-after-ms"],
    &[
        "anthropic-ratelimit",
        "ratelimit",
        "x-ms-ratelimit",
        "x-rate-limit",
        "x-ratelimit",
        "x-retry-after",
    ],
);

/// Fields that describe the bytes of a response, its place, or one representation. They are not true
/// of a part.
static OF_BYTES: FieldNames = FieldNames::new(
    &[
        "accept-ranges",
        "content-digest",
        "content-disposition",
        "content-encoding",
        "content-length",
        "content-location",
        "content-md5",
        "content-range",
        "digest",
        "etag",
        "last-modified",
        "location",
        "repr-digest",
        "signature",
        "signature-input",
        "x-content-digest",
    ],
    &[],
);

/// Returns the fields of a whole response for a part that has no fields of its own: all but those
/// that describe its bytes, and those of its framing.
#[must_use]
pub fn fields(whole: &HeaderMap) -> HeaderMap {
    let own = framing::own_fields(whole).filter(|(name, _)| !OF_BYTES.contains(name));
    let mut fields = HeaderMap::with_capacity(whole.len());
    for (name, value) in own {
        fields.append(name, value.clone());
    }
    fields
}

/// Adds to a part's fields what the whole says of all parts, so that the stricter of both holds.
/// Nothing becomes permitted by it.
pub fn inherit(part: &mut HeaderMap, whole: &HeaderMap) {
    static TAKEN_OR_ADDED: Sieve = ADDED.sieve().or(TAKEN.sieve());
    for name in whole.keys() {
        if !TAKEN_OR_ADDED.lets_through(name.as_str()) {
            continue;
        }
        if ADDED.contains(name) || TAKEN.contains(name) && !part.contains_key(name) {
            add(part, name, whole);
        }
    }
    if let Some(whole) = age(whole).filter(|whole| age(part).is_none_or(|own| own < *whole)) {
        part.insert(AGE, HeaderValue::from(whole.as_secs()));
    }
    // Each is read beside Cache-Control, so these come before it changes.
    let targets = part.keys().chain(whole.keys());
    let mut targets: Vec<HeaderName> = targets.filter(|name| is_targeted(name)).cloned().collect();
    targets.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    targets.dedup();
    for target in targets {
        if let Some(value) = stricter::targeted(part, whole, &target) {
            part.insert(target, value);
        }
    }
    if let Some(lines) = stricter::cache_control(part, whole) {
        part.remove(CACHE_CONTROL);
        for line in lines {
            part.append(CACHE_CONTROL, line);
        }
    }
}

/// Forbids every cache to keep a response, for one that is about the whole and handed out for a part.
pub fn forbid_storing(part: &mut HeaderMap) {
    let directing: Vec<_> = part
        .keys()
        .filter(|name| is_targeted(name) || **name == EXPIRES)
        .cloned()
        .collect();
    for name in directing {
        part.remove(name);
    }
    part.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// Adds the lines of the whole that a part does not have.
fn add(part: &mut HeaderMap, name: &HeaderName, whole: &HeaderMap) {
    for line in whole.get_all(name) {
        if part.get_all(name).iter().all(|own| own != line) {
            part.append(name, line.clone());
        }
    }
}
