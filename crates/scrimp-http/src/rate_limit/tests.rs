use http::HeaderName;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

/// 2026-01-01T00:00:00Z, in seconds since 1970.
const NEW_YEAR: u64 = 1_767_225_600;

fn read(fields: &[(&str, &str)]) -> Vec<QuotaState> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, value.parse().unwrap());
    }
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NEW_YEAR);
    QuotaStates::read(&headers, now).iter().collect()
}

fn steady(unit: QuotaUnit, limit: u64, remaining: u64, window: Duration) -> QuotaState {
    QuotaState {
        unit,
        limit: Some(limit),
        remaining,
        refill: QuotaRefill::Steady { window },
    }
}

fn at_once(limit: Option<u64>, remaining: u64, seconds: Option<u64>) -> QuotaState {
    QuotaState {
        unit: QuotaUnit::Requests,
        limit,
        remaining,
        refill: QuotaRefill::AtOnce {
            after: seconds.map(Duration::from_secs),
        },
    }
}

#[test]
fn the_window_of_a_quota_that_fills_up_evenly_follows_from_its_reset() {
    // Values that OpenAI's API has answered with.
    let open_ai = [
        ("x-ratelimit-limit-requests", "5000"),
        ("x-ratelimit-limit-tokens", "160000"),
        ("x-ratelimit-limit-tokens_usage_based", "160000"),
        ("x-ratelimit-remaining-requests", "4999"),
        ("x-ratelimit-remaining-tokens", "159976"),
        ("x-ratelimit-reset-requests", "12ms"),
        ("x-ratelimit-reset-tokens", "9ms"),
    ];
    assert_eq!(
        read(&open_ai),
        [
            steady(QuotaUnit::Requests, 5_000, 4_999, MINUTE),
            steady(QuotaUnit::Tokens, 160_000, 159_976, MINUTE),
        ]
    );
    // Groq's documentation: its requests are per day.
    let groq = [
        ("x-ratelimit-limit-requests", "14400"),
        ("x-ratelimit-limit-tokens", "18000"),
        ("x-ratelimit-remaining-requests", "14370"),
        ("x-ratelimit-remaining-tokens", "17997"),
        ("x-ratelimit-reset-requests", "2m59.56s"),
        ("x-ratelimit-reset-tokens", "7.66ms"),
    ];
    let day = Duration::from_secs(86_400);
    assert_eq!(
        read(&groq),
        [
            steady(QuotaUnit::Requests, 14_400, 14_370, day),
            steady(QuotaUnit::Tokens, 18_000, 17_997, MINUTE),
        ]
    );
}

#[test]
fn what_is_too_small_to_measure_says_nothing_about_the_window() {
    for reset in ["0s", "1ms", "9ms", "1s", "9s"] {
        let state = read(&[
            ("x-ratelimit-limit-tokens", "150000000"),
            ("x-ratelimit-remaining-tokens", "149999976"),
            ("x-ratelimit-reset-tokens", reset),
        ]);
        let expected = steady(QuotaUnit::Tokens, 150_000_000, 149_999_976, MINUTE);
        assert_eq!(state, [expected], "{reset}");
    }
}

#[test]
fn the_quotas_of_anthropic_fill_up_evenly_within_a_minute() {
    let fields = [
        ("anthropic-ratelimit-requests-limit", "50"),
        ("anthropic-ratelimit-requests-remaining", "49"),
        ("anthropic-ratelimit-requests-reset", "2026-01-01T00:00:02Z"),
        ("anthropic-ratelimit-input-tokens-limit", "40000"),
        ("anthropic-ratelimit-input-tokens-remaining", "10000"),
        (
            "anthropic-ratelimit-input-tokens-reset",
            "2026-01-01T01:00:45+01:00",
        ),
        ("anthropic-ratelimit-output-tokens-limit", "8000"),
        ("anthropic-ratelimit-output-tokens-remaining", "8000"),
        (
            "anthropic-ratelimit-output-tokens-reset",
            "2026-01-01T00:00:30Z",
        ),
    ];
    assert_eq!(
        read(&fields),
        [
            steady(QuotaUnit::Requests, 50, 49, MINUTE),
            steady(QuotaUnit::InputTokens, 40_000, 10_000, MINUTE),
            steady(QuotaUnit::OutputTokens, 8_000, 8_000, MINUTE),
        ]
    );
}

#[test]
fn plain_seconds_are_the_time_until_all_returns() {
    let azure = [
        ("x-ratelimit-limit-requests", "10"),
        ("x-ratelimit-remaining-requests", "3"),
        ("x-ratelimit-reset-requests", "7"),
        ("x-ratelimit-limit-tokens", "-1"),
        ("x-ratelimit-remaining-tokens", "-1"),
        ("x-ratelimit-reset-tokens", "0"),
    ];
    assert_eq!(read(&azure), [at_once(Some(10), 3, Some(7))]);
    let seven = NEW_YEAR + 7;
    for reset in [
        "7".to_owned(),
        seven.to_string(),
        format!("{seven}000"),
        "2026-01-01T00:00:07Z".into(),
        "Thu, 01 Jan 2026 00:00:07 GMT".into(),
    ] {
        for name in ["ratelimit", "x-ratelimit"] {
            let fields = [
                (format!("{name}-limit"), "100, 100;w=60"),
                (format!("{name}-remaining"), "3"),
                (format!("{name}-reset"), &*reset),
            ];
            let fields = fields.each_ref().map(|(name, value)| (&**name, *value));
            assert_eq!(read(&fields), [at_once(Some(100), 3, Some(7))], "{reset}");
        }
    }
}

