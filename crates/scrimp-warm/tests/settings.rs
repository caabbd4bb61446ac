//! Settings, and the errors of invalid ones.

use std::time::Duration;

use scrimp_warm::{Warmer, WarmerBuilder};

fn error(builder: WarmerBuilder) -> String {
    builder.build().expect_err("an invalid setting").to_string()
}

#[test]
fn a_setting_that_cannot_be_used_is_named_with_what_would_be_right() {
    let builder = Warmer::builder;
    for (wrong, says) in [
        (
            builder().concurrency(0),
            "`concurrency` must be within 1 and 1024, not 0",
        ),
        (builder().rate_per_second(0), "`rate_per_second`"),
        (builder().one_call_per(Duration::ZERO), "`one_call_per`"),
        (builder().max_calls(0), "`max_calls`"),
        (builder().price("-1"), "`price`"),
        (builder().budget("1"), "`budget` needs a `price`"),
        (
            builder().price("1 EUR").budget("1"),
            "`budget` must be in the currency of the price (EUR), not USD",
        ),
        (builder().jitter(101.0), "`jitter`"),
        (builder().jitter(f64::NAN), "`jitter`"),
        (
            builder().header("range", "bytes=0-1"),
            "`header` must not ask for a part",
        ),
        (
            builder().variant("if-none-match", "*"),
            "`variant` must not be a condition",
        ),
        (builder().timeout(Duration::ZERO), "`timeout`"),
        (builder().max_pause(Duration::MAX), "`max_pause`"),
        (builder().max_refusals(0), "`max_refusals`"),
    ] {
        let error = error(wrong);
        assert!(
            error.starts_with("Warmer: ") && error.contains(says),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_journal_that_cannot_be_opened_is_an_error_before_any_call() {
    let folder = tempfile::tempdir().unwrap();
    let warmer = Warmer::builder().journal(folder.path()).build().unwrap();
    let service = tower::service_fn(
        |_: http::Request<http_body_util::Empty<bytes::Bytes>>| async {
            Err::<http::Response<http_body_util::Empty<bytes::Bytes>>, _>("called")
        },
    );
    let mut targets = scrimp_warm::Targets::new();
    targets.add("http://a.test/");
    let error = warmer.run(service, &targets).await.unwrap_err();
    assert!(error.to_string().contains("cannot be opened"), "{error}");
}

#[cfg(feature = "serde")]
#[test]
fn a_report_is_written_as_json() {
    let report = scrimp_warm::WarmReport::default();
    let json = serde_json::to_value(report).unwrap();
    assert_eq!((&json["stored"], &json["took"]), (&0.into(), &0.0.into()));
}
