//! All rules of a layer, in order.

use std::cell::OnceCell;

use http::{HeaderValue, Request, Response, header};
use scrimp_http::target::authority_bytes;
use smallvec::SmallVec;

use super::{Rule, path};
use crate::policy::{
    Policy,
    bounds::chance,
    storable::{Permissions, blames_request, heuristically_cacheable},
};

/// The rules of a layer.
#[derive(Debug, Clone, Default)]
pub(crate) struct RuleSet {
    rules: Vec<Rule>,
    /// A gate for each rule. Most requests fail at most of them, without a look at the rule.
    gates: Vec<Gate>,
}

/// Bytes that a path must begin with, for a rule to match it.
#[derive(Debug, Clone, Copy)]
struct Gate {
    bytes: u128,
    /// The bytes that count.
    mask: u128,
}

/// Number of bytes that a gate looks at.
const GATE: usize = size_of::<u128>();

/// The index of a rule in its set; `None` if no rule matches.
pub(crate) type Place = Option<usize>;

/// The rules that match a request: those with conditions on the response, up to the first without.
#[derive(Debug, Clone)]
pub(crate) struct Matched {
    if_response: SmallVec<[usize; 2]>,
    otherwise: Place,
}

/// A request, and the facts that several rules need, computed once.
struct Target<'a, B> {
    request: &'a Request<B>,
    /// Flag that all upstreams read its path alike.
    plain: bool,
    /// The request's Host.
    host: Option<&'a HeaderValue>,
    authority: OnceCell<&'a [u8]>,
}

// === impl RuleSet ===

impl RuleSet {
    pub(crate) fn push(&mut self, rule: Rule) {
        self.gates.push(Gate::new(&rule));
        self.rules.push(rule);
    }

    pub(crate) fn len(&self) -> usize {
        self.rules.len()
    }

    pub(crate) fn get(&self, place: Place) -> Option<&Rule> {
        self.rules.get(place?)
    }

    /// Finds the first rule that matches a request and has no conditions on the response. `host` is the
    /// request's Host.
    #[inline]
    pub(crate) fn for_request<B>(&self, request: &Request<B>, host: Option<&HeaderValue>) -> Place {
        if self.rules.is_empty() {
            return None;
        }
        self.first_for(&Target::new(request, host))
    }

    fn first_for<B>(&self, target: &Target<'_, B>) -> Place {
        let beginning = target.beginning();
        let mut gated = self.gates.iter().zip(&self.rules);
        gated.position(|(gate, rule)| {
            gate.lets_through(beginning) && !rule.when.needs_response() && rule.covers(target)
        })
    }

    /// Finds the rules that [`for_response`](Self::for_response) chooses from. `place` is that of
    /// the rule [for the request](Self::for_request).
    pub(crate) fn matched<B>(&self, request: &Request<B>, place: Place) -> Matched {
        let before = self.rules.iter().take(place.unwrap_or(usize::MAX));
        let mut asking = before
            .enumerate()
            .filter(|(_, rule)| rule.when.needs_response());
        let mut if_response = SmallVec::new();
        if let Some(first) = asking.next() {
            let target = Target::new(request, request.headers().get(header::HOST));
            let covering = std::iter::once(first)
                .chain(asking)
                .filter(|(_, rule)| rule.covers(&target));
            if_response.extend(covering.map(|(place, _)| place));
        }
        Matched {
            if_response,
            otherwise: place,
        }
    }

    /// Finds the first rule that matches both a request and its response.
    pub(crate) fn for_response<B>(&self, matched: &Matched, response: &Response<B>) -> Place {
        let mut places = matched.if_response.iter().copied();
        let first = places.find(|&place| self.rules[place].when.response(response));
        first.or(matched.otherwise)
    }
}

// === impl Target ===

impl<'a, B> Target<'a, B> {
    fn new(request: &'a Request<B>, host: Option<&'a HeaderValue>) -> Self {
        Self {
            request,
            plain: path::reads_plainly(request.uri().path()),
            host,
            authority: OnceCell::new(),
        }
    }

    /// Returns the first bytes of the path. `None` if it is unclear which path the upstream sees.
    fn beginning(&self) -> Option<u128> {
        self.plain
            .then(|| first(self.request.uri().path().as_bytes()))
    }
}

// === impl Gate ===

impl Gate {
    fn new(rule: &Rule) -> Self {
        let path = rule.when.path.as_ref();
        let beginning = path.map_or(&b""[..], |path| path.beginning());
        let counting = [0xff; GATE];
        Self {
            bytes: first(beginning),
            mask: first(&counting[..beginning.len().min(GATE)]),
        }
    }

