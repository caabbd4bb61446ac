//! Tests of patterns.

use super::*;
use proptest::prelude::*;

#[test]
fn a_star_stays_in_its_segment_and_two_do_not() {
    let path = |pattern: &str, text: &str| Pattern::path(pattern).matches(text);
    assert!(path("/a/*/c", "/a/b/c") && !path("/a/*/c", "/a/b/b/c"));
    assert!(path("/a/**", "/a/b/c") && path("/a/**", "/a/") && path("/a/**", "/a"));
    assert!(!path("/a/**", "/ab") && !path("/a/*", "/a"));
    assert!(path("/**/x", "/a/b/x") && path("**.js", "/lib/a.js"));
    assert!(path("/products/{id}", "/products/42") && !path("/products/{id}", "/products/4/2"));
    assert!(path("/*.js", "/a.b.js") && !path("/*.js", "/a.css"));
    assert!(path("/A", "/A") && !path("/A", "/a") && path("/{a", "/{a"));
}

#[test]
fn hosts_and_media_types_do_not_care_for_case() {
    assert!(Pattern::host("*.Example.com").matches("API.example.COM"));
    assert!(!Pattern::host("*.example.com").matches("a.b.example.com"));
    assert!(Pattern::host("**.example.com").matches("a.b.example.com"));
    assert!(Pattern::media_type("image/*").matches("Image/PNG"));
}

#[test]
fn named_parts_tell_what_they_stand_for() {
    let pattern = Pattern::path("/users/{user}/orders/{order}.json");
    assert_eq!(
        pattern.captures("/users/a.b/orders/7.x.json"),
        [("user", "a.b"), ("order", "7.x")]
    );
    assert!(pattern.captures("/users/a/b/orders/7.json").is_empty());
    assert_eq!(
        Pattern::path("/**/{last}").captures("/a/b/c"),
        [("last", "c")]
    );
}

/// Matches by the definition, simple and slow.
fn reference(tokens: &[Token], text: &[u8], separator: u8) -> bool {
    match tokens {
        [] => text.is_empty(),
        [Token::Literal(literal), rest @ ..] => {
            text.starts_with(literal) && reference(rest, &text[literal.len()..], separator)
        }
        [Token::Any, rest @ ..] => (0..=text.len()).any(|n| reference(rest, &text[n..], separator)),
        [Token::Segment, rest @ ..] => (0..=text.len())
            .take_while(|&n| n == 0 || text[n - 1] != separator)
            .any(|n| reference(rest, &text[n..], separator)),
    }
}

proptest! {
    #[test]
    fn matching_is_what_the_definition_says(pattern in "[ab/*]{0,12}", text in "[ab/]{0,14}") {
        let pattern = Pattern::path(&pattern);
        prop_assert_eq!(pattern.run(text.as_bytes(), |_, _| {}), reference(&pattern.tokens, text.as_bytes(), b'/'));
    }
}

#[test]
fn a_pattern_made_to_be_slow_is_not() {
    let pattern = Pattern::path(&format!("{}b", "*a".repeat(200)));
    assert!(!pattern.matches(&"a".repeat(5_000)));
    let pattern = Pattern::path(&format!("{}b", "**a*".repeat(100)));
    assert!(!pattern.matches(&"a".repeat(2_000)));
}

#[test]
fn no_pattern_takes_more_than_text_times_pattern_steps() {
    for pattern in [
        "**a*b",
        "**a*a*b",
        "**a*b*c",
        "/**/*a*b",
        "**a*ab**a*b",
        "**a*/a*b",
    ] {
        for piece in ["a", "ab", "/a", "aaaaaaa/"] {
            let pattern = Pattern::path(pattern);
            let text = format!("/{}", piece.repeat(4_000 / piece.len()));
            let mut steps = 0;
            pattern.run(text.as_bytes(), |_, _| steps += 1);
            let most = 2 * text.len() * (pattern.tokens.len() + 1);
            assert!(steps <= most, "{pattern:?} on {piece}: {steps} steps");
        }
    }
}
