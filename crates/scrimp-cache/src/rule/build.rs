//! From what was asked for to a rule, if it makes sense.

use http::header;

use super::{Cookies, KeySpec, QueryKey, Rule, RuleBuilder, RuleError, When};

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
        self.check()?;
        let keyed_cookies = !self.cookies.is_empty();
        let mut rule = Rule {
            name: self.name.unwrap_or_default(),
            when: When {
                methods: self.methods.into(),
                host: self.host,
                path: self.path,
                headers: self.if_headers.into(),
                content_type: self.content_type,
                statuses: self.statuses.into(),
            },
            key: KeySpec {
                query: self.query,
                headers: self.headers.into(),
                cookies: self.cookies.into(),
            },
            ttl: self.ttl,
            limits: self.limits,
            fail_safe: self.fail_safe,
            soft_timeout: self.soft_timeout,
            body_key: self.body_key,
            ignore_client_control: self.ignore_client_control,
            bypass: self.bypass,
            cookies: (self.ignore_cookies || keyed_cookies).then_some(Cookies::Ignore),
            store_set_cookie: self.store_set_cookie,
            override_origin: self.override_origin,
            tags: self.tags.into(),
        };
        if rule.name.is_empty() {
            rule.name = rule.usual_name().into();
        }
        Ok(rule)
    }

    /// Whether each part can have an effect.
    fn check(&self) -> Result<(), RuleError> {
        let needs_response = self.content_type.is_some() || !self.statuses.is_empty();
        let has_key =
            self.query != QueryKey::All || !self.headers.is_empty() || !self.cookies.is_empty();
        let wrong = |text: &str| Err(RuleError(text.into()));
        if needs_response && (has_key || self.ignore_cookies) {
            return wrong(
                "a rule with a condition on the response (content-type, status) cannot choose \
                 the key (query, header, cookie): the key is needed before there is a \
                 response; make two rules of it",
            );
        }
        if self.bypass && (has_key || self.ttl.is_some()) {
            return wrong("a rule that bypasses the cache has no use for a key or a TTL");
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
        if let Some(path) = &self.path
            && !path.as_str().starts_with(['/', '*'])
        {
            return wrong(&format!(
                "the path pattern {:?} never matches: a path begins with `/`",
                path.as_str()
            ));
        }
        if self.headers.contains(&header::COOKIE) {
            return wrong("name the cookies that matter with `cookie=`, not the whole field");
        }
        Ok(())
    }
}
