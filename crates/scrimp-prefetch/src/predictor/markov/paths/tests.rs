use super::*;

/// Lets a session visit paths. Returns its trail, and what is expected then.
fn visit(paths: &mut Paths, session: u64, all: &[&str]) -> (Trail, Vec<(String, f64)>) {
    let mut trail = Trail::new();
    for path in all {
        let uri = path.parse().expect("a path");
        let item = ItemId::of_hash(paths.parts.hash(path));
        paths.learn(&trail, &Visit::new(item, &uri, None).session(session));
        trail.push(item);
    }
    let (_, expected) = paths.expect(&trail);
    let plain = expected.into_iter().flatten();
    (trail, plain.map(|one| (one.path, one.confidence)).collect())
}

/// Lets sessions look at products of their own.
fn train(paths: &mut Paths, sessions: u64, then: &[&str]) {
    for session in 1..=sessions {
        let product = format!("/products/{session}");
        let then = then
            .iter()
            .map(|path| path.replace("{id}", &session.to_string()));
        let all: Vec<String> = std::iter::once(product).chain(then).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        visit(paths, session, &all);
    }
}

#[test]
fn what_follows_many_products_is_expected_after_one_that_was_never_asked_for() {
    let mut paths = Paths::new(1_024);
    train(
        &mut paths,
        300,
        &["/products/{id}/reviews", "/products/related?id={id}"],
    );
    let (_, expected) = visit(&mut paths, 0, &["/products/x-9"]);
    assert_eq!(expected.len(), 1, "{expected:?}");
    assert_eq!(expected[0].0, "/products/x-9/reviews");
    assert!(expected[0].1 > 0.9, "{expected:?}");
    let (_, expected) = visit(&mut paths, 0, &["/products/x-9", "/products/x-9/reviews"]);
    assert_eq!(expected[0].0, "/products/related?id=x-9", "{expected:?}");
}

#[test]
fn values_are_carried_over_from_the_pages_before_the_last() {
    let mut paths = Paths::new(1_024);
    train(&mut paths, 300, &["/sizes", "/products/{id}/order"]);
    let (_, expected) = visit(&mut paths, 0, &["/products/x-9", "/sizes"]);
    assert_eq!(expected[0].0, "/products/x-9/order", "{expected:?}");
    let (_, none) = visit(&mut paths, 0, &["/sizes"]);
    assert_eq!(none, []);
}

#[test]
fn what_a_session_has_seen_is_not_expected() {
    let mut paths = Paths::new(1_024);
    train(&mut paths, 300, &["/products/{id}/reviews"]);
    let all = ["/products/x-9/reviews", "/products/x-9"];
    let (_, expected) = visit(&mut paths, 0, &all);
    assert_eq!(expected, []);
}

#[test]
fn the_text_of_a_form_is_told_to_no_session_before_two_have_shown_it() {
    let mut paths = Paths::new(1_024);
    train(&mut paths, 300, &["/a"]);
    for product in 1_000..1_300 {
        let product = format!("/products/{product}");
        let secret = format!("{product}/share/of-ann");
        visit(&mut paths, 7, &[&product, &secret]);
    }
    let (_, expected) = visit(&mut paths, 0, &["/products/x-9"]);
    assert_eq!(expected, []);
    visit(
        &mut paths,
        8,
        &["/products/5000", "/products/5000/share/of-ann"],
    );
    let (_, expected) = visit(&mut paths, 0, &["/products/x-8"]);
    assert_eq!(expected[0].0, "/products/x-8/share/of-ann", "{expected:?}");
}

/// Floods a model with a hundred times as many paths as it has room for, and uses one form meanwhile. Returns true if the
/// form is still expected.
fn survives_a_flood() -> bool {
    let mut paths = Paths::new(64);
    let bytes = paths.bytes();
    for flood in 0..6_400 {
        let first = format!("/{flood}/a/{flood}?q={flood}");
        let next = format!("/{flood}/b/{flood}");
        visit(&mut paths, flood, &[&first, &next]);
        if flood % 16 == 0 {
            let product = format!("/products/{flood}");
            visit(
                &mut paths,
                flood,
                &[&product, &format!("{product}/reviews")],
            );
        }
    }
    assert_eq!(paths.bytes(), bytes);
    let (_, expected) = visit(&mut paths, 0, &["/products/x-9"]);
    expected
        .iter()
        .any(|(path, _)| path == "/products/x-9/reviews")
}

#[test]
fn a_hundred_times_as_many_paths_take_no_more_memory_and_leave_what_is_used() {
    // Each model has a secret key, by which it is chance what shares a place in so small a table: one of eight loses.
    let survived = (0..15).filter(|_| survives_a_flood()).count();
    assert!(survived >= 8, "{survived} of 15");
}

/// Looks for a text in all pages and forms. They hold bytes, so it looks for these.
fn has(paths: &Paths, text: &str) -> bool {
    let bytes = format!("{:?}", text.as_bytes());
    let kept = format!("{:?}{:?}", paths.pages, paths.forms);
    kept.contains(bytes.trim_matches(['[', ']']))
}

#[test]
fn a_scan_finds_no_text_that_only_a_forgotten_session_has_shown() {
    let mut paths = Paths::new(1_024);
    train(&mut paths, 300, &["/products/{id}/reviews"]);
    let own = ["/products/anna-1", "/products/anna-1/share/of-anna"];
    visit(&mut paths, 7_007, &own);
    let common = ["/products/bobs", "/products/bobs/reviews"];
    visit(&mut paths, 7_007, &common);
    visit(&mut paths, 8_008, &common);
    assert!(has(&paths, "anna-1") && has(&paths, "of-anna"));
    paths.forget(7_007);
    assert!(!has(&paths, "anna"));
    assert!(has(&paths, "bobs") && has(&paths, "/reviews"));
    let (_, expected) = visit(&mut paths, 0, &["/products/x-9"]);
    assert_eq!(expected[0].0, "/products/x-9/reviews", "{expected:?}");
}