    /// Returns false only if the rule does not match a path that begins like this.
    #[inline]
    fn lets_through(self, beginning: Option<u128>) -> bool {
        beginning.is_none_or(|beginning| beginning & self.mask == self.bytes)
    }
}

/// Returns the first bytes of a text, and zeros if it is shorter.
fn first(text: &[u8]) -> u128 {
    let mut bytes = [0; GATE];
    let length = text.len().min(GATE);
    bytes[..length].copy_from_slice(&text[..length]);
    u128::from_le_bytes(bytes)
}

// === impl Rule ===

impl Rule {
    /// Returns whether the rule covers a request.
    fn covers<B>(&self, target: &Target<'_, B>) -> bool {
        let authority = || {
            let find = || authority_bytes(target.request.uri(), target.host);
            *target.authority.get_or_init(find)
        };
        let doubt = (!target.plain).then_some(self.bypass);
        self.when.request(target.request, authority, doubt)
    }

    /// Applies the rule's bounds to the policy.
    pub(crate) fn bound(&self, policy: &mut Policy) {
        let limits = self.limits;
        let cut = chance(limits.jitter);
        policy.bound(limits.min_ttl, limits.max_ttl, cut);
        if let Some(window) = self.fail_safe {
            policy.fail_safe(window);
        }
    }

    /// Returns the rule's permissions.
    pub(crate) fn permissions(&self) -> Permissions {
        Permissions {
            override_origin: self.override_origin,
            set_cookie: self.store_set_cookie,
            events: self.keep_events,
            ..Permissions::default()
        }
    }

    /// Returns whether the rule's TTL covers a status: those that are cacheable by default and do
    /// not blame the request, and those it names.
    pub(crate) fn covers_status<B>(&self, response: &Response<B>) -> bool {
        let status = response.status();
        self.when.statuses.contains(&status)
            || (heuristically_cacheable(status) && !blames_request(status))
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    #[test]
    fn the_host_comes_from_the_uri_or_from_the_field_without_its_port() {
        let mut set = RuleSet::default();
        for rule in ["host=api.example.com", "host=[::1]", "host=*.local path=/a"] {
            set.push(rule.parse().unwrap());
        }
        let found = |uri: &str, host: &'static str| {
            let request = Request::get(uri).body(()).unwrap();
            set.for_request(&request, Some(&HeaderValue::from_static(host)))
        };
        assert_eq!(found("/", "Api.Example.com:8080"), Some(0));
        assert_eq!(found("/", "user@api.example.com"), Some(0));
        assert_eq!(found("http://user@[::1]:80/", "api.example.com"), Some(1));
        assert_eq!(found("http://b.LOCAL:81/a", ""), Some(2));
        for other in ["api.example.co", "api.example.com.", "b.local", ""] {
            assert_eq!(found("/", other), None, "{other}");
        }
    }

    fn rule() -> impl Strategy<Value = Rule> {
        let path = select(vec![
            "",
            "path=/a",
            "path=/a/**",
            "path=/**",
            "path=/b bypass",
            "path=/a/long/beginning/*/c",
        ]);
        let response = select(vec![
            "",
            "status=200",
            "status=404,410",
            "content-type=text/*",
        ]);
        (path, response, 0..9_u8).prop_filter_map("a rule", |(path, response, name)| {
            format!("name={name} {path} {response}").parse().ok()
        })
    }

    proptest! {
        #[test]
        fn matching_the_request_once_finds_what_matching_both_at_once_does(
            rules in vec(rule(), 0..8),
            path in select(vec!["/a", "/b", "/c;x", "/a/", "/a/long/beginning/b/c", "/a/long/beginnins/b/c"]),
            status in select(vec![200, 404, 500]),
        ) {
            let mut set = RuleSet::default();
            rules.into_iter().for_each(|rule| set.push(rule));
            let request = Request::get(path).body(()).unwrap();
            let response = Response::builder().status(status).header("content-type", "text/x");
            let response = response.body(()).unwrap();
            let target = Target::new(&request, None);
            let both = |rule: &Rule| rule.covers(&target) && rule.when.response(&response);
            let expected = set.rules.iter().position(both);
            let matched = set.matched(&request, set.for_request(&request, None));
            prop_assert_eq!(set.for_response(&matched, &response), expected);
        }
    }
}
