//! The tags that can invalidate a response: those it comes with, and those of its own.

use http::{HeaderMap, HeaderName, Request, Response};
use scrimp_core::{extensions::Tags, tag};
use scrimp_http::{
    groups::{self, CACHE_GROUPS},
    target::{authority, normal},
};

use super::{
    epoch::{Carried, Tag},
    target::{anywhere_tag, authority_tag, group_tag, name_tag, path_tag, prefix_tag, uri_tag},
    validity::MAX_TAGS,
};
use crate::{config::Config, policy::refusal::Refusal, rule::Rule};

/// Minimum number of tags of most responses: key, target with and without authority, authority, and a
/// few folders.
const FEW_TAGS: usize = 9;

/// Maximum number of folders of a path that are tags, so that its prefixes can be invalidated.
const MAX_FOLDERS: usize = 8;

/// Collects everything that can invalidate a response.
pub(crate) fn carry(
    config: &Config,
    rule: Option<&Rule>,
    request: &Request<()>,
    tags: Option<&Tags>,
    response: &Response<()>,
    key: Tag,
) -> Result<Carried, Refusal> {
    let authority = authority(request.uri(), request.headers());
    let mut carrier = Carrier::default();
    let target = request.uri().path_and_query();
    let target = normal(target.map_or("/", |target| target.as_str()));
    let path = target.split('?').next().unwrap_or_default();
    carrier.tags.reserve(FEW_TAGS);
    carrier.tags.push(key);
    carrier.tags.push(uri_tag(authority.as_bytes(), &target));
    carrier.tags.push(anywhere_tag(&target));
    carrier.tags.push(authority_tag(authority));
    for folder in folders(path).take(MAX_FOLDERS) {
        carrier.tags.push(path_tag(authority, folder));
    }
    carrier.note(&target);
    for group in groups::groups(response.headers(), &CACHE_GROUPS) {
        carrier.tags.push(group_tag(authority, &group));
    }
    carrier.read_fields(&config.tag_headers, response.headers());
    for tag in tags.into_iter().flat_map(|tags| tags.0.iter()) {
        carrier.add(tag);
    }
    if let Some(rule) = rule {
        for tag in rule.tags(request, response) {
            carrier.add(&tag);
        }
    }
    for tag in config
        .tagger
        .iter()
        .flat_map(|tagger| (tagger.0)(request, response))
    {
        carrier.add(&tag);
    }
    carrier.finish()
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
    }

    /// Adds the tags of these fields.
    fn read_fields(&mut self, names: &[HeaderName], headers: &HeaderMap) {
        for name in names {
            groups::tags(headers, name).for_each(|tag| self.add(tag));
        }
    }

    fn finish(self) -> Result<Carried, Refusal> {
        let Self {
            mut tags,
            versions,
            names,
        } = self;
        tags.sort_unstable_by_key(|tag| tag.0);
        tags.dedup();
        if tags.len() > MAX_TAGS {
            return Err(Refusal::TooManyTags);
        }
        Ok(Carried {
            tags: tags.into(),
            versions: versions.into(),
            names: names.into(),
            ..Carried::default()
        })
    }
}

/// Iterates over the folders of a path: `/a/b/c` lies in `/`, `/a/` and `/a/b/`.
fn folders(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(end, _)| &path[..=end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_lies_in_each_of_its_folders() {
        assert_eq!(folders("/a/b/c").collect::<Vec<_>>(), ["/", "/a/", "/a/b/"]);
        assert_eq!(folders("*").count(), 0);
    }

    #[test]
    fn a_tag_brings_its_prefixes_and_its_version() {
        let mut carrier = Carrier::default();
        carrier.add("products:list:books:1");
        carrier.add("user:7@12");
        let carried = carrier.finish().unwrap();
        for prefix in [
            "products:",
            "products:list:",
            "products:list:books:",
            "user:",
        ] {
            assert!(carried.tags.contains(&prefix_tag(prefix)), "{prefix}");
        }
        assert_eq!(&*carried.versions, [(name_tag("user:7"), 12)]);
        assert_eq!(&*carried.names, "products:list:books:1\nuser:7");
    }

    #[test]
    fn more_tags_than_can_be_kept_are_refused_and_never_cut() {
        let mut carrier = Carrier::default();
        (0..MAX_TAGS).for_each(|n| carrier.add(&n.to_string()));
        carrier.add("one-more");
        assert_eq!(carrier.finish(), Err(Refusal::TooManyTags));
    }
}
