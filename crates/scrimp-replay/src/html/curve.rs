//! The chart of the hit rate by memory.

use std::fmt::{self, Write};

use super::chart::{HEIGHT, WIDTH, nice};
use crate::{
    curve::Curve,
    report::{Report, ratio},
};
use scrimp_demo::support::format::percent;

const TITLE: &str = "Hit rate by memory";

/// Writes the chart, if there is a hit.
pub(super) fn curve(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    let Some(curve) = report.curve.as_ref().filter(|curve| curve.unlimited > 0.0) else {
        return Ok(());
    };
    let rates = curve.points.iter().map(|point| point.hit_rate);
    let top = nice(rates.fold(curve.unlimited, f64::max)).min(1.0);
    write!(
        f,
        "<figure>\n<figcaption><h2>{TITLE}</h2><p class=\"legend\">\
         <span class=\"ceiling\">unlimited memory</span> <span class=\"with\">hit rate</span>{}</p>\
         </figcaption>\n<div class=\"plot\">\n<div class=\"scale\" aria-hidden=\"true\">",
        curve.knee.map_or("", |_| " <span class=\"at\">knee</span>"),
    )?;
    for share in [1.0, 0.5, 0.0] {
        let label = percent(top * share).replace(".0 %", " %");
        writeln!(
            f,
            "<span style=\"bottom:{:.0}%\">{label}</span>",
            share * 100.0
        )?;
    }
    write!(
        f,
        "</div>\n<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\">\
         <title>{TITLE}</title><desc>{}</desc>\n\
         <path class=\"grid\" d=\"M0 0H{WIDTH}M0 50H{WIDTH}M0 {HEIGHT}H{WIDTH}\"/>\n",
        described(curve),
    )?;
    lines(f, curve, top)?;
    f.write_str("</svg>\n</div>\n<div class=\"sizes\" aria-hidden=\"true\">\n")?;
    for (at, (size, ..)) in curve.rows().take(curve.points.len()).enumerate() {
        let class = if curve.knee == Some(at) {
            " class=\"at\""
        } else {
            ""
        };
        let left = place(curve, at) * 100.0;
        writeln!(f, "<span{class} style=\"left:{left:.1}%\">{size}</span>")?;
    }
    let text = curve.explained().unwrap_or_default();
    writeln!(
        f,
        "</div>\n<p class=\"rule\">{text} Simulated {}.</p>\n</figure>",
        curve.basis()
    )
}

/// Draws the rate with unlimited memory, the area below the curve, the curve, and the knee.
fn lines(f: &mut fmt::Formatter<'_>, curve: &Curve, top: f64) -> fmt::Result {
    let height = |rate: f64| HEIGHT - (rate / top * HEIGHT).clamp(0.0, HEIGHT);
    let mut line = String::new();
    for (at, point) in curve.points.iter().enumerate() {
        let step = if at == 0 { 'M' } else { 'L' };
        let x = place(curve, at) * WIDTH;
        let _ = write!(line, "{step}{x:.1} {:.2}", height(point.hit_rate));
    }
    let most = height(curve.unlimited);
    let (first, last) = (
        place(curve, 0) * WIDTH,
        place(curve, curve.points.len() - 1) * WIDTH,
    );
    writeln!(
        f,
        "<path class=\"line ceiling\" d=\"M0 {most:.2}H{WIDTH}\"/>"
    )?;
    writeln!(
        f,
        "<path class=\"area with\" d=\"{line}L{last:.1} {HEIGHT}L{first:.1} {HEIGHT}Z\"/>"
    )?;
    writeln!(f, "<path class=\"line with\" d=\"{line}\"/>")?;
    if let Some(at) = curve.knee {
        let x = place(curve, at) * WIDTH;
        writeln!(f, "<path class=\"knee\" d=\"M{x:.1} 0V{HEIGHT}\"/>")?;
    }
    let width = WIDTH / ratio(curve.points.len() as u64, 1);
    for (at, (size, rate, _)) in curve.rows().take(curve.points.len()).enumerate() {
        let x = place(curve, at) * WIDTH - width / 2.0;
        writeln!(
            f,
            "<rect class=\"tip\" x=\"{x:.1}\" width=\"{width:.1}\" height=\"{HEIGHT}\">\
             <title>{size}: {}</title></rect>",
            percent(rate)
        )?;
    }
    Ok(())
}

/// Returns the place of a point from left to right, 0 to 1: in the middle of its part, so that the
/// name of its size has room.
fn place(curve: &Curve, at: usize) -> f64 {
    let points = ratio(curve.points.len() as u64, 1);
    (ratio(at as u64, 1) + 0.5) / points
}

/// Returns all numbers in words.
fn described(curve: &Curve) -> String {
    let rows = curve.rows().map(|(size, rate, is_knee)| {
        let knee = if is_knee { " (knee)" } else { "" };
        format!("{size}: {}{knee}", percent(rate))
    });
    rows.collect::<Vec<_>>().join(";\n")
}
