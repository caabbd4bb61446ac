//! The tags that can invalidate a response: those it comes with, and those of its own.

use http::{Request, Response};
use scrimp_core::{
    Key,
    extensions::{CacheTags, Tags},
    tag,
};
use scrimp_http::{
    groups::{self, CACHE_GROUPS},
    target::{authority, normal},
};

use super::{
    carried::{FORGOTTEN, MAX_TAGS, OwnTarget},
    epoch::{Carried, Tag},
    tags::{group_tag, name_tag, prefix_tag},
};
use crate::{config::Config, policy::refusal::Refusal, rule::Rule};

/// Collects everything that can invalidate a response.
pub(crate) fn carry(
    config: &Config,
    rule: Option<&Rule>,
    request: &Request<()>,
    tags: Option<&Tags>,
    response: &Response<()>,
    key: &Key,
) -> Result<Carried, Refusal> {
    let authority = authority(request.uri(), request.headers());
    let mut carrier = Carrier::default();
    let target = request.uri().path_and_query();
    let target = normal(target.map_or("/", |target| target.as_str()));
    for group in groups::groups(response.headers(), &CACHE_GROUPS) {
        carrier.tags.push(group_tag(authority, &group));
    }
    each_tag(config, rule, (request, tags), response, |tag| {
        carrier.add(tag);
    });
    carrier.finish(OwnTarget::new(key, authority, &target))
}

/// Returns the tags of a response from the upstream, for layers outside.
pub(crate) fn told(
    config: &Config,
    rule: Option<&Rule>,
    request: (&Request<()>, Option<&Tags>),
    response: &Response<()>,
) -> CacheTags {
    let mut all: Vec<Box<str>> = Vec::new();
    each_tag(config, rule, request, response, |text| {
        let (name, _) = tag::versioned(text);
        if !name.is_empty() {
            all.push(name.into());
        }
    });
    CacheTags::new(all, true)
}

/// Calls a function with each tag of a response, from its fields, its request, its rule and the
/// operator's function.
fn each_tag(
    config: &Config,
    rule: Option<&Rule>,
    (request, tags): (&Request<()>, Option<&Tags>),
    response: &Response<()>,
    mut add: impl FnMut(&str),
) {
    for name in &config.tag_headers {
        groups::tags(response.headers(), name).for_each(&mut add);
    }
    let by_request = tags.into_iter().flat_map(|tags| tags.0.iter());
    by_request.for_each(|tag| add(tag));
    let by_rule = rule.map(|rule| rule.tags(request, response));
    by_rule.iter().flatten().for_each(|tag| add(tag));
    let tagger = config.tagger.as_ref();
    let by_function = tagger.map(|tagger| (tagger.0)(request, response));
    by_function.iter().flatten().for_each(|tag| add(tag));
}

#[derive(Default)]
struct Carrier {
    tags: Vec<Tag>,
    versions: Vec<(Tag, u64)>,
    names: String,
}

// === impl Carrier ===

impl Carrier {
    /// Adds a tag, its prefixes, and its version if it has one (`user:7@12`).
    fn add(&mut self, text: &str) {
        let (name, version) = tag::versioned(text);
        if name.is_empty() {
            return;
        }
        let named = name_tag(name);
        self.tags.push(named);
        self.versions
            .extend(version.map(|version| (named, version)));
        self.tags.extend(tag::prefixes(name).map(prefix_tag));
        self.note(name);
    }

    fn note(&mut self, name: &str) {
        if !self.names.is_empty() {
            self.names.push('\n');
        }
        self.names.push_str(name);
        // It takes several lines, from which it cannot be told again.
        if name.contains(['\n', '\r']) {
            self.names.push('\n');
            self.names.push_str(FORGOTTEN);
        }
    }

    fn finish(self, target: OwnTarget) -> Result<Carried, Refusal> {
        let Self {
            mut tags,
            versions,
            names,
        } = self;
        tags.sort_unstable_by_key(|tag| tag.0);
        tags.dedup();
        if tags.len() + target.count_tags() > MAX_TAGS {
            return Err(Refusal::TooManyTags);
        }
        Ok(Carried::new(tags, versions, &names).of(target))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> OwnTarget {
        let key = scrimp_core::KeyBuf::new().to_key();
        OwnTarget::new(&key, "a.example", "/")
    }

    #[test]
    fn a_tag_brings_its_prefixes_and_its_version() {
        let mut carrier = Carrier::default();
        carrier.add("products:list:books:1");
        carrier.add("user:7@12");
        let carried = carrier.finish(target()).unwrap();
        for prefix in [
            "products:",
            "products:list:",
            "products:list:books:",
            "user:",
        ] {
            assert!(carried.tags().contains(&prefix_tag(prefix)), "{prefix}");
        }
        assert_eq!(carried.versions(), [(name_tag("user:7"), 12)]);
        let names: Vec<_> = carried.names().collect();
        assert_eq!(names, ["/", "products:list:books:1", "user:7"]);
    }

    #[test]
    fn more_tags_than_can_be_kept_are_refused_and_never_cut() {
        let mut carrier = Carrier::default();
        let room = MAX_TAGS - target().count_tags();
        (0..room).for_each(|n| carrier.add(&n.to_string()));
        let full = carrier.finish(target()).expect("there is room");
        assert_eq!(full.tags().len(), MAX_TAGS);
        let mut carrier = Carrier::default();
        (0..=room).for_each(|n| carrier.add(&n.to_string()));
        assert_eq!(carrier.finish(target()), Err(Refusal::TooManyTags));
    }
}
