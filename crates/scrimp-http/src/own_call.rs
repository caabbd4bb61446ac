//! Requests that need a call of their own.

use http::{
    HeaderMap,
    header::{EXPECT, IF_RANGE, RANGE, UPGRADE},
};

/// Reports whether a request asks for something that only a call of its own can give: a part
/// (Range, If-Range), another protocol (Upgrade) or an interim response (Expect).
///
/// Each of these fields has the role [`Range`](crate::role::Role::Range) or
/// [`Own`](crate::role::Role::Own).
#[must_use]
pub fn needs_own_call(request: &HeaderMap) -> bool {
    let mut names = request.keys();
    names.any(|name| matches!(*name, EXPECT | IF_RANGE | RANGE | UPGRADE))
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;
    use crate::role::{Role, role};

    #[test]
    fn the_fields_are_those_with_the_role_range_or_own() {
        for name in [
            "expect", "if-range", "range", "upgrade", "accept", "if-match", "te",
        ] {
            let mut headers = HeaderMap::new();
            let name = HeaderName::from_static(name);
            let own = matches!(role(&name), Role::Own | Role::Range);
            headers.insert(&name, "x".parse().unwrap());
            assert_eq!(needs_own_call(&headers), own, "{name}");
        }
    }
}
