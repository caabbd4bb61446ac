//! Fields that are lists, numbers, media types, cookies or verdicts of caches.
#![no_main]

use std::time::SystemTime;

use http::{HeaderName, StatusCode, header};
use libfuzzer_sys::fuzz_target;
use scrimp_fuzz::fields::lines;
use scrimp_http::{
    age, body, challenge, coding, connection, cookie, etag, groups, list, media_type, own_call,
    representation::Identity, retry_after, target,
};

fuzz_target!(|data: &[u8]| {
    let under = |name: &HeaderName| lines(name, data);
    for member in list::members(under(&header::ACCEPT).values()) {
        assert!(!member.is_empty() && member == member.trim_ascii());
        let (value, parameters) = list::with_parameters(member);
        assert!(value.len() <= member.len());
        for parameter in parameters {
            assert!(list::weight(parameter).is_none_or(|weight| weight <= 1000));
            let _ = list::parameter(parameter);
        }
        assert!(list::unquote(member).len() <= member.len());
    }
    assert!(age::age(&under(&header::AGE)).is_none_or(|age| age.as_secs() <= 1 << 31));
    let lengths = under(&header::CONTENT_LENGTH);
    assert!(body::announced_length(&lengths).is_none() || !body::lengths_differ(&lengths));
    let coded = under(&header::CONTENT_ENCODING);
    assert!(coding::is_coded(&coded) == (coding::codings(&coded).count() > 0));
    let _ = coding::accepts_all(&under(&header::ACCEPT_ENCODING), &coded);
    let mut connected = under(&header::CONNECTION);
    connected.insert(header::VARY, header::HeaderValue::from_static("x"));
    connection::strip(&mut connected);
    assert!(!connected.contains_key(header::CONNECTION) && connected.contains_key(header::VARY));
    assert!(cookie::values(&under(&header::COOKIE), "a").all(|value| !value.contains(&b';')));
    let tags = under(&header::ETAG);
    for tag in tags.values() {
        assert!(etag::weak_match(tag.as_bytes(), tag.as_bytes()));
        assert!(!etag::is_plain_strong(tag) || etag::strong_match(tag, tag));
    }
    for name in [groups::SURROGATE_KEY, groups::CACHE_TAG] {
        assert!(groups::tags(&under(&name), &name).all(|tag| !tag.is_empty()));
    }
    let typed = under(&header::CONTENT_TYPE);
    let _ = (media_type::is_json(&typed), media_type::is_text(&typed));
    for value in typed.values() {
        let _ = media_type::is_stream_type(value);
    }
    let _ = media_type::accepts_stream(&under(&header::ACCEPT));
    let challenges = under(&header::WWW_AUTHENTICATE);
    assert!(challenge::schemes(&challenges).all(|scheme| !scheme.contains(&b',')));
    let _ = challenge::is_of_one_client(&challenges);
    let _ = own_call::needs_own_call(&under(&header::EXPECT));
    let (one, same) = (
        Identity::of(StatusCode::OK, &tags),
        Identity::of(StatusCode::OK, &tags),
    );
    assert!(one == same);
    let wait = retry_after::retry_after(&under(&header::RETRY_AFTER), SystemTime::UNIX_EPOCH);
    assert!(wait.is_none_or(|wait| wait.as_secs() <= 366 * 86_400));
    for line in under(&header::FORWARDED).values() {
        assert!(
            target::forwarded_claims(line.as_bytes())
                .all(|claim| claim.contains(&b'o') || claim.contains(&b'O'))
        );
    }
});
