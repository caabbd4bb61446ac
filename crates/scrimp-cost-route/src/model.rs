//! Models that requests name, and the providers that do not have them.

use std::{
    borrow::Cow,
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use bytes::Bytes;
use hashlink::LruCache;
use http::Uri;
use serde::Deserialize;
use tokio::time::Instant;

/// Highest number of pairs of a provider and a model that are remembered.
const MOST: usize = 4_096;
/// Time for which a provider is passed over for a model that it did not have.
const LASTS: Duration = Duration::from_secs(600);
/// Longest name of a model, in bytes.
const LONGEST: usize = 256;

/// Pairs of a provider and a model that the provider does not have.
///
/// A client can name any number of models, so the table is bounded; the pair that was seen least
/// recently goes first. A pair that is gone costs one more call.
#[derive(Debug)]
pub(crate) struct MissingModels {
    until: LruCache<u64, Instant>,
    /// Keyed at random, so that no client can choose names that collide.
    hasher: RandomState,
}

// === impl MissingModels ===

impl MissingModels {
    pub(crate) fn new() -> Self {
        Self {
            until: LruCache::new(MOST),
            hasher: RandomState::new(),
        }
    }

    /// Marks a pair. The provider itself is not marked.
    pub(crate) fn mark(&mut self, provider: &str, model: &str, now: Instant) {
        let pair = self.hasher.hash_one((provider, model));
        self.until.insert(pair, now + LASTS);
    }

    pub(crate) fn has(&mut self, provider: &str, model: &str, now: Instant) -> bool {
        let pair = self.hasher.hash_one((provider, model));
        match self.until.get(&pair) {
            Some(until) if *until > now => true,
            Some(_) => {
                self.until.remove(&pair);
                false
            }
            None => false,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.until.is_empty()
    }

    /// Forgets everything: a provider has changed.
    pub(crate) fn clear(&mut self) {
        self.until.clear();
    }
}

/// Returns the model that a request names: the member `model` of its JSON, or a segment of its path
/// as Gemini (`/models/NAME:verb`), Bedrock (`/model/NAME/converse`, `/model/NAME/invoke`) and Azure
/// (`/deployments/NAME/…`) have it.
pub(crate) fn named(uri: &Uri, body: Option<&Bytes>) -> Option<Box<str>> {
    let model = body
        .and_then(|body| in_body(body))
        .or_else(|| in_path(uri))?;
    (!model.is_empty() && model.len() <= LONGEST).then(|| model.into_owned().into())
}

fn in_body(body: &[u8]) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        model: Option<Cow<'a, str>>,
    }

    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if first != Some(&b'{') {
        return None;
    }
    serde_json::from_slice::<Named<'_>>(body).ok()?.model
}

fn in_path(uri: &Uri) -> Option<Cow<'_, str>> {
    let mut segments = uri.path().split('/');
    let kind = segments.find(|segment| matches!(*segment, "models" | "model" | "deployments"))?;
    let (name, action) = (segments.next()?, segments.next().unwrap_or_default());
    let is_word = |verb: &str| !verb.is_empty() && verb.bytes().all(|b| b.is_ascii_alphabetic());
    // Other APIs have models too, such as those of cars: the rest of the path tells them apart.
    let name = match kind {
        "models" => name.rsplit_once(':').filter(|(_, verb)| is_word(verb))?.0,
        "model"
            if ["invoke", "converse"]
                .iter()
                .any(|verb| action.starts_with(verb)) =>
        {
            name
        }
        "deployments" if !action.is_empty() => name,
        _ => return None,
    };
    // Bedrock's names hold a colon, which clients may encode.
    Some(match name.contains("%3") {
        true => name.replace("%3A", ":").replace("%3a", ":").into(),
        false => name.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_named_in_the_body_or_in_the_path() {
        let of = |path: &str, body: &str| {
            let body = Bytes::copy_from_slice(body.as_bytes());
            named(&path.parse().unwrap(), Some(&body))
        };
        for (path, body, expected) in [
            (
                "/v1/chat/completions",
                " {\"messages\":[{\"model\":1}],\"model\":\"gpt-4o\"}",
                Some("gpt-4o"),
            ),
            ("/v1/chat/completions", "{\"model\":\"a\\/b\"}", Some("a/b")),
            (
                "/v1beta/models/gemini-2.5-pro:generateContent",
                "{}",
                Some("gemini-2.5-pro"),
            ),
            (
                "/model/anthropic.claude-v2%3A1/converse",
                "{}",
                Some("anthropic.claude-v2:1"),
            ),
            (
                "/model/anthropic.claude-v2:1/converse",
                "{}",
                Some("anthropic.claude-v2:1"),
            ),
            (
                "/openai/deployments/mine/chat/completions",
                "{}",
                Some("mine"),
            ),
            ("/v1/chat/completions", "{\"model\":1}", None),
            ("/v1/chat/completions", "not JSON", None),
            ("/v1/models", "", None),
            ("/cars/models/7", "", None),
            ("/cars/model/7/wheels", "", None),
            ("/v1/models/", "", None),
        ] {
            assert_eq!(of(path, body).as_deref(), expected, "{path} {body}");
        }
        let long = format!("{{\"model\":\"{}\"}}", "x".repeat(LONGEST + 1));
        assert_eq!(of("/", &long), None);
    }

    #[test]
    fn invented_models_do_not_fill_the_memory() {
        let mut missing = MissingModels::new();
        let now = Instant::now();
        for n in 0..MOST * 100 {
            missing.mark("a", &n.to_string(), now);
        }
        assert_eq!(missing.until.len(), MOST);
        let last = (MOST * 100 - 1).to_string();
        assert!(missing.has("a", &last, now) && !missing.has("a", "0", now));
        assert!(
            !missing.has("b", &last, now),
            "another provider may have it"
        );
        assert!(
            !missing.has("a", &last, now + LASTS),
            "it may have it by now"
        );
    }
}
