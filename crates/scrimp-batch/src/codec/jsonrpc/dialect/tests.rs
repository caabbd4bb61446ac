use serde_json::{Value, json};

use super::*;

fn refusal(error: &Value, calls: usize) -> Option<Refusal> {
    let response = json!({"id": 1, "error": error}).to_string();
    let fields = json::object(response.as_bytes()).unwrap();
    RpcError::of(&fields).unwrap().refusal(calls)
}

fn too_large(limit: Option<usize>) -> Option<Refusal> {
    Some(Refusal::TooLarge(limit))
}

#[test]
fn a_message_about_a_batch_and_its_size_refuses_it_and_a_number_below_its_size_is_the_limit() {
    for (code, message, limit) in [
        (-32_600, "batch too large", None),
        (
            -32_000,
            "batch limit 10 exceeded (can increase by --rpc.batch.limit). Requested batch of size: 40",
            Some(10),
        ),
        (
            -32_000,
            "batch limit 10 exceeded: 40 requests given",
            Some(10),
        ),
        (
            31,
            "Batch of more than 3 requests are not allowed on free tier",
            Some(3),
        ),
        (
            -32_602,
            "Number of requests in batch exceeds the maximum",
            None,
        ),
        (-32_007, "batch limit exceeded", None),
        (-32_005, "Batch size limit exceeded", None),
        (-32_600, "Exceeded maximum batch size of 20", Some(20)),
        (-32_600, "too many requests in batch: 40 > 20", Some(20)),
        (
            -32_600,
            "JSON-RPC 2.0 batch of 40 calls is too long, at most 1,5",
            Some(5),
        ),
        (-32_600, "batch exceeds 25 MB", None),
        (-32_600, "JSON-RPC 2.0 batch too large", None),
        (-32_600, "batch v3 exceeds the limit", None),
        (-32_600, "batch_2 exceeds the limit of 1.5.7", None),
    ] {
        let error = json!({"code": code, "message": message});
        assert_eq!(refusal(&error, 40), too_large(limit), "{message}");
    }
    let data = json!({"code": -32_010, "message": "The batch request was too large", "data": "Exceeded max limit of 10"});
    assert_eq!(refusal(&data, 40), too_large(Some(10)));
    let thousand = json!({"code": -32_600, "message": "batch limit is 1,000"});
    assert_eq!(refusal(&thousand, 2_000), too_large(Some(1_000)));
}

#[test]
fn a_service_without_batches_says_so() {
    for message in [
        "Batched requests are not supported by this server",
        "batch requests are disabled",
        "Batch calls not allowed",
    ] {
        let error = json!({"code": -32_005, "message": message});
        assert_eq!(refusal(&error, 40), Some(Refusal::NoBatches), "{message}");
    }
}

#[test]
fn a_response_that_would_be_too_large_may_be_that_of_a_batch() {
    for message in [
        "response too large",
        "Response is too big",
        "The response size was exceeded",
    ] {
        let error = json!({"code": -32_003, "message": message});
        assert_eq!(refusal(&error, 40), too_large(None), "{message}");
    }
    let logs = "Log response size exceeded. Use a smaller block range";
    let error = json!({"code": -32_602, "message": logs});
    assert_eq!(refusal(&error, 40), None);
}

#[test]
fn limits_on_time_are_told_by_words_or_by_code_with_the_time_to_wait() {
    let busy = |wait: Option<u64>| Some(Refusal::Busy(wait.map(Duration::from_millis)));
    for (code, message, wait) in [
        (429, "anything", None),
        (429, "Too many requests for a specific RPC call", None),
        (-32_005, "limit exceeded", None),
        (
            -32_005,
            "daily request count exceeded, request rate limited",
            None,
        ),
        (-32_016, "over rate limit", None),
        (-32_029, "too many requests", None),
        (-32_097, "", None),
        (-32_029, "x", None),
        (-32_090, "x", None),
        (-32_016, "x", None),
        (-32_005, "no free slot", None),
        (
            -32_090,
            "Too many requests, reason: call rate limit exhausted, retry in 10s",
            Some(10_000),
        ),
        (
            -32_007,
            "50/second request limit reached - reduce calls per second",
            None,
        ),
        (
            -32_000,
            "your app has exceeded its compute units per second capacity",
            None,
        ),
        (-32_009, "Server is busy, try again later", None),
        (
            -32_000,
            "rate limit for batches; try again in 250 ms",
            Some(250),
        ),
    ] {
        let error = json!({"code": code, "message": message});
        assert_eq!(refusal(&error, 40), busy(wait), "{message}");
    }
    let text = json!("rate limit, wait 2 minutes");
    assert_eq!(refusal(&text, 40), busy(Some(120_000)), "JSON-RPC 1.0");
    for data in [
        json!({"rate": {"allowed_rps": 1, "backoff_seconds": 0.5}}),
        json!({"retry_after": "0.5"}),
    ] {
        let error = json!({"code": "-32005", "message": "x", "data": data});
        assert_eq!(refusal(&error, 40), busy(Some(500)));
    }
}

#[test]
fn errors_of_a_call_that_may_have_been_carried_out_are_no_refusals() {
    for (code, message) in [
        (-32_005, "query returned more than 10000 results"),
        (-32_005, "block range limit exceeded"),
        (-32_016, "Minimum context slot has not been reached"),
        (-32_016, "Unauthorized"),
        (-32_003, "transaction rejected"),
        (-32_000, "exceeds block gas limit"),
        (-32_000, "nonce too low"),
        (3, "execution reverted: rate limit exceeded"),
        (-32_601, "the method batch_rate is unknown; see quota"),
        (-32_700, "parse error; see quota"),
        (-32_603, "internal error"),
    ] {
        let error = json!({"code": code, "message": message});
        assert_eq!(refusal(&error, 40), None, "{message}");
    }
}

#[test]
fn absurd_waits_and_numbers_are_bounded() {
    let long = format!("batch limit {} exceeded", "9".repeat(100));
    let error = json!({"code": -32_600, "message": long});
    assert_eq!(refusal(&error, 40), too_large(None));
    let error = json!({"code": 429, "message": "x", "data": {"retry_after": "1e300"}});
    let year = Duration::from_secs(31_536_000);
    assert_eq!(refusal(&error, 40), Some(Refusal::Busy(Some(year))));
    for wait in ["NaN", "-1", "inf"] {
        let error = json!({"code": 429, "message": "x", "data": {"retry_after": wait}});
        let wait = matches!(refusal(&error, 40), Some(Refusal::Busy(_)));
        assert!(wait);
    }
}
