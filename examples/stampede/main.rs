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
