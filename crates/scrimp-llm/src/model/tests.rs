use proptest::prelude::*;

use super::*;

#[test]
fn a_model_is_named_in_the_body_or_in_the_path() {
    let of = |path: &str, body: &str| {
        let body = Bytes::copy_from_slice(body.as_bytes());
        named(&path.parse().unwrap(), Some(&body))
    };
    for (path, body, expected) in [
        (
            "/v1/chat/completions",
            " {\"messages\":[{\"model\":1}],\"model\":\"gpt-4o\"}",
            Some("gpt-4o"),
        ),
        ("/v1/chat/completions", "{\"model\":\"a\\/b\"}", Some("a/b")),
        (
            "/v1beta/models/gemini-2.5-pro:generateContent",
            "{}",
            Some("gemini-2.5-pro"),
        ),
        (
            "/model/anthropic.claude-v2%3A1/converse",
            "{}",
            Some("anthropic.claude-v2:1"),
        ),
        (
            "/model/anthropic.claude-v2:1/converse",
            "{}",
            Some("anthropic.claude-v2:1"),
        ),
        (
            "/openai/deployments/mine/chat/completions",
            "{}",
            Some("mine"),
        ),
        ("/v1/chat/completions", "{\"model\":1}", None),
        ("/v1/chat/completions", "not JSON", None),
        ("/v1/models", "", None),
        ("/cars/models/7", "", None),
        ("/cars/model/7/wheels", "", None),
        ("/v1/models/", "", None),
    ] {
        assert_eq!(of(path, body).as_deref(), expected, "{path} {body}");
    }
    let long = format!("{{\"model\":\"{}\"}}", "x".repeat(LONGEST + 1));
    assert_eq!(of("/", &long), None);
}

#[test]
fn a_model_is_renamed_where_it_is_named_and_nothing_else_changes() {
    let renamed = |uri: &str, body: &str, own: &str| {
        let mut uri: Uri = uri.parse().unwrap();
        let mut body = Bytes::copy_from_slice(body.as_bytes());
        rename(&mut uri, &mut body, "gpt-4o", own);
        (uri.to_string(), String::from_utf8(body.to_vec()).unwrap())
    };
    for (uri, body, own, expected_uri, expected_body) in [
        (
            "/v1/chat/completions",
            " {\"a\":{\"model\":\"gpt-4o\"},\"model\" : \"gpt-4o\",\"t\":1.0e0}",
            "x",
            "/v1/chat/completions",
            " {\"a\":{\"model\":\"gpt-4o\"},\"model\" : \"x\",\"t\":1.0e0}",
        ),
        // The name may be written with escapes.
        (
            "/",
            "{\"model\":\"gpt\\u002d4o\"}",
            "a\"b",
            "/",
            "{\"model\":\"a\\\"b\"}",
        ),
        // Another model, and what is no object.
        (
            "/",
            "{\"model\":\"gpt-4\"}",
            "x",
            "/",
            "{\"model\":\"gpt-4\"}",
        ),
        ("/", "[\"gpt-4o\"]", "x", "/", "[\"gpt-4o\"]"),
        (
            "http://h/openai/deployments/gpt-4o/chat/completions?api-version=1",
            "{\"model\":\"gpt-4o\"}",
            "my gpt",
            "http://h/openai/deployments/my%20gpt/chat/completions?api-version=1",
            "{\"model\":\"my gpt\"}",
        ),
        (
            "/v1beta/models/gpt-4o:streamGenerateContent?alt=sse",
            "",
            "g",
            "/v1beta/models/g:streamGenerateContent?alt=sse",
            "",
        ),
        (
            "/model/gpt-4o/converse",
            "",
            "anthropic.claude-v2:1",
            "/model/anthropic.claude-v2%3A1/converse",
            "",
        ),
    ] {
        let expected = (expected_uri.to_owned(), expected_body.to_owned());
        assert_eq!(renamed(uri, body, own), expected, "{uri} {body}");
    }
}

proptest! {
    #[test]
    fn the_new_name_is_read_back_and_the_rest_is_kept(
        asked in "[a-z0-9/:._ é\"\\\\-]{1,20}",
        own in "[a-z0-9/:._ é\"\\\\-]{1,20}",
        other in "[a-z\"\\\\{}:,]{0,20}",
    ) {
        let document = |model: &str| serde_json::json!({"prompt": other, "model": model, "n": 1});
        let mut body = Bytes::from(document(&asked).to_string());
        let mut uri = Uri::from_static("/v1/chat/completions");
        rename(&mut uri, &mut body, &asked, &own);
        let read: serde_json::Value = serde_json::from_slice(&body).unwrap();
        prop_assert_eq!(read, document(&own));
        let name = named(&uri, Some(&body));
        prop_assert_eq!(name.as_deref(), Some(&*own));
    }
}
