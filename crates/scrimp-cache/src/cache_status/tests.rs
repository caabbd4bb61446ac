use super::*;

#[test]
fn the_field_reads_as_the_rfc_shows_it() {
    assert_eq!(
        Report::hit(376).value(&CacheName::new("scrimp").unwrap(), None),
        "scrimp; hit; ttl=376"
    );
    let miss = Report {
        ttl: Some(60),
        stored: true,
        ..Report::forwarded(Forward::UriMiss)
    };
    assert_eq!(
        miss.value(&CacheName::new("scrimp").unwrap(), None),
        "scrimp; fwd=uri-miss; ttl=60; stored"
    );
    let validated = Report {
        forward_status: Some(StatusCode::NOT_MODIFIED),
        ..Report::forwarded(Forward::Stale)
    };
    let origin = Bytes::from_static(b"Origin; hit");
    assert_eq!(
        validated
            .detail("x")
            .value(&CacheName::new("edge").unwrap(), Some(&origin)),
        "Origin; hit, edge; fwd=stale; fwd-status=304; detail=x"
    );
}

#[test]
fn a_plain_hit_is_written_as_any_other_report() {
    let name = CacheName::new("edge 1").unwrap();
    for ttl in [376, 0, -12, 4095, 4096] {
        let text = format!("\"edge 1\"; hit; ttl={ttl}");
        assert_eq!(Report::hit(ttl).value(&name, None), text);
        let behind = Report::hit(ttl).value(&name, Some(&Bytes::from_static(b"o; hit")));
        assert_eq!(behind, format!("o; hit, {text}"));
    }
}

#[test]
fn names_become_tokens_or_strings() {
    let written = |name| structured(name).unwrap();
    assert_eq!(&*written("scrimp"), "scrimp");
    assert_eq!(&*written("edge 1 \"a\""), "\"edge 1 \\\"a\\\"\"");
    for name in ["", "a\n", "caf\u{e9}", "\u{7f}"] {
        assert_eq!(structured(name), None, "{name:?}");
    }
}

#[test]
fn a_number_is_its_digits() {
    for number in [0, 7, 10, 99, 100, 999, 1_000, 9_999] {
        assert_eq!(digits(number), Some(&*number.to_string()));
    }
    assert_eq!(digits(10_000), None);
    assert_eq!(digits(u64::MAX), None);
}

#[test]
fn an_age_is_its_number_of_whole_seconds() {
    for seconds in [0, 7, 10, 99, 100, 999, 1_000, 9_999, 10_000, 123_456_789] {
        let value = age(Duration::from_millis(seconds * 1000 + 999));
        assert_eq!(value, seconds.to_string());
    }
    assert_eq!(age(Duration::MAX), "2147483648");
}
