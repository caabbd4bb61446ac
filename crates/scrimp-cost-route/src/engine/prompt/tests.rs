use super::*;

const LIFETIME: f64 = 300.0;
const TERMS: CacheTerms = CacheTerms {
    write: 1.25,
    read: 0.1,
    least: 1,
};

fn prompt(blocks: impl IntoIterator<Item = u64>) -> Prompt {
    let mut last = 0x5851_f42d_4c95_7f2d_u64;
    let next = |block: u64| {
        last = (last ^ block)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29);
        last
    };
    Prompt {
        hashes: blocks.into_iter().map(next).collect(),
        kind: 0,
    }
}

/// A document of twenty blocks, and a question.
fn question(document: u64, question: u64) -> Prompt {
    prompt(
        (0..20)
            .map(|block| document * 100 + block)
            .chain([question]),
    )
}

#[test]
fn documents_that_return_are_written_and_the_questions_about_them_are_not() {
    let mut prompts = Prompts::new(1 << 16, LIFETIME);
    for n in 0..600_u32 {
        prompts.seen(
            f64::from(n),
            &question(u64::from(n / 3), 1_000_000 + u64::from(n)),
        );
    }
    let new = question(5_000, 9_000_000);
    assert_eq!(prompts.look(600.0, &new).write(0, TERMS), 20);
}

#[test]
fn prompts_that_never_return_are_never_written() {
    let mut prompts = Prompts::new(1 << 16, LIFETIME);
    let fresh = |n: u32| question(u64::from(n), 1_000_000 + u64::from(n));
    assert_eq!(
        prompts.look(0.0, &fresh(0)).write(0, TERMS),
        0,
        "none has returned yet"
    );
    for n in 0..600_u32 {
        prompts.seen(f64::from(n), &fresh(n));
    }
    assert_eq!(prompts.look(600.0, &fresh(700)).write(0, TERMS), 0);
}

#[test]
fn a_shared_beginning_is_written_as_far_as_it_is_shared() {
    let mut prompts = Prompts::new(1 << 16, LIFETIME);
    let of = |n: u64| prompt((0..10).chain((0..10).map(|block| 100 + n * 10 + block)));
    for n in 0..1_000_u32 {
        prompts.seen(f64::from(n), &of(u64::from(n)));
    }
    assert_eq!(prompts.look(1_000.0, &of(2_000)).write(0, TERMS), 10);
}

#[test]
fn an_account_holds_what_it_was_sent_until_the_lifetime_is_over() {
    let mut prompts = Prompts::new(1 << 16, LIFETIME);
    let first = question(1, 2);
    prompts.seen(0.0, &first);
    prompts.hold(0.0, &first, 3, 20, LIFETIME);
    let held = |prompts: &Prompts, now, prompt: &Prompt, account| {
        prompts.held(now, &prompts.look(now, prompt), account)
    };
    let next = question(1, 3);
    assert_eq!(held(&prompts, 299.0, &next, 3), 20);
    assert_eq!(held(&prompts, 301.0, &next, 3), 0);
    assert_eq!(held(&prompts, 299.0, &next, 4), 0);
    prompts.hold(1.0, &first, 3, 0, LIFETIME);
    assert_eq!(held(&prompts, 2.0, &next, 3), 0);
}

#[test]
fn invented_prompts_leave_a_bounded_number_of_questions() {
    let mut prompts = Prompts::new(1_600, LIFETIME);
    for n in 0..160_000 {
        prompts.seen(0.0, &prompt([n, n + 1]));
    }
    assert!(prompts.due.len() <= 200);
    assert!(prompts.tree.size() <= 1_600);
}
