use super::*;

fn entry() -> Entry {
    Entry::new(Profile::new("llm".into()))
}

/// Counts an answer of this many tokens, and returns what the next one is expected to have: the
/// usual number, and a number that most answers stay below.
fn answered(entry: &mut Entry, tokens: u64) -> [u64; 2] {
    let usage = Usage::text(10, tokens);
    entry.count(None, SystemTime::UNIX_EPOCH, Some(&usage));
    expected(entry)
}

fn expected(entry: &Entry) -> [u64; 2] {
    let asked = Usage::text(10, 0);
    [false, true].map(|high| entry.expect(&asked, high).completion())
}

#[test]
fn the_usual_length_moves_a_tenth_of_the_way_to_each_answer() {
    let mut entry = entry();
    assert_eq!(expected(&entry), [256, 1_024]);
    assert_eq!(answered(&mut entry, 356)[0], 266);
    assert_eq!(answered(&mut entry, 66)[0], 246);
    for _ in 0..200 {
        answered(&mut entry, 40);
    }
    assert_eq!(expected(&entry)[0], 41, "rounded up");
}

#[test]
fn the_bound_rises_by_large_steps_and_falls_by_small_ones() {
    let mut entry = entry();
    // A fifth of itself, times 0.95 or 0.05.
    assert_eq!(answered(&mut entry, 1_025)[1], 1_219);
    assert_eq!(answered(&mut entry, 1)[1], 1_207);
    let mut above = 0;
    for n in 0..10_000_u64 {
        // Evenly spread over 1 to 1,000.
        let tokens = n * 617 % 1_000 + 1;
        above += u32::from(tokens > expected(&entry)[1]);
        answered(&mut entry, tokens);
    }
    assert!(
        (300..700).contains(&above),
        "a twentieth is above it: {above}"
    );
}

#[test]
fn the_bound_of_very_short_answers_neither_vanishes_nor_stands_still() {
    let mut entry = entry();
    for _ in 0..2_000 {
        answered(&mut entry, 1);
    }
    assert!(expected(&entry)[1] <= 5, "{:?}", expected(&entry));
    for _ in 0..100 {
        answered(&mut entry, 500);
    }
    assert!(
        (450..700).contains(&expected(&entry)[1]),
        "{:?}",
        expected(&entry)
    );
}

#[test]
fn a_request_that_states_its_answer_or_has_no_prompt_is_taken_at_its_word() {
    let entry = entry();
    for usage in [Usage::text(10, 7), Usage::text(0, 0), Usage::bytes(5, 0)] {
        for high in [false, true] {
            assert_eq!(*entry.expect(&usage, high), usage);
        }
    }
    let asked = Usage::text(10, 0).with(TokenClass::CacheRead, 5);
    let expected = entry.expect(&asked, false);
    assert_eq!((expected.prompt(), expected.completion()), (15, 256));
}
