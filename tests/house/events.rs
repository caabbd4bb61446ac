//! Events of all layers name the same things by the same fields.

use crate::sources::below;

/// Fields that have another name, by the word that a layer might use.
const OTHERWISE: [(&str, &str); 7] = [
    ("cause", "error"),
    ("err", "error"),
    ("e", "error"),
    ("failure", "error"),
    ("missing", "error"),
    ("detail", "reason"),
    ("refusal", "reason"),
];

#[test]
fn events_name_errors_and_reasons_alike() {
    let mut found = Vec::new();
    for file in below("crates") {
        for (at, line) in &file.lines {
            let Some(event) = line.split("tracing::").nth(1) else {
                continue;
            };
            let event = event.split('"').next().unwrap_or_default();
            for (word, instead) in OTHERWISE {
                let is_field = |start: &str| {
                    let fields = event.split(['(', ',']).map(str::trim);
                    let mut names = fields.map(|field| field.split(" =").next().unwrap_or(field));
                    names.any(|name| name.strip_prefix(start) == Some(word))
                };
                if ["", "%", "?"].into_iter().any(is_field) {
                    found.push(format!("{}:{at}: {word}: use {instead}", file.path));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
