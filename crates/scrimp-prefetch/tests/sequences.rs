//! The default model's predictions on real sequences.

mod traces;

use scrimp_prefetch::{Calibration, MarkovPredictor};
use traces::{Score, Sessions, bms, judge, learn, msnbc};

/// Trains a model on the first sessions, and judges it by the others.
fn score(train: &Sessions, test: &[Vec<u32>], learns: bool) -> Score {
    let mut model = MarkovPredictor::new();
    for session in train {
        learn(&mut model, session);
    }
    judge(&mut model, &mut Calibration::new(), test, learns)
}

fn check(name: &str, score: &Score, least: (f64, f64)) {
    let (first, third, (said, error)) = (score.first(), score.third(), score.errors());
    let events = score.events;
    println!("{name}: {events} new items, {first:.4} {third:.4}, error {said:.4} {error:.4}");
    assert!(
        first >= least.0 && third >= least.1,
        "{name}: {first:.4} {third:.4}"
    );
    assert!(error <= 0.03, "{name}: {error:.4}");
}

#[test]
fn on_msnbc_a_quarter_of_new_items_is_predicted_first_and_half_among_three() {
    let Some(mut train) = msnbc() else { return };
    let test = train.split_off(100_000);
    let score = score(&train, &test[..50_000], false);
    check("msnbc", &score, (0.25, 0.50));
}

#[test]
fn on_bms_over_a_third_of_new_items_is_predicted_first_as_the_model_goes_on_learning() {
    let Some(mut train) = bms() else { return };
    let test = train.split_off(train.len() * 2 / 3);
    let score = score(&train, &test, true);
    check("bms", &score, (0.35, 0.54));
}
