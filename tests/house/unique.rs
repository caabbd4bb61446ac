//! Public names are unique across the umbrella, so that several layers can be imported with `*`.

use std::{collections::BTreeMap, fs};

use super::sources;

/// The crates that `scrimp` gathers, by the names of their folders.
const LAYERS: [&str; 17] = [
    "audit",
    "batch",
    "cache",
    "cdn",
    "coalesce",
    "cost-route",
    "disk",
    "jobs",
    "limit",
    "llm",
    "object",
    "prefetch",
    "redis",
    "shadow",
    "stampede",
    "values",
    "warm",
];

#[test]
fn no_two_layers_export_different_things_under_one_name() {
    let mut origins: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for layer in LAYERS {
        let path = sources::root().join(format!("crates/scrimp-{layer}/src/lib.rs"));
        let lib = fs::read_to_string(&path).expect("a library");
        for (name, origin) in exports(&lib) {
            // What comes from a crate that all layers have in common is one thing.
            let origin = match origin.starts_with("scrimp_") {
                true => origin,
                false => format!("scrimp-{layer}"),
            };
            let origins = origins.entry(name).or_default();
            if !origins.contains(&origin) {
                origins.push(origin);
            }
        }
    }
    let twice = origins.iter().filter(|(_, origins)| origins.len() > 1);
    let twice: Vec<_> = twice
        .map(|(name, origins)| format!("{name}: {}", origins.join(", ")))
        .collect();
    assert!(twice.is_empty(), "{}", twice.join("\n"));
}

/// Returns the names that a library re-exports from its root, with the first part of their paths.
fn exports(lib: &str) -> Vec<(String, String)> {
    let code = lib
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let code = code.collect::<Vec<_>>().join("\n");
    let mut names = Vec::new();
    for item in code.split(';') {
        let Some((_, path)) = item.split_once("pub use ") else {
            continue;
        };
        let (root, rest) = path.split_once("::").unwrap_or((path, ""));
        let list = rest.rsplit("::").next().unwrap_or(rest);
        let list = if rest.contains('{') { rest } else { list };
        let found = list.split(|c: char| !c.is_alphanumeric() && c != '_');
        let found = found.filter(|name| !name.is_empty() && !name.starts_with(char::is_numeric));
        names.extend(found.map(|name| (name.to_owned(), root.trim().to_owned())));
    }
    names
}

#[test]
fn exports_are_read_from_lists_and_single_items() {
    let lib = "pub use a::{One, Two};\n// pub use b::Three;\npub use scrimp_core::deep::Four;";
    let pair = |name: &str, origin: &str| (name.to_owned(), origin.to_owned());
    assert_eq!(
        exports(lib),
        [
            pair("One", "a"),
            pair("Two", "a"),
            pair("Four", "scrimp_core")
        ]
    );
}
