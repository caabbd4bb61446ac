//! The sections and keys that a configuration may have, as data.
//!
//! - `clients`, `layers`, `calls`: the sections;
//! - `mod`: their use.
//!
//! The reader refuses what is not here, and the table in `docs/serve.md` is written from it.

mod calls;
mod clients;
mod layers;

use std::fmt::Write;

/// A section of the file.
struct Part {
    /// Name by which the reader opens it.
    name: &'static str,
    /// Header in the file.
    title: &'static str,
    about: &'static str,
    keys: &'static [Setting],
}

/// One key.
struct Setting {
    key: &'static str,
    /// An example of its value, as TOML.
    example: &'static str,
    default: &'static str,
    about: &'static str,
}

const fn key(
    key: &'static str,
    example: &'static str,
    default: &'static str,
    about: &'static str,
) -> Setting {
    Setting {
        key,
        example,
        default,
        about,
    }
}

const SECRET: &str = "{ env = \"NAME\" }, { file = \"PATH\" } or { plain = \"…\" }";

/// Returns the sections, in the order of the docs.
fn parts() -> impl Iterator<Item = &'static Part> {
    [clients::PARTS, layers::PARTS, calls::PARTS]
        .into_iter()
        .flatten()
}

fn part(name: &str) -> &'static Part {
    let found = parts().find(|part| part.name == name);
    found.expect("the reader opens sections of the schema only")
}

/// Returns the keys of a section.
pub(crate) fn keys(section: &str) -> impl Iterator<Item = &'static str> + use<> {
    part(section).keys.iter().map(|setting| setting.key)
}

/// Returns the headers of the sections that have a key of this name.
pub(crate) fn titles_with(key: &str) -> Vec<&'static str> {
    let parts = parts().filter(|part| part.title.starts_with('['));
    let parts = parts.filter(|part| part.keys.iter().any(|setting| setting.key == key));
    parts.map(|part| part.title).collect()
}

/// Returns the header of a section.
pub(crate) fn title(section: &str) -> &'static str {
    part(section).title
}

/// Returns an example of a key, for the line that says what would be right.
pub(crate) fn example(section: &str, key: &str) -> String {
    let setting = part(section).keys.iter().find(|setting| setting.key == key);
    setting.map_or_else(String::new, |setting| {
        let about = setting.about.trim_end_matches('.');
        format!("for example `{key} = {}`: {about}", setting.example)
    })
}

/// Returns all settings as tables in Markdown.
#[must_use]
pub fn settings_in_markdown() -> String {
    let mut text = String::new();
    for part in parts() {
        let _ = writeln!(text, "### {}\n", heading(part.title));
        if !part.about.is_empty() {
            let _ = writeln!(text, "{}\n", part.about);
        }
        text.push_str("| key | example | default | |\n|---|---|---|---|\n");
        for Setting {
            key,
            example,
            default,
            about,
        } in part.keys
        {
            let default = match default.starts_with(['"', '['])
                || *default == "true"
                || *default == "false"
            {
                true => format!("`{default}`"),
                false => (*default).to_owned(),
            };
            let example = match example.contains('`') {
                true => (*example).to_owned(),
                false => format!("`{example}`"),
            };
            let _ = writeln!(text, "| `{key}` | {example} | {default} | {about} |");
        }
        text.push('\n');
    }
    text
}

fn heading(title: &str) -> String {
    match title.starts_with('[') {
        true => format!("`{title}`"),
        false => {
            let (first, rest) = title.split_at(1);
            first.to_uppercase() + rest
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_sections_and_keys_are_unique() {
        for (index, part) in parts().enumerate() {
            assert!(parts().take(index).all(|other| other.name != part.name));
            for (index, setting) in part.keys.iter().enumerate() {
                let before = &part.keys[..index];
                assert!(
                    before.iter().all(|other| other.key != setting.key),
                    "{}",
                    setting.key
                );
                assert!(!setting.about.is_empty() && !setting.example.is_empty());
            }
        }
    }
}
