//! `[[route]]`: requests, and where they go.

use http::Method;

use crate::read::Section;

use super::{Choice, Names, batch::Batch};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Route {
    pub(crate) name: String,
    pub(crate) host: Option<String>,
    pub(crate) path: String,
    pub(crate) methods: Vec<Method>,
    pub(crate) target: Target,
    pub(crate) cache: bool,
    pub(crate) coalesce: bool,
    pub(crate) stampede: bool,
    pub(crate) batch: Option<Batch>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Target {
    Upstream(String),
    Providers(Vec<String>, Choice),
}

/// Keys of a route to providers.
const OF_PROVIDERS: [&str; 4] = ["attempts", "quota_wait", "hedge", "repeatable"];

// === impl Route ===

impl Route {
    pub(crate) fn read(section: &Section<'_>) -> Option<Self> {
        let path = section.parsed("path", |text| match text.starts_with('/') {
            true => Ok(text.to_owned()),
            false => Err("does not begin with a slash".into()),
        });
        let path = path.map_or_else(|| "/**".to_owned(), |at| at.value);
        let mut methods = Vec::new();
        for method in section.texts("methods") {
            match method.value.parse() {
                Ok(known) if method.value.to_ascii_uppercase() == method.value => {
                    methods.push(known);
                }
                _ => {
                    let message = format!("`{}` is no method", method.value);
                    let help = "methods are words in capitals, such as `GET`";
                    section.add(&method.span, message, help);
                }
            }
        }
        let (upstream, providers) = (section.text("upstream"), section.texts("providers"));
        if section.has("upstream") == section.has("providers") {
            let help = "write `upstream = \"NAME\"`, or `providers = [\"NAME\", …]`";
            let message = match section.has("upstream") {
                true => "[[route]] has both `upstream` and `providers`",
                false => "[[route]] has neither `upstream` nor `providers`",
            };
            section.add(&section.span, message, help);
        }
        let target = match upstream {
            Some(upstream) => Target::Upstream(upstream.value),
            None => {
                let names = providers.into_iter().map(|at| at.value).collect();
                Target::Providers(names, Choice::read(section))
            }
        };
        for key in OF_PROVIDERS {
            if section.has(key) && section.has("upstream") {
                let message = format!("`{key}` needs `providers`");
                section.add(&section.span_of(key), message, "");
            }
        }
        let batch = section.inner("batch", "route.batch");
        Some(Self {
            name: section
                .text("name")
                .map_or_else(|| path.clone(), |at| at.value),
            host: section.text("host").map(|at| at.value),
            path,
            methods,
            target,
            cache: section.flag("cache").unwrap_or(true),
            coalesce: section.flag("coalesce").unwrap_or(true),
            stampede: section.flag("stampede").unwrap_or(false),
            batch: batch.is_present().then(|| Batch::read(&batch)).flatten(),
        })
    }

    /// Checks the names that it uses.
    pub(crate) fn check(&self, section: &Section<'_>, known: &Names) {
        if let Some(upstream) = section.text("upstream") {
            Names::expect(section, "upstream", &upstream, &known.upstreams);
        }
        let providers = section.texts("providers");
        for provider in &providers {
            Names::expect(section, "provider", provider, &known.providers);
        }
        if providers.is_empty() && section.has("providers") {
            let span = section.span_of("providers");
            section.add(
                &span,
                "`providers` is empty",
                "name one [[provider]] or more",
            );
        }
        if self.stampede && !self.cache {
            let span = section.span_of("stampede");
            section.add(
                &span,
                "`stampede` needs the cache",
                "remove `cache = false`",
            );
        }
    }
}
