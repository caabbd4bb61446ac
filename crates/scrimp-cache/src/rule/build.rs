//! Building and checking a rule, and the error of an invalid one.

use std::fmt;

use http::header;
use scrimp_http::credentials::is_of_http;

use super::{Cookies, KeySpec, Rule, RuleBuilder, Template, Ttl};

/// An invalid rule: the problem, and the correct form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError(pub(super) String);

impl TryFrom<RuleBuilder> for Rule {
    type Error = RuleError;

    fn try_from(builder: RuleBuilder) -> Result<Self, RuleError> {
        builder.build()
    }
}

impl RuleBuilder {
    /// Returns the rule.
    ///
    /// # Errors
    ///
    /// If a part of it can never have an effect.
    pub fn build(self) -> Result<Rule, RuleError> {
        self.0.check()?;
        let mut rule = self.0;
        // A rule that names cookies ignores the others.
        if !rule.key.cookies.is_empty() {
            rule.cookies = Some(Cookies::Ignore);
        }
        Ok(rule)
    }
}

impl Rule {
    /// Checks that each part can have an effect.
    fn check(&self) -> Result<(), RuleError> {
        let (when, key) = (&self.when, &self.key);
        let needs_response = when.needs_response();
        let has_key = *key != KeySpec::default();
        let wrong = |text: &str| Err(RuleError(text.into()));
        if needs_response && (has_key || self.cookies.is_some()) {
            return wrong(
                "a rule with a condition on the response (content-type, status) cannot choose \
                 the key (query, header, cookie, auth): the key is needed before there is a \
                 response; make two rules of it",
            );
        }
        if self.bypass && (has_key || self.ttl.is_some() || self.keep_events || self.check.is_set())
        {
            return wrong(
                "a rule that bypasses the cache has no use for a key (query, header, cookie, auth), a \
                 TTL, `events=keep` or a condition on the body (`answers=complete`, `store_if`)",
            );
        }
        if let Some(Ttl::Learned(bounds)) = self.ttl
            && let Some(problem) = bounds.problem()
        {
            return wrong(problem);
        }
        if self.limits.jitter > 1000 {
            return wrong("a jitter is a percentage between 0 and 100");
        }
        if let (Some(min), Some(max)) = (self.limits.min_ttl, self.limits.max_ttl)
            && min > max
        {
            return wrong("the shortest lifetime (min-ttl) is longer than the longest (max-ttl)");
        }
        if needs_response
            && (self.soft_timeout.is_some() || self.body_key || self.ignore_client_control)
        {
            return wrong(
                "a rule with a condition on the response (content-type, status) comes too \
                 late for soft-timeout, body-key and ignore-client-control; make two rules of it",
            );
        }
        if let Some(name) = when
            .path
            .as_ref()
            .and_then(|path| colon_name(path.as_str()))
        {
            return wrong(&format!(
                "`:{name}` in a path pattern is no parameter: write `{{{name}}}`"
            ));
        }
        if let Some(path) = &when.path
            && !path.as_str().starts_with(['/', '*'])
        {
            return wrong(&format!(
                "the path pattern {:?} never matches: a path begins with `/`",
                path.as_str()
            ));
        }
        let names_segment =
            |name: &str| (when.path.as_ref()).is_some_and(|path| path.has_name(name));
        let mut segments = self.tags.iter().flat_map(Template::segments);
        if let Some(name) = segments.find(|name| !names_segment(name)) {
            return wrong(&format!(
                "`{{{name}}}` in a tag is no segment of the path pattern: name it there (`path=/items/{{{name}}}`); a \
                 parameter is `{{query.{name}}}`, and a field of the response `{{header.{name}}}`"
            ));
        }
        if key.authorised
            && let Some(name) = key.headers.iter().find(|name| is_of_http(name))
        {
            return wrong(&format!(
                "`auth=shared` and `header={name}` contradict each other: the first says that all \
                 authorised callers share a response, the second gives each of them its own; keep one"
            ));
        }
        if key.headers.contains(&header::COOKIE) {
            return wrong("name the cookies that matter with `cookie=`, not the whole field");
        }
        Ok(())
    }
}

/// Returns the name of a segment that is a parameter in other languages of routes: `:id`.
fn colon_name(path: &str) -> Option<&str> {
    path.split('/').find_map(|segment| {
        let name = segment.strip_prefix(':')?;
        (!name.is_empty()).then_some(name)
    })
}

// === impl RuleError ===

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RuleError {}
