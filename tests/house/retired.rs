//! Names that the glossary in CONTRIBUTING.md has replaced do not come back.

use super::sources;

/// Crate, retired type, and the name in its place.
const RETIRED: &[(&str, &str, &str)] = &[
    ("scrimp-batch", "Aloft", "InFlightGuard"),
    ("scrimp-batch", "Crew", "Waiters"),
    ("scrimp-batch", "Flight", "Dispatch"),
    ("scrimp-batch", "Seat", "Responder"),
    ("scrimp-batch", "Window", "BatchWindow"),
    ("scrimp-cache", "Asked", "RequestView"),
    ("scrimp-cache", "Birth", "fetched_at"),
    ("scrimp-cache", "Budget", "MemoryBudget"),
    ("scrimp-cache", "Draft", "PendingEntry"),
    ("scrimp-cache", "Duty", "UpstreamCall"),
    ("scrimp-cache", "Fill", "BodyCollector"),
    ("scrimp-cache", "Hit", "Invalidation"),
    ("scrimp-cache", "Logged", "InvalidationRecord"),
    ("scrimp-cache", "Standby", "BodyCollector"),
    ("scrimp-cache", "Standing", "Freshness"),
    ("scrimp-cache", "Unstored", "UncacheablePredictor"),
    ("scrimp-cache", "Wanted", "LookupRequest"),
    ("scrimp-cache", "Watch", "UncacheablePredictor"),
    ("scrimp-coalesce", "Cargo", "SharedResult"),
    ("scrimp-coalesce", "Group", "SingleFlight"),
    ("scrimp-coalesce", "Landing", "Resolution"),
    ("scrimp-coalesce", "Owed", "Resolution"),
    ("scrimp-coalesce", "Visit", "Admission"),
    ("scrimp-coalesce", "Window", "ReuseWindow"),
    ("scrimp-cost-route", "Window", "PriceWindow"),
    ("scrimp-flight", "Cargo", "SharedResult"),
    ("scrimp-flight", "Group", "SingleFlight"),
    ("scrimp-flight", "Landing", "Resolution"),
    ("scrimp-flight", "Owed", "Resolution"),
    ("scrimp-flight", "Visit", "Admission"),
];

/// Crate, retired count of its statistics, and the word in its place.
const RETIRED_COUNTS: &[(&str, &str, &str)] = &[
    ("scrimp-cache", "rejected", "store_full"),
    ("scrimp-cache", "unanswered", "refused"),
    ("scrimp-coalesce", "passed", "bypassed"),
    ("scrimp-stampede", "waits_timed_out", "timed_out"),
];

#[test]
fn no_count_has_a_retired_name() {
    let mut found = Vec::new();
    for (member, retired, name) in RETIRED_COUNTS {
        let files = sources::below(&format!("crates/{member}/src"));
        let files = files.iter().filter(|file| file.path.ends_with("/stats.rs"));
        for (file, (at, line)) in
            files.flat_map(|file| file.lines.iter().map(move |line| (file, line)))
        {
            let field = line.trim().trim_end_matches(',');
            if field == *retired || field == format!("pub {retired}: u64") {
                found.push(format!("{}:{at}: {retired} is called {name}", file.path));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_type_has_a_retired_name() {
    let mut found = Vec::new();
    for (member, retired, name) in RETIRED {
        for file in sources::below(&format!("crates/{member}/src")) {
            for (at, line) in &file.lines {
                if declares(line, retired) {
                    found.push(format!("{}:{at}: {retired} is called {name}", file.path));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Returns true if a line declares a type of this name.
fn declares(line: &str, name: &str) -> bool {
    let mut words = line
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty());
    let kind = words.find(|word| ["struct", "enum", "trait", "type", "union"].contains(word));
    kind.is_some() && words.next() == Some(name)
}

#[test]
fn a_declaration_is_told_from_a_use() {
    assert!(declares("pub(crate) struct Watch<B> {", "Watch"));
    assert!(declares("enum Fill {", "Fill"));
    assert!(!declares("pub(crate) struct Watched {", "Watch"));
    assert!(!declares("    fill: Fill,", "Fill"));
}
