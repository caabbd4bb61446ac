//! Responses of a layer's own are written in one place.

use super::sources;

/// The layers and the gateway, by the folders of their crates.
const LAYERS: [&str; 10] = [
    "batch",
    "cache",
    "cdn",
    "coalesce",
    "cost-route",
    "gateway",
    "jobs",
    "limit",
    "serve",
    "stampede",
];

/// A table of values that upstreams send often.
const KNOWN_VALUES: &str = "crates/scrimp-cache/src/entry/value/known.rs";

#[test]
fn a_layer_writes_its_refusals_as_problems_of_core() {
    let mut found = Vec::new();
    for layer in LAYERS {
        for file in sources::below(&format!("crates/scrimp-{layer}/src")) {
            let own = |line: &str| {
                let line = line.to_ascii_lowercase();
                line.contains("problem+json") || line.contains("proxy_status")
            };
            let lines = file.lines.iter().filter(|(_, line)| own(line));
            let lines = lines.filter(|_| file.path != KNOWN_VALUES);
            found.extend(lines.map(|(at, line)| format!("{}:{at}: {}", file.path, line.trim())));
        }
    }
    assert!(
        found.is_empty(),
        "use scrimp_core::Problem, so that all layers answer alike:\n{}",
        found.join("\n")
    );
}
