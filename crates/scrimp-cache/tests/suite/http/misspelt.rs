//! Misspelt Cache-Control: what forbids counts, and nothing is guessed.

use crate::common::{Rig, date, layer, reply};

/// Returns the number of two equal requests that reach the origin, whose responses were modified
/// ten days ago.
async fn calls(rules: &[&str], control: &str) -> usize {
    let fields = [
        ("cache-control", control.to_owned()),
        ("date", date(0)),
        ("last-modified", date(-10 * 86_400)),
    ];
    let layer = rules.iter().fold(layer(), |layer, rule| layer.rule(*rule));
    let rig = Rig::answering(layer, move |_| {
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        reply(200, &fields, "x")
    });
    rig.get("/").await;
    rig.get("/").await;
    rig.upstream.calls()
}

/// Semicolons, a missing comma, quotes around a directive, a separator at the end.
const MISSPELT: [&str; 10] = [
    "no-store; max-age=60",
    "private; max-age=60",
    "no-cache; no-store; must-revalidate",
    "private;",
    "max-age=60; private",
    "no-store max-age=60",
    "'private'; max-age=60",
    "\"no-store\"",
    "'no-store', max-age=60",
    "private: set-cookie",
];

#[tokio::test]
async fn what_forbids_counts_however_it_is_written_and_whatever_a_rule_says() {
    for control in MISSPELT {
        assert_eq!(calls(&[], control).await, 2, "{control}");
        assert_eq!(calls(&["path=/** ttl=1h"], control).await, 2, "{control}");
    }
}

#[tokio::test]
async fn a_member_that_cannot_be_read_forbids_guessing_a_lifetime() {
    for control in [
        "public; max-age=60",
        "max-age: 60",
        "max age=60",
        "public max-age=60",
    ] {
        assert_eq!(calls(&[], control).await, 2, "{control}");
        assert_eq!(calls(&["path=/** ttl=1h"], control).await, 1, "{control}");
    }
    assert_eq!(
        calls(&[], "").await,
        1,
        "nothing is said, and guessing is allowed"
    );
    assert_eq!(calls(&[], "x-unknown").await, 1);
}
