//! Scores of known candidates, by hand.

use super::*;

const MONEY: Formula = Formula::Money {
    second: 1.0,
    quality: 2.0,
    failure: 10.0,
    backoff: 0.5,
};

const WEIGHTS: Formula = Formula::Weighted(Weight {
    cost: 0.4,
    latency: 0.3,
    quality: 0.2,
    reliability: 0.1,
});

const ONE: Expected = Expected {
    first_byte: 1.0,
    latency: 4.0,
    reliability: 0.8,
    quality: 0.5,
};

fn assert_near(one: f64, other: f64) {
    assert!((one - other).abs() < 1e-9, "{one} and not {other}");
}

#[test]
fn money_adds_the_price_the_wait_and_the_missing_quality_and_what_failures_cost() {
    // 3 + 1 · 4 + 2 · 0.5 in four of five cases, and the harm of a failure in one.
    assert_near(MONEY.last(3.0, &ONE), 0.8 * 8.0 + 0.2 * 10.0);
}

#[test]
fn a_failure_costs_the_pause_and_the_next_attempt_or_else_its_harm() {
    assert_near(MONEY.score(3.0, &ONE, None), MONEY.last(3.0, &ONE));
    assert_near(MONEY.score(3.0, &ONE, Some(6.0)), 0.8 * 8.0 + 0.2 * 6.5);
    // An attempt that is worth more than the harm is not made.
    assert_near(MONEY.score(3.0, &ONE, Some(20.0)), 0.8 * 8.0 + 0.2 * 10.5);
}

#[test]
fn at_best_an_answer_takes_half_the_time_and_misses_half_the_quality() {
    assert_near(MONEY.at_best(3.0, &ONE), 3.0 + 2.0 + 2.0 * 0.25);
    let best = 0.4 * 300.0_f64.ln() + 0.3 * 2.0_f64.ln() - 0.2 * 0.75_f64.ln();
    assert_near(WEIGHTS.at_best(3.0, &ONE), best);
}

#[test]
fn weights_add_logarithms_of_what_costs_and_take_away_those_of_what_is_good() {
    let sum = 0.4 * 300.0_f64.ln() + 0.3 * 4.0_f64.ln() - 0.2 * 0.5_f64.ln() - 0.1 * 0.8_f64.ln();
    assert_near(WEIGHTS.last(3.0, &ONE), sum);
    assert_near(WEIGHTS.score(3.0, &ONE, Some(1e9)), sum);
}

#[test]
fn a_share_better_is_that_share_of_the_money_or_of_each_property() {
    assert_near(MONEY.better_by(8.0, 0.05), 7.6);
    assert_near(WEIGHTS.better_by(8.0, 0.05), 8.0 - 1.05_f64.ln());
    // So that a candidate that is this share dearer at a weight of 1 is just as much worse.
    let cost = Formula::Weighted(Weight {
        cost: 1.0,
        latency: 0.0,
        quality: 0.0,
        reliability: 0.0,
    });
    let [cheap, dear] = [2.0, 2.1].map(|price| cost.last(price, &ONE));
    assert_near(cost.better_by(dear, 0.05), cheap);
}

#[test]
fn a_score_in_money_is_reported_as_an_amount_and_one_by_weights_as_a_number() {
    let Scored::Money(money) = MONEY.scored(0.012_5) else {
        panic!("it is an amount");
    };
    assert_eq!(money, "0.0125".parse().unwrap());
    assert_eq!(WEIGHTS.scored(0.012_5), Scored::Weighted(0.012_5));
}
