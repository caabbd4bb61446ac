//! Each fact about HTTP is in one place: no layer crate parses a field, or keeps its own list of
//! field names.

use std::fs;

use crate::sources::{Source, below, root};

/// Crates that must use scrimp-http.
const LAYERS: [&str; 13] = [
    "scrimp-audit",
    "scrimp-batch",
    "scrimp-cache",
    "scrimp-cdn",
    "scrimp-coalesce",
    "scrimp-cost-route",
    "scrimp-flight",
    "scrimp-jobs",
    "scrimp-limit",
    "scrimp-prefetch",
    "scrimp-reqwest",
    "scrimp-stampede",
    "scrimp-warm",
];

/// Signs of code that parses a field or lists field names.
const SIGNS: [&str; 14] = [
    "split(',')",
    "split(';')",
    "split(|&byte| byte == b','",
    "split(|byte| *byte == b','",
    "split(|&byte| byte == b';'",
    "split(|byte| *byte == b';'",
    "split_once('=')",
    "splitn(2",
    "eq_ignore_ascii_case(b\"",
    "[HeaderName; ",
    "[header::",
    "HeaderName::from_static(\"",
    "FieldNames::new(",
    "parse_http_date",
];

/// Lines that match a sign for another reason, by file and a part of the line.
const SOMETHING_ELSE: &[(&str, &str, &str)] = &[
    (
        "crates/scrimp-cache/src/request/key/query.rs",
        "pair.split_once('=')",
        "a parameter of a query, which is not a field",
    ),
    (
        "crates/scrimp-cache/src/rule/parse.rs",
        "word.split_once('=')",
        "the operator's rule language",
    ),
    (
        "crates/scrimp-cache/src/rule/parse.rs",
        "value.split(',')",
        "the operator's rule language",
    ),
];

/// Returns the lines of a file. One that opens a list has the first item behind it, wherever it is
/// written.
fn listed(source: &Source) -> Vec<(usize, String)> {
    let lines = &source.lines;
    let whole = |at: usize| {
        let (number, line) = &lines[at];
        let mut line = line.clone();
        let mut next = at + 1;
        while line.ends_with(['[', '(']) && next < lines.len() {
            line.push_str(lines[next].1.trim());
            next += 1;
        }
        (*number, line)
    };
    (0..lines.len()).map(whole).collect()
}

#[test]
fn a_list_of_fields_is_seen_on_one_line_and_on_several() {
    let source = |lines: &[&str]| Source {
        path: String::new(),
        lines: lines
            .iter()
            .copied()
            .map(String::from)
            .enumerate()
            .collect(),
    };
    for lines in [
        &["    [header::ETAG, header::DATE].contains(name)"][..],
        &[
            "    [",
            "        header::ETAG,",
            "        header::DATE,",
            "    ]",
        ],
        &["    let all = [", "", "        header::ETAG,", "    ];"],
        &["static ALL: FieldNames = FieldNames::new(", "    &["],
    ] {
        let lines = listed(&source(lines));
        let found = lines
            .iter()
            .any(|(_, line)| SIGNS.iter().any(|sign| line.contains(sign)));
        assert!(found, "{lines:?}");
    }
}

fn is_excused(source: &Source, line: &str) -> bool {
    SOMETHING_ELSE
        .iter()
        .any(|(path, part, _)| source.path.ends_with(path) && line.contains(part))
}

#[test]
fn no_layer_parses_a_field_or_keeps_a_list_of_fields() {
    let mut found = Vec::new();
    for layer in LAYERS {
        for source in below(&format!("crates/{layer}/src")) {
            for (number, line) in &listed(&source) {
                if SIGNS.iter().any(|sign| line.contains(sign)) && !is_excused(&source, line) {
                    found.push(format!("{}:{number}: {}", source.path, line.trim()));
                }
            }
        }
    }
    assert!(
        found.is_empty(),
        "facts about HTTP belong in scrimp-http, which every layer uses:\n{}",
        found.join("\n")
    );
}

#[test]
fn an_unused_exception_is_removed_from_the_list() {
    for (path, part, reason) in SOMETHING_ELSE {
        assert!(!reason.is_empty(), "{path}: {part} needs a reason");
        let folder = path.split("/src/").next().unwrap_or_default();
        let sources = below(&format!("{folder}/src"));
        let source = sources.iter().find(|source| source.path == *path);
        let lines = source.map_or(&[][..], |source| &source.lines);
        let needed = lines
            .iter()
            .any(|(_, line)| line.contains(part) && SIGNS.iter().any(|sign| line.contains(sign)));
        assert!(needed, "{path}: no line with {part:?} needs an exception");
    }
}

#[test]
fn no_layer_depends_on_a_parser_of_fields() {
    for layer in LAYERS {
        let path = root().join("crates").join(layer).join("Cargo.toml");
        let manifest = fs::read_to_string(&path).expect("a manifest");
        let dependencies = manifest
            .split("[dev-dependencies]")
            .next()
            .unwrap_or_default();
        for parser in ["httpdate", "sfv", "mime"] {
            let named = dependencies.lines().any(|line| line.starts_with(parser));
            assert!(
                !named,
                "{layer} depends on {parser}: parse in scrimp-http instead"
            );
        }
    }
}
