//! The chart, as SVG.

use std::fmt::Write;

use crate::{Curve, Outcome};

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 380.0;

/// One of the two diagrams: its position, and the scale of its values.
struct Panel<'a> {
    left: f64,
    title: &'static str,
    ticks: &'a [(f64, &'static str)],
    /// Returns a value's position between the base, 0, and the top, 1.
    scale: &'a dyn Fn(f64) -> f64,
    value: &'a dyn Fn(&Outcome) -> f64,
    curves: &'a [Curve],
}

const PANEL_WIDTH: f64 = 340.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 290.0;

/// Draws refreshes per expiry, and the time of the first one before it, over the request rate.
pub(crate) fn draw(rates: &[f64], curves: &[Curve]) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"Helvetica, Arial, sans-serif\" font-size=\"12\" fill=\"#222\" role=\"img\">\n\
         <title>Refreshes caused by one expiry, and how early the first begins</title>\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n"
    );
    let sizes = [
        (1.0, "1"),
        (10.0, "10"),
        (100.0, "100"),
        (1e3, "1,000"),
        (1e4, "10,000"),
    ];
    let gaps = [
        (0.0, "0"),
        (5.0, "5 δ"),
        (10.0, "10 δ"),
        (15.0, "15 δ"),
        (20.0, "20 δ"),
    ];
    let panels = [
        Panel {
            left: 70.0,
            title: "refreshes per expiry, where each request decides alone",
            ticks: &sizes,
            scale: &|size| size.log10() / 4.2,
            value: &|outcome| outcome.size,
            curves,
        },
        Panel {
            left: 490.0,
            title: "how long before expiry the first one begins",
            ticks: &gaps,
            scale: &|gap| gap / 21.0,
            value: &|outcome| outcome.gap,
            curves,
        },
    ];
    for panel in &panels {
        panel.draw(&mut svg, rates);
    }
    legend(&mut svg, curves);
    svg.push_str("</svg>\n");
    svg
}

// === impl Panel ===

impl Panel<'_> {
    fn x(&self, rate: f64) -> f64 {
        self.left + (rate.log10() - 1.0) / 3.0 * PANEL_WIDTH
    }

    fn y(&self, value: f64) -> f64 {
        BOTTOM - (self.scale)(value) * (BOTTOM - TOP)
    }

    fn draw(&self, svg: &mut String, rates: &[f64]) {
        let (left, right) = (self.left, self.left + PANEL_WIDTH);
        text(
            svg,
            left - 50.0,
            TOP - 24.0,
            "start",
            self.title,
            "font-weight=\"bold\"",
        );
        for &(value, label) in self.ticks {
            let y = self.y(value);
            line(svg, (left, y), (right, y), "#ddd");
            text(svg, left - 8.0, y + 4.0, "end", label, "fill=\"#555\"");
        }
        for (rate, label) in [(1e1, "10"), (1e2, "100"), (1e3, "1,000"), (1e4, "10,000")] {
            let x = self.x(rate);
            line(svg, (x, BOTTOM), (x, BOTTOM + 5.0), "#999");
            text(svg, x, BOTTOM + 20.0, "middle", label, "fill=\"#555\"");
        }
        let middle = f64::midpoint(left, right);
        let axis = "requests in the time δ that a refresh takes";
        text(svg, middle, BOTTOM + 40.0, "middle", axis, "fill=\"#555\"");
        for curve in self.curves {
            let places = rates.iter().zip(&curve.outcomes);
            let places: Vec<String> = places
                .map(|(&rate, outcome)| {
                    let (x, y) = (self.x(rate), self.y((self.value)(outcome)));
                    format!("{x:.1},{y:.1}")
                })
                .collect();
            let _ = writeln!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2.5\" \
                 stroke-linejoin=\"round\"/>",
                places.join(" "),
                curve.colour
            );
        }
    }
}

fn legend(svg: &mut String, curves: &[Curve]) {
    let mut x = 70.0;
    let y = HEIGHT - 20.0;
    for curve in curves {
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"{}\" width=\"18\" height=\"4\" fill=\"{}\"/>",
            y - 6.0,
            curve.colour
        );
        text(svg, x + 24.0, y, "start", curve.name, "");
        x += 200.0;
    }
}

fn line(svg: &mut String, from: (f64, f64), to: (f64, f64), colour: &str) {
    let _ = writeln!(
        svg,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{colour}\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, words: &str, more: &str) {
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" {more}>{words}</text>"
    );
}
