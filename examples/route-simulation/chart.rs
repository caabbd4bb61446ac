//! Regret per policy, as a chart.

use std::fmt::Write;

use crate::table::{Row, mean, worst};

const LEFT: f64 = 240.0;
const WIDTH: f64 = 440.0;
const LINE: f64 = 34.0;
/// Start and end of the axis, in percent.
const FROM: f64 = 0.3;
const TO: f64 = 1_000.0;

fn x(regret: f64) -> f64 {
    LEFT + WIDTH * (100.0 * regret).clamp(FROM, TO).log(TO / FROM) - WIDTH * FROM.log(TO / FROM)
}

/// Draws bars for the mean regret with six providers, a mark for the worst seed, and a dot for the
/// mean over random worlds.
pub(crate) fn svg(rows: &[Row]) -> String {
    let height = 64.0 + LINE * rows.len() as f64 + 30.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 {height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\">\n\
         <rect width=\"760\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"16\" y=\"24\" font-size=\"15\" font-weight=\"600\" fill=\"#1f2933\">\
         Regret against an oracle (log scale, lower is better)</text>\n\
         <text x=\"16\" y=\"43\" fill=\"#52606d\">bar: mean, six providers · line: worst seed · \
         dot: mean, random worlds</text>\n"
    );
    let bottom = 56.0 + LINE * rows.len() as f64;
    for percent in [0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0] {
        let x = x(percent / 100.0);
        let _ = writeln!(
            svg,
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"56\" y2=\"{bottom}\" stroke=\"#e4e7eb\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#52606d\">{percent} %</text>",
            bottom + 18.0
        );
    }
    for (index, row) in rows.iter().enumerate() {
        let y = 60.0 + LINE * index as f64;
        let colour = if index == 0 { "#0b7285" } else { "#adb5bd" };
        let regret = mean(&row.standard);
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#1f2933\">{}</text>\
             <rect x=\"{LEFT}\" y=\"{y}\" width=\"{:.1}\" height=\"20\" rx=\"2\" fill=\"{colour}\"/>\
             <line x1=\"{worst:.1}\" x2=\"{worst:.1}\" y1=\"{y}\" y2=\"{:.1}\" stroke=\"#1f2933\" stroke-width=\"2\"/>\
             <circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\" fill=\"#e8590c\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" fill=\"#1f2933\">{:.1} %</text>",
            LEFT - 10.0,
            y + 15.0,
            row.name,
            x(regret) - LEFT,
            y + 20.0,
            x(mean(&row.random)),
            y + 10.0,
            x(worst(&row.standard)).max(x(mean(&row.random))) + 9.0,
            y + 15.0,
            100.0 * regret,
            worst = x(worst(&row.standard)),
        );
    }
    svg.push_str("</svg>\n");
    svg
}
