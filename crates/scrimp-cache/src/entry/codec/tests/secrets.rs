//! Secrets of the request that a response was selected by.

use super::*;

/// Returns an entry that was selected by secrets, and the text of what it is encoded as.
pub(super) fn selected_by_secrets(codec: &Codec, clock: &ManualClock) -> (Variants, Bytes) {
    let mut entry = some_entry(clock);
    let mut request = http::Request::new(());
    *request.uri_mut() = http::Uri::from_static("/%70?token=hidden-1");
    for (name, value) in [("x-api-key", "hidden-2"), ("accept-language", "shown")] {
        let value = HeaderValue::from_static(value);
        request.headers_mut().insert(name, value);
    }
    let mut vary = HeaderMap::new();
    let names = HeaderValue::from_static("x-api-key, accept-language, x-absent");
    vary.insert("vary", names);
    let selection = Selection::new(&request, &Answer::read(&vary));
    entry.selection = selection.expect("names").into();
    let carried = Carried::new([], [], "/p?token=hidden-1\ntag:a");
    entry.validity = Validity::from_parts(1, 9, carried);
    let variants: Variants = [Arc::new(entry)].into_iter().collect();
    let key = KeyBuf::new().part(b"hidden-3").part(b"hidden-4").to_key();
    let bytes = codec.encode(key.as_ref(), &variants).expect("small");
    let read = codec.decode(key.as_ref(), &bytes).expect("whole");
    for variants in [&variants, &read] {
        assert!(variants.select(&request).is_some());
        let mut other = request.clone();
        *other.uri_mut() = http::Uri::from_static("/%70?token=other");
        assert!(variants.select(&other).is_none(), "another spelling");
        let mut other = request.clone();
        let value = HeaderValue::from_static("other");
        other.headers_mut().insert("x-api-key", value);
        assert!(variants.select(&other).is_none(), "another key");
        let mut other = request.clone();
        other.headers_mut().remove("x-api-key");
        assert!(variants.select(&other).is_none(), "no key");
    }
    (read, bytes)
}

#[test]
fn secrets_of_the_request_are_only_compared_and_are_not_in_the_bytes() {
    let (codec, clock) = codec();
    let (read, bytes) = selected_by_secrets(&codec, &clock);
    let text = bytes.escape_ascii().to_string();
    assert!(text.contains("shown") && !text.contains("hidden"), "{text}");
    let read = read.iter().next().expect("one response");
    let names = read.validity.carried().names();
    assert_eq!(names.collect::<Vec<_>>(), ["/p?\0", "tag:a"]);
    assert!(!format!("{read:?} {:?}", read.selection).contains("hidden"));
}

#[test]
fn a_pattern_hits_a_name_whose_query_was_left_out_if_it_matches_any_query() {
    let hits = |pattern: &str| {
        use crate::invalidation::epoch::{Epoch, Epochs, Target};
        let epochs = Epochs::new(9);
        let now = epochs.begin(Tag(1)).since();
        let carried = Carried::new([], [], "/p?\0");
        let entry = Validity::from_parts(now.log, now.at, carried);
        let pattern = crate::pattern::Pattern::name(pattern);
        epochs.append(Target::Glob(pattern), false);
        epochs.check(&entry) == Epoch::Gone
    };
    for pattern in ["/p?a=1", "/p?*", "*", "/*=1", "/p*", "*x*"] {
        assert!(hits(pattern), "{pattern}");
    }
    for pattern in ["/p", "/q*", "/pp?a=1", "x*"] {
        assert!(!hits(pattern), "{pattern}");
    }
}

#[test]
fn a_tag_with_a_query_is_forgotten_and_the_response_says_so() {
    use crate::invalidation::name_tag;
    let (codec, clock) = codec();
    let key = KeyBuf::new().part(b"key").to_key();
    for (tag, complete) in [("a?hidden", false), ("a", true)] {
        let mut entry = some_entry(&clock);
        let names = format!("/p?token=hidden\n{tag}\nb");
        let carried = Carried::new([name_tag(tag), name_tag("b")], [], &names);
        entry.validity = Validity::from_parts(1, 9, carried);
        assert!(entry.told().complete);
        let mut variants: Variants = [Arc::new(entry)].into_iter().collect();
        // It is still known after a second time.
        for _ in 0..2 {
            let bytes = codec.encode(key.as_ref(), &variants).expect("small");
            assert!(!bytes.escape_ascii().to_string().contains("hidden"));
            variants = codec.decode(key.as_ref(), &bytes).expect("whole");
            let told = variants.iter().next().expect("one response").told();
            let expected: &[&str] = if complete { &["a", "b"] } else { &["b"] };
            let names: Vec<_> = told.tags.iter().map(|tag| &**tag).collect();
            assert_eq!((&names[..], told.complete), (expected, complete));
        }
    }
}
