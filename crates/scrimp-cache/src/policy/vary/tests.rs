use super::*;

fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        map.append(*name, value.parse().unwrap());
    }
    map
}

fn request(fields: &[(&'static str, &str)]) -> Request<()> {
    let mut request = Request::new(());
    *request.headers_mut() = headers(fields);
    request
}

fn matches(vary: &str, stored: &[(&'static str, &str)], now: &[(&'static str, &str)]) -> bool {
    Selection::new(&request(stored), &Answer::read(&headers(&[("vary", vary)])))
        .is_some_and(|selection| selection.matches(&request(now)))
}

#[test]
fn every_named_field_has_to_match_and_absence_matches_absence() {
    let ab = [("a", "1"), ("b", "2")];
    assert!(matches("A, b", &ab, &[("b", "2"), ("a", "1"), ("c", "3")]));
    assert!(!matches("a, b", &ab, &[("a", "1")]));
    assert!(!matches("a, b", &[("a", "1")], &ab));
    assert!(matches("c", &ab, &[("a", "9")]));
    assert!(!matches("a", &[("a", "")], &[]));
}

#[test]
fn a_star_anywhere_matches_nothing() {
    for vary in ["*", "*, *", ", *", "foo, *", "*, foo", "a b"] {
        assert!(!matches(vary, &[], &[]), "{vary}");
    }
}

#[test]
fn a_response_in_the_language_liked_best_is_the_answer_whoever_it_was_made_for() {
    let response = [("vary", "accept-language"), ("content-language", "de")];
    let made_for = request(&[("accept-language", "en, de")]);
    let selection = Selection::new(&made_for, &Answer::read(&headers(&response))).unwrap();
    let answers = |languages: &str| selection.matches(&request(&[("accept-language", languages)]));
    assert!(answers("fr;q=0.5, DE;q=1.0") && answers("de"));
    for other in ["fr, de", "de;q=0", "de;q=x", "en", "*", "de-AT"] {
        assert!(!answers(other), "{other}");
    }
}

#[test]
fn a_response_in_another_language_is_no_other_variant_unless_vary_names_the_language() {
    let selection = |vary, language| {
        let made_for = request(&[("accept-encoding", "br"), ("accept-language", "en, de")]);
        let response = headers(&[("vary", vary), ("content-language", language)]);
        Selection::new(&made_for, &Answer::read(&response)).unwrap()
    };
    let replaced = |vary| selection(vary, "en").is_replaced_by(&selection(vary, "de"));
    assert!(replaced("accept-encoding"));
    assert!(!replaced("accept-encoding, accept-language"));
}

#[test]
fn values_are_compared_by_what_they_mean() {
    assert!(matches(
        "foo",
        &[("foo", "1, 2")],
        &[("foo", "1"), ("foo", "2")]
    ));
    assert!(matches("foo", &[("foo", "1,2")], &[("foo", " 1,   2 ")]));
    assert!(!matches("foo", &[("foo", "1,2")], &[("foo", "2,1")]));
    assert!(!matches("foo", &[("foo", "a")], &[("foo", "A")]));
    let lang = [("accept-language", "en, de;q=0.5")];
    assert!(matches(
        "accept-language",
        &lang,
        &[("accept-language", "DE; q=0.5,EN")]
    ));
    assert!(!matches(
        "accept-language",
        &lang,
        &[("accept-language", "en, de")]
    ));
}

#[test]
fn what_was_fetched_under_an_unusual_spelling_answers_that_one_only() {
    let at = |uri: &'static str| {
        let mut request = Request::new(());
        *request.uri_mut() = Uri::from_static(uri);
        request
    };
    let stored = |uri| Selection::new(&at(uri), &Answer::read(&HeaderMap::new())).unwrap();
    assert!(stored("/p").matches(&at("/p")) && stored("/p").matches(&at("/%70")));
    assert!(stored("/%70").matches(&at("/%70")));
    assert!(!stored("/%70").matches(&at("/p")) && !stored("/%70").matches(&at("/./p")));
    assert!(stored("/%70").is_replaced_by(&stored("/./p")));
    assert!(!stored("/p").is_replaced_by(&stored("/%70")));
}

#[cfg(feature = "codec")]
#[test]
fn variants_of_which_one_replaces_the_other_have_one_digest() {
    let selection = |vary, language, fields: &[(&'static str, &str)]| {
        let response = headers(&[("vary", vary), ("content-language", language)]);
        Selection::new(&request(fields), &Answer::read(&response)).unwrap()
    };
    let all = [
        selection("foo", "en", &[]),
        selection("foo", "en", &[("foo", "")]),
        selection("foo", "de", &[("foo", "1, 2")]),
        selection("foo", "en", &[("foo", "1,2")]),
        selection("accept-language", "en", &[("accept-language", "en, de")]),
        selection("accept-language", "de", &[("accept-language", "en, de")]),
        selection("bar", "en", &[("foo", "1, 2")]),
    ];
    for one in &all {
        for other in &all {
            let replaces = one.is_replaced_by(other);
            assert_eq!(
                one.digest() == other.digest(),
                replaces,
                "{one:?} {other:?}"
            );
        }
    }
}

/// Returns the selection of a response with this Vary to a request for a target.
fn selection(
    target: &str,
    fields: &[(&'static str, &str)],
    response: &[(&'static str, &str)],
) -> Selection {
    let mut request = request(fields);
    *request.uri_mut() = target.parse().unwrap();
    Selection::new(&request, &Answer::read(&headers(response))).unwrap()
}

#[test]
fn selections_are_alike_if_the_same_fields_alone_tell_them_apart() {
    let by = |vary: &'static str, fields: &[(&'static str, &str)]| {
        selection("/", fields, &[("vary", vary)])
    };
    let [one, other] = ["1", "2"].map(|value| by("a, b", &[("a", value)]));
    assert!(one.is_like(&other) && other.is_like(&one));
    let less = by("a", &[("a", "1")]);
    let another = by("a, c", &[("a", "1")]);
    let german = [("vary", "accept-language"), ("content-language", "de")];
    let spoken = selection("/", &[("accept-language", "de")], &german);
    let silent = by("accept-language", &[("accept-language", "de")]);
    let odd = selection("/%61", &[("a", "1")], &[("vary", "a, b")]);
    for (a, b) in [
        (&one, &less),
        (&one, &another),
        (&spoken, &silent),
        (&one, &odd),
    ] {
        assert!(!a.is_like(b) && !b.is_like(a), "{a:?} {b:?}");
    }
}

#[test]
fn preferences_are_the_accept_fields_of_a_target_in_its_normal_form() {
    let by =
        |target: &str, vary: &str| selection(target, &[], &[("vary", vary)]).is_by_preferences();
    assert!(by("/", "accept-encoding, accept-language"));
    assert!(!by("/", "accept-encoding, x-user"));
    assert!(!by("/%61", "accept-encoding"));
}

#[test]
fn selections_that_remember_other_lines_are_equal_and_not_identical() {
    let by = |line: &str| {
        selection(
            "/",
            &[("accept-encoding", line)],
            &[("vary", "accept-encoding")],
        )
    };
    let (one, same, spelled) = (by("gzip, br"), by("gzip, br"), by("br,gzip"));
    assert!(one == same && one.is_identical(&same));
    assert!(one == spelled && !one.is_identical(&spelled));
    let other = by("zstd");
    assert!(one != other && !one.is_identical(&other));
}

#[test]
fn every_text_of_a_selection_weighs() {
    let size = |target: &str, value: &str, language: &str| {
        let fields = [("accept-language", value)];
        let response = [("vary", "accept-language"), ("content-language", language)];
        selection(target, &fields, &response).heap_size()
    };
    let own = size_of::<Chosen>() + "accept-language".len();
    assert_eq!(size("/", "de", "de"), own + 2 + 2);
    assert_eq!(
        size("/", "de,en", "de"),
        size("/", "de", "de") + "de,en".len() - 2
    );
    assert_eq!(
        size("/%61", "de", "de"),
        size("/", "de", "de") + "/%61".len()
    );
    // The line stays beside its normal form.
    let written = size("/", "DE", "de");
    assert_eq!(written, size("/", "de", "de") + 2);
    assert_eq!(Selection::default().heap_size(), 0);
}

#[test]
fn what_a_request_had_is_not_in_the_debug_output() {
    let secret = selection("/%61secret", &[("x-user", "ann")], &[("vary", "x-user")]);
    let text = format!("{secret:?}");
    assert!(!text.contains("ann") && !text.contains("secret"), "{text}");
    assert!(text.contains("(withheld)"), "{text}");
}
