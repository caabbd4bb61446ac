//! The number of cases of a property.

use proptest::test_runner::Config;

/// Returns a configuration of `default` cases, or as many as `SCRIMP_CASES` says.
pub fn cases(default: u32) -> Config {
    let cases = std::env::var("SCRIMP_CASES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default);
    Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..Config::default()
    }
}
