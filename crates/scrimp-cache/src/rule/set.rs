//! All rules of a layer, in order.

use std::{cell::OnceCell, time::Duration};

use http::{HeaderName, Request, Response};
use scrimp_http::target::{authority, host_without_port};

use super::{Cookies, KeySpec, Rule, path};
use crate::policy::{
    status::{blames_request, heuristically_cacheable},
    storable::Permissions,
};

/// The rules of a layer.
#[derive(Debug, Clone, Default)]
pub(crate) struct RuleSet {
    rules: Vec<Rule>,
}

/// What the rules say before there is a response.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestPlan<'a> {
    pub(crate) key: Option<&'a KeySpec>,
    pub(crate) bypass: bool,
    pub(crate) cookies: Cookies,
    pub(crate) soft_timeout: Option<Duration>,
    pub(crate) body_key: bool,
    pub(crate) ignore_client_control: bool,
}

// === impl RequestPlan ===

impl RequestPlan<'_> {
    /// The request fields that are part of the key.
    pub(crate) fn key_fields(&self) -> &[HeaderName] {
        self.key.map_or(&[], |key| &key.headers)
    }
}

/// A request, and what several rules ask of it, found out once.
struct Target<'a, B> {
    request: &'a Request<B>,
    /// All upstreams read its path alike.
    plain: bool,
    host: OnceCell<&'a str>,
}

// === impl RuleSet ===

impl RuleSet {
    pub(crate) fn push(&mut self, rule: Rule) {
        self.rules.push(rule);
    }

    pub(crate) fn len(&self) -> usize {
        self.rules.len()
    }

    /// The first rule that matches a request and asks nothing of the response.
    pub(crate) fn plan<B>(&self, request: &Request<B>, cookies: Cookies) -> RequestPlan<'_> {
        let target = self.target(request);
        let rule = self
            .rules
            .iter()
            .find(|rule| !rule.when.needs_response() && rule.covers(&target));
        match rule {
            None => RequestPlan {
                key: None,
                bypass: false,
                cookies,
                soft_timeout: None,
                body_key: false,
                ignore_client_control: false,
            },
            Some(rule) => RequestPlan {
                key: Some(&rule.key),
                bypass: rule.bypass,
                cookies: rule.cookies.unwrap_or(cookies),
                soft_timeout: rule.soft_timeout,
                body_key: rule.body_key,
                ignore_client_control: rule.ignore_client_control,
            },
        }
    }

    /// The first rule that matches both.
    pub(crate) fn find<A, B>(&self, request: &Request<A>, response: &Response<B>) -> Option<&Rule> {
        let target = self.target(request);
        self.rules
            .iter()
            .find(|rule| rule.covers(&target) && rule.when.response(response))
    }

    fn target<'a, B>(&self, request: &'a Request<B>) -> Target<'a, B> {
        Target {
            request,
            plain: self.rules.is_empty() || path::reads_plainly(request.uri().path()),
            host: OnceCell::new(),
        }
    }
}

// === impl Rule ===

impl Rule {
    /// Whether the rule is for a request.
    fn covers<B>(&self, target: &Target<'_, B>) -> bool {
        let host = || *target.host.get_or_init(|| host(target.request));
        let doubt = (!target.plain).then_some(self.bypass);
        self.when.request(target.request, host, doubt)
    }

    /// What the rule permits.
    pub(crate) fn permissions(&self) -> Permissions {
        Permissions {
            override_origin: self.override_origin,
            set_cookie: self.store_set_cookie,
            ..Permissions::default()
        }
    }

    /// Whether the rule's TTL goes for a status: for those that are cacheable by default and
    /// do not blame the request, and for those it names.
    pub(crate) fn covers_status<B>(&self, response: &Response<B>) -> bool {
        let status = response.status();
        self.when.statuses.contains(&status)
            || (heuristically_cacheable(status) && !blames_request(status))
    }
}

/// The host of the target URI, without its port.
fn host<B>(request: &Request<B>) -> &str {
    host_without_port(authority(request.uri(), request.headers()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_comes_from_the_uri_or_from_the_field() {
        let mut request = Request::get("/").body(()).unwrap();
        request
            .headers_mut()
            .insert("host", "Api.Example.com:8080".parse().unwrap());
        assert_eq!(host(&request), "Api.Example.com");
        *request.uri_mut() = "http://user@[::1]:80/".parse().unwrap();
        assert_eq!(host(&request), "[::1]");
    }
}
