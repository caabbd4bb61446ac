//! Simulates the expiry of a stored response, without protection, with uniformly early expiry, and
//! with XFetch; prints the figures and draws the chart.
//!
//! ```sh
//! cargo run --release -p scrimp-examples --example stampede -- docs/stampede.svg
//! ```
//!
//! Every request decides independently, as in processes that do not communicate. Within one process
//! `StampedeLayer` allows one refresh of a key in flight at a time, so the number is one there.

mod chart;
mod simulate;

use simulate::{Even, Never, Outcome, outcome};

use scrimp::stampede::{Strategy, XFetch};

/// Requests within the time of a refresh: 10 to 10,000, four to a decade.
const RATES: std::ops::RangeInclusive<i32> = 4..=16;

/// Results of a policy over the rates.
struct Curve {
    name: &'static str,
    colour: &'static str,
    outcomes: Vec<Outcome>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rates: Vec<f64> = RATES
        .map(|quarter| 10_f64.powf(f64::from(quarter) / 4.0))
        .collect();
    let curve = |name, colour, strategy: &dyn Strategy| Curve {
        name,
        colour,
        outcomes: rates.iter().map(|&rate| outcome(strategy, rate)).collect(),
    };
    let curves = [
        curve("no protection", "#b3261e", &Never),
        curve("even draw over 10 δ", "#a06a00", &Even),
        curve("XFetch, β = 1", "#1b6e3c", &XFetch::default()),
        curve("XFetch, β = 2", "#2457a6", &XFetch::new(2.0)),
    ];
    print(&rates, &curves);
    if let Some(path) = std::env::args_os().nth(1) {
        std::fs::write(path, chart::draw(&rates, &curves))?;
    }
    Ok(())
}

fn print(rates: &[f64], curves: &[Curve]) {
    println!("refreshes per expiry, and how long before it the first begins, in units of δ\n");
    print!("{:>8}", "λδ");
    for curve in curves {
        print!("  {:>22}", curve.name);
    }
    println!();
    for (at, rate) in rates.iter().enumerate() {
        print!("{rate:>8.0}");
        for curve in curves {
            let Outcome { size, gap } = curve.outcomes[at];
            print!("  {:>22}", format!("{size:.2}, {gap:.2} δ"));
        }
        println!();
    }
    println!("\nXFetch by its formula: e^(1/β) refreshes, the first βδ(ln(λβδ) + 0.577) before");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64) {
        let ratio = found / expected;
        assert!((0.9..1.1).contains(&ratio), "{found}, not {expected}");
    }

    #[test]
    fn an_expiry_refreshes_as_often_as_the_formula_says() {
        let rate = 30.0;
        // Without protection: the first request, and those that come while its refresh takes its time.
        near(outcome(&Never, rate).size, 1.0 + rate);
        for beta in [1.0_f64, 2.0] {
            let Outcome { size, gap } = outcome(&XFetch::new(beta), rate);
            near(size, beta.recip().exp());
            near(gap, beta * ((rate * beta).ln() + 0.577));
        }
        let even = outcome(&Even, rate).size;
        assert!(even > outcome(&XFetch::default(), rate).size, "{even}");
    }

    #[test]
    fn the_chart_has_a_line_for_each_curve_in_both_diagrams() {
        let rates = [10.0, 100.0];
        let outcomes = vec![
            Outcome {
                size: 2.7,
                gap: 3.0
            };
            rates.len()
        ];
        let (name, colour) = ("XFetch", "#1b6e3c");
        let curve = Curve {
            name,
            colour,
            outcomes,
        };
        let chart = chart::draw(&rates, &[curve]);
        assert_eq!(chart.matches("<polyline").count(), 2);
        assert!(chart.contains(name) && chart.ends_with("</svg>\n"));
    }
}
