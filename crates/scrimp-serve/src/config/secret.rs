//! Secrets, which stand outside of the configuration.

use std::fmt;

use crate::read::Section;

/// A secret. It is never displayed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

// === impl Secret ===

impl Secret {
    /// Reads the secret that a key of a section names.
    pub(crate) fn read(section: &Section<'_>, key: &'static str) -> Option<Self> {
        if !section.has(key) {
            return None;
        }
        let span = section.span_of(key);
        if section.is_text(key) {
            let message = format!("`{key}` is a secret, and stands in the file as text");
            let help = format!(
                "write `{key} = {{ env = \"NAME\" }}` or `{{ file = \"PATH\" }}`, or `{{ plain = \"…\" }}` if it may stand here"
            );
            section.add(&span, message, help);
            return None;
        }
        let source = section.inner(key, "secret");
        let (env, file, plain) = (
            source.text("env"),
            source.text("file"),
            source.text("plain"),
        );
        if [env.is_some(), file.is_some(), plain.is_some()]
            .iter()
            .filter(|is| **is)
            .count()
            != 1
        {
            let message = format!("`{key}` must have one of `env`, `file` and `plain`");
            section.add(&span, message, "for example `{ env = \"GATEWAY_TOKEN\" }`");
            return None;
        }
        let secret = if let Some(env) = env {
            let value = std::env::var(&env.value).map_err(|error| match error {
                std::env::VarError::NotPresent => "is not set".to_owned(),
                error @ std::env::VarError::NotUnicode(_) => error.to_string(),
            });
            value.map_err(|why| {
                let message = format!("the environment variable `{}` {why}", env.value);
                section.add(&env.span, message, "set it, or name another one");
            })
        } else if let Some(file) = file {
            std::fs::read_to_string(&file.value).map_err(|error| {
                let message = format!("cannot read `{}`: {error}", file.value);
                section.add(
                    &file.span,
                    message,
                    "the file holds the secret and nothing else",
                );
            })
        } else {
            Ok(plain?.value)
        };
        let secret = secret.ok()?.trim().to_owned();
        if secret.is_empty() {
            section.add(&span, format!("`{key}` is empty"), "");
            return None;
        }
        Some(Self(secret))
    }

    /// Wraps a text that need not be secret.
    pub(crate) fn of(text: String) -> Self {
        Self(text)
    }

    /// Returns the secret.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