#[test]
fn mistral_names_the_window_and_of_two_windows_the_emptier_one_counts() {
    let fields = [
        ("x-ratelimit-limit-req-minute", "60"),
        ("x-ratelimit-remaining-req-minute", "59"),
        ("x-ratelimitbysize-limit-minute", "500000"),
        ("x-ratelimitbysize-remaining-minute", "499990"),
        ("x-ratelimitbysize-limit-month", "1000000000"),
        ("x-ratelimitbysize-remaining-month", "12"),
        ("ratelimitbysize-query-cost", "10"),
    ];
    let month = QuotaState {
        unit: QuotaUnit::Tokens,
        ..at_once(Some(1_000_000_000), 12, Some(LONGEST.as_secs()))
    };
    assert_eq!(read(&fields), [at_once(Some(60), 59, Some(60)), month]);
    let fields = [
        ("ratelimitbysize-limit", "500000"),
        ("ratelimitbysize-remaining", "499990"),
        ("ratelimitbysize-reset", "33"),
    ];
    let minute = QuotaState {
        unit: QuotaUnit::Tokens,
        ..at_once(Some(500_000), 499_990, Some(33))
    };
    assert_eq!(read(&fields), [minute]);
}

#[test]
fn the_fields_of_the_draft_are_read_in_the_forms_of_its_versions() {
    let policy = r#""burst";q=100;w=60,"daily";q=1000;w=86400,"bytes";q=9;qu="content-bytes""#;
    let of = |limit: &'static str| read(&[("ratelimit-policy", policy), ("ratelimit", limit)]);
    assert_eq!(
        of(r#""burst";r=50;t=30"#),
        [at_once(Some(100), 50, Some(30))]
    );
    assert_eq!(of(r#""burst";r=50"#), [at_once(Some(100), 50, Some(60))]);
    assert_eq!(of(r#""else";r=50"#), [at_once(None, 50, None)]);
    let both = of(r#""burst";r=50;t=30, "daily";r=20;t=3000"#);
    assert_eq!(both, [at_once(Some(1_000), 20, Some(3_000))]);
    for ignored in [r#""bytes";r=5"#, r#""burst";t=5"#, r#""burst";r=-1"#, "?"] {
        assert_eq!(of(ignored), [], "{ignored}");
    }
    let draft_07 = read(&[("ratelimit", "limit=100, remaining=50, reset=30")]);
    assert_eq!(draft_07, [at_once(Some(100), 50, Some(30))]);
    assert_eq!(read(&[("ratelimit-policy", policy)]), []);
}

#[test]
fn a_field_that_is_malformed_or_of_something_else_is_ignored() {
    for (name, value) in [
        ("x-ratelimit-remaining-requests", "many"),
        ("x-ratelimit-remaining-requests", "-1"),
        ("x-ratelimit-remaining-requests", "1.5"),
        ("x-ratelimit-remaining-requests", ""),
        ("x-ratelimit-remaining-images", "1"),
        ("x-ratelimit-limit-requests", "1"),
        ("x-ratelimit", "1"),
        ("anthropic-ratelimit-unified-status", "allowed"),
    ] {
        assert_eq!(read(&[(name, value)]), [], "{name}: {value}");
    }
    for reset in ["soon", "1x", "1s2", "ms", "1..5s", "-3s"] {
        let state = read(&[
            ("x-ratelimit-remaining-requests", "5"),
            ("x-ratelimit-reset-requests", reset),
        ]);
        let expected = QuotaState {
            limit: None,
            ..steady(QuotaUnit::Requests, 0, 5, MINUTE)
        };
        assert_eq!(state, [expected], "{reset}");
    }
}

#[test]
fn durations_are_numbers_with_units() {
    let read = |text: &str| duration::Reset::parse(text).map(|reset| reset.after);
    for (text, millis) in [
        ("6m0s", 360_000),
        ("1s", 1_000),
        ("20ms", 20),
        ("2m59.56s", 179_560),
        ("1h30m", 5_400_000),
        ("1d", 86_400_000),
        ("0s", 0),
        ("1500us", 1),
        ("12", 12_000),
        ("0.5", 500),
    ] {
        let whole = read(text).unwrap().as_millis();
        assert_eq!(whole, millis, "{text}");
    }
    assert_eq!(read("999999999999h"), Some(LONGEST));
    assert_eq!(read("1e300"), None);
}
