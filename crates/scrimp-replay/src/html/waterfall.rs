//! Each layer's share of the savings: bars that start at the end of the bar above.

use std::fmt;

use scrimp_core::Money;

use super::parts::Escaped;
use crate::report::Report;
use scrimp_demo::support::format::{count, money};

/// A bar: its start and end on a scale from 0 to 1.
struct Bar<'a> {
    name: &'a str,
    class: &'static str,
    from: f64,
    to: f64,
    calls: String,
    money: String,
}

/// Writes the cost without layers, the saving of each layer, and the rest.
pub(super) fn shares(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    let Some(layers) = &report.layers else {
        return Ok(());
    };
    f.write_str(
        "<section>\n<h2>Savings by layer</h2>\n<table class=\"waterfall\">\n<thead><tr>\
         <th scope=\"col\">Layer</th><td class=\"track\"></td><th scope=\"col\">Calls</th>\
         <th scope=\"col\">Money</th></tr></thead>\n<tbody>\n",
    )?;
    bars(report).iter().try_for_each(|bar| write!(f, "{bar}"))?;
    f.write_str("</tbody>\n</table>\n<ul class=\"facts\">\n")?;
    for (name, fact) in layers.facts() {
        writeln!(f, "<li>{name}: {}</li>", Escaped(&fact))?;
    }
    if layers.batch.is_some() {
        f.write_str(
            "<li>logs with whole seconds make all requests of a second simultaneous: batches are \
             an upper bound</li>\n",
        )?;
    }
    f.write_str(
        "</ul>\n<p class=\"rule\">Each layer is credited with the calls that it received and did \
         not pass on. Stampede protection is credited with requests that waited for the fill of \
         another one, and debited with early refreshes: calls that it adds to avoid waiting.</p>\n</section>\n",
    )
}

fn bars(report: &Report) -> Vec<Bar<'_>> {
    let layers = report.layers.iter().flat_map(|layers| &layers.shares);
    let mut left = report.cost_without();
    let mut steps = Vec::new();
    let mut largest = left;
    for share in layers {
        let before = left;
        left = minus(left, share.saved);
        largest = if left > largest { left } else { largest };
        steps.push((share, before, left));
    }
    let scale = |amount: Money| {
        let whole = largest.as_f64();
        if whole > 0.0 {
            (amount.as_f64() / whole).clamp(0.0, 1.0)
        } else {
            0.0
        }
    };
    let whole = |name, class, calls: u64, amount| Bar {
        name,
        class,
        from: 0.0,
        to: scale(amount),
        calls: count(calls),
        money: money(amount),
    };
    let first = whole("without", "without", report.requests, report.cost_without());
    let last = whole("with all layers", "with", report.upstream_calls, left);
    let between = steps.into_iter().map(|(share, before, after)| {
        let costs = share.saved.is_negative();
        // Amount by which a bar reduces or increases the cost.
        let (calls, amount) = (-share.calls, minus(after, before));
        Bar {
            name: share.title(),
            class: if costs { "ceiling" } else { "saving" },
            from: scale(if costs { before } else { after }),
            to: scale(if costs { after } else { before }),
            calls: if calls == 0 {
                "–".to_owned()
            } else {
                signed(calls < 0, &count(calls.unsigned_abs()))
            },
            money: if amount.pico() > 0 {
                signed(false, &money(amount))
            } else {
                money(amount).replacen('-', "−", 1)
            },
        }
    });
    [first].into_iter().chain(between).chain([last]).collect()
}

fn signed(less: bool, text: &str) -> String {
    format!("{}{text}", if less { "−" } else { "+" })
}

fn minus(one: Money, other: Money) -> Money {
    one.checked_sub(other)
        .expect("a report uses the currency of its price only")
}

// === impl Bar ===

impl fmt::Display for Bar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            class,
            from,
            to,
            calls,
            money,
        } = self;
        writeln!(
            f,
            "<tr><th scope=\"row\">{name}</th>\
             <td class=\"track\" aria-hidden=\"true\"><span class=\"{class}\" \
             style=\"margin-left:min({:.2}%,100% - 2px);width:{:.2}%\"></span></td>\
             <td>{calls}</td><td>{}</td></tr>",
            from * 100.0,
            (to - from) * 100.0,
            Escaped(money),
        )
    }
}
