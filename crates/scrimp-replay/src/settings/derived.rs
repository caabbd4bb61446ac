//! Values that follow from the settings.

use scrimp_cache::Rule;

use super::Settings;
use crate::{
    error::{Error, Result},
    line::Entry,
    ttl::Ttl,
    upstream::Latency,
};

// === impl Settings ===

impl Settings {
    /// Reports whether layers other than the cache and shared calls are needed.
    pub(crate) fn is_full(&self) -> bool {
        self.all || self.batch.is_some() || !self.offers.is_empty()
    }

    /// Reports whether requests overlap.
    pub(crate) fn overlaps(&self) -> bool {
        self.logged_latency || !self.latency.is_zero()
    }

    /// Returns the time that the upstream takes.
    pub(crate) fn upstream_latency(&self) -> Latency {
        if self.logged_latency {
            Latency::Logged(self.latency)
        } else {
            Latency::Fixed(self.latency)
        }
    }

    /// Reports whether an entry is replayed or left out.
    pub(crate) fn counts(&self, entry: &Entry) -> bool {
        (self.methods.is_empty() || self.methods.contains(&entry.method))
            && (self.statuses.is_empty() || self.statuses.contains(&entry.status))
    }

    /// Reports whether a rule reads header fields, of which a log states the user agent.
    pub(crate) fn reads_fields(&self) -> bool {
        self.rules.iter().any(|rule| rule.contains("header"))
    }

    /// Returns the rules for the cache, in order, each with the TTL if there is one.
    pub(crate) fn cache_rules(&self) -> Vec<String> {
        let default = match self.ttl {
            Ttl::None => String::new(),
            ttl => format!("ttl={ttl}"),
        };
        let has_ttl = |rule: &str| {
            rule.split_whitespace()
                .any(|token| token.starts_with("ttl=") || token == "bypass")
        };
        let own = self.rules.iter().map(|rule| {
            if has_ttl(rule) {
                rule.clone()
            } else {
                format!("{rule} {default}")
            }
        });
        let last = (self.ttl != Ttl::None).then(|| default.clone());
        own.chain(last).collect()
    }
}

/// Reads a rule.
pub(crate) fn rule(text: &str) -> Result<Rule> {
    text.parse()
        .map_err(|why| Error::new(format!("the rule {text:?} cannot be used: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_without_ttl_has_the_ttl_of_the_replay() {
        let settings = Settings {
            rules: vec!["path=/a".into(), "path=/b ttl=1s".into()],
            ..Settings::new()
        };
        assert_eq!(
            settings.cache_rules(),
            ["path=/a ttl=5m", "path=/b ttl=1s", "ttl=5m"]
        );
        let none = settings.ttl(Ttl::None).cache_rules();
        assert_eq!(none, ["path=/a ", "path=/b ttl=1s"]);
    }
}
