//! Charts as inline SVG that stretches, with HTML labels that do not.

use std::fmt::{self, Write};

use super::parts::Escaped;
use crate::{
    line::{MICROS, format_time},
    timeline::Timeline,
};

/// Width and height of a drawing in its own units; CSS sets the displayed size.
pub(super) const WIDTH: f64 = 1000.0;
pub(super) const HEIGHT: f64 = 100.0;
/// Path from the end of an area to the base line and back to its start.
const CLOSE: &str = "V100Z";

/// Two curves over time.
pub(super) struct Chart<'a> {
    pub(super) title: String,
    /// Curves from back to front.
    pub(super) series: [Series<'a>; 2],
    /// End of the scale; if none, the largest value, rounded up.
    pub(super) top: Option<f64>,
    /// Formats a value.
    pub(super) unit: &'a dyn Fn(f64) -> String,
    pub(super) timeline: &'a Timeline,
}

/// One curve.
pub(super) struct Series<'a> {
    pub(super) name: &'static str,
    /// Class in the style sheet.
    pub(super) class: &'static str,
    /// One value per slice; NaN for none.
    pub(super) values: &'a [f64],
}

// === impl Chart ===

impl fmt::Display for Chart<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = Escaped(&self.title);
        let top = self.top.unwrap_or_else(|| {
            let values = self.series.iter().flat_map(|series| series.values);
            nice(values.copied().fold(0.0, f64::max))
        });
        writeln!(
            f,
            "<figure>\n<figcaption><h2>{title}</h2><p class=\"legend\">"
        )?;
        for Series { name, class, .. } in &self.series {
            write!(f, "<span class=\"{class}\">{name}</span> ")?;
        }
        f.write_str(
            "</p></figcaption>\n<div class=\"plot\">\n<div class=\"scale\" aria-hidden=\"true\">",
        )?;
        for share in [1.0, 0.5, 0.0] {
            let label = (self.unit)(top * share).replace(".0 %", " %");
            writeln!(
                f,
                "<span style=\"bottom:{:.0}%\">{label}</span>",
                share * 100.0
            )?;
        }
        write!(
            f,
            "</div>\n<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\">\
             <title>{title}</title><desc>{}</desc>\n\
             <path class=\"grid\" d=\"M0 0H{WIDTH}M0 50H{WIDTH}M0 {HEIGHT}H{WIDTH}\"/>\n",
            Escaped(&self.summary()),
        )?;
        for series in &self.series {
            series.draw(f, top)?;
        }
        self.tips(f)?;
        f.write_str("</svg>\n</div>\n")?;
        self.times(f)?;
        f.write_str("</figure>\n")
    }
}

impl Chart<'_> {
    /// Describes the chart in words.
    fn summary(&self) -> String {
        let mut text = String::new();
        for Series { name, values, .. } in &self.series {
            let largest = values.iter().copied().fold(0.0, f64::max);
            let last = values
                .iter()
                .rfind(|value| !value.is_nan())
                .copied()
                .unwrap_or(0.0);
            let unit = self.unit;
            let _ = writeln!(
                text,
                "{name}: at most {}, at the end {}.",
                unit(largest),
                unit(last)
            );
        }
        text.push_str("The table below contains all numbers.");
        text
    }

    /// Writes one area per slice that shows its numbers as a tooltip.
    fn tips(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = &self.series;
        let label = |value: f64| {
            if value.is_nan() {
                "–".to_owned()
            } else {
                (self.unit)(value)
            }
        };
        let width = WIDTH / count(first.values);
        let mut start = self.timeline.start;
        let mut x = 0.0;
        for (a, b) in first.values.iter().zip(second.values) {
            writeln!(
                f,
                "<rect class=\"tip\" x=\"{x:.1}\" width=\"{width:.1}\" height=\"{HEIGHT}\"><title>{}\n\
                 {}: {}\n{}: {}</title></rect>",
                time(start),
                first.name,
                label(*a),
                second.name,
                label(*b),
            )?;
            x += width;
            start += self.timeline.seconds;
        }
        Ok(())
    }

    fn times(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slices = i64::try_from(self.timeline.slices.len()).unwrap_or(i64::MAX);
        let length = slices.saturating_mul(self.timeline.seconds);
        let start = self.timeline.start;
        f.write_str("<div class=\"times\" aria-hidden=\"true\">")?;
        for at in [start, start + length / 2, start + length] {
            write!(f, "<span>{}</span>", time(at))?;
        }
        f.write_str("</div>\n")
    }
}

// === impl Series ===

impl Series<'_> {
    /// Draws the area below the curve, and the curve: steps, since a value holds for its slice, and
    /// gaps for missing values.
    fn draw(&self, f: &mut fmt::Formatter<'_>, top: f64) -> fmt::Result {
        let width = WIDTH / count(self.values);
        let (mut line, mut area) = (String::new(), String::new());
        let (mut x, mut open) = (0.0, false);
        for value in self.values {
            let end = x + width;
            if value.is_nan() {
                area.push_str(if open { CLOSE } else { "" });
                open = false;
            } else {
                let y = HEIGHT - (value / top * HEIGHT).clamp(0.0, HEIGHT);
                let step = if open { 'L' } else { 'M' };
                let _ = write!(line, "{step}{x:.1} {y:.2}H{end:.1}");
                if !open {
                    let _ = write!(area, "M{x:.1} {HEIGHT}");
                }
                let _ = write!(area, "L{x:.1} {y:.2}H{end:.1}");
                open = true;
            }
            x = end;
        }
        area.push_str(if open { CLOSE } else { "" });
        let class = self.class;
        writeln!(f, "<path class=\"area {class}\" d=\"{area}\"/>")?;
        writeln!(f, "<path class=\"line {class}\" d=\"{line}\"/>")
    }
}

#[expect(clippy::cast_precision_loss, reason = "some hundreds at most")]
fn count(values: &[f64]) -> f64 {
    values.len().max(1) as f64
}

/// Returns the next larger number whose half is round too.
pub(super) fn nice(largest: f64) -> f64 {
    if largest <= 0.0 {
        return 1.0;
    }
    let power = 10f64.powf(largest.log10().floor());
    let steps = [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    let step = steps.into_iter().find(|step| step * power >= largest);
    step.unwrap_or(10.0) * power
}

/// Writes `1.2 M`, `340`, `0.05`: short enough for a scale.
pub(super) fn short(value: f64) -> String {
    let (scaled, unit) = match value {
        v if v >= 1e9 => (v / 1e9, " G"),
        v if v >= 1e6 => (v / 1e6, " M"),
        v if v >= 1e4 => (v / 1e3, " k"),
        v => (v, ""),
    };
    // Three significant digits, without trailing zeros.
    let decimals = match scaled {
        s if s >= 100.0 || s == 0.0 => 0,
        s if s >= 10.0 => 1,
        s if s >= 1.0 => 2,
        s if s >= 0.01 => 4,
        _ => 8,
    };
    let mut text = format!("{scaled:.decimals$}");
    if text.contains('.') {
        text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    }
    text + unit
}

/// Writes `5 min`, `1 h`, `2 days`.
pub(super) fn length(seconds: i64) -> String {
    match seconds {
        1 => "second".to_owned(),
        60 => "minute".to_owned(),
        3_600 => "hour".to_owned(),
        86_400 => "day".to_owned(),
        s if s < 60 => format!("{s} s"),
        s if s < 3_600 => format!("{} min", s / 60),
        s if s < 86_400 => format!("{} h", s / 3_600),
        s => format!("{} days", s / 86_400),
    }
}

/// Writes `2015-05-17 10:05`, in UTC.
fn time(seconds: i64) -> String {
    let text = format_time(seconds.saturating_mul(MICROS));
    text.get(..16)
        .map_or_else(|| text.clone(), |text| text.replace('T', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_on_round_numbers() {
        for (largest, top) in [
            (0.0, 1.0),
            (1.0, 1.0),
            (95.36, 100.0),
            (210.0, 250.0),
            (0.0031, 0.004),
        ] {
            assert!((nice(largest) - top).abs() < 1e-12, "{largest}");
        }
        assert_eq!(
            [0.0, 0.5, 2.5, 340.0, 12_500.0, 2e6].map(short),
            ["0", "0.5", "2.5", "340", "12.5 k", "2 M"]
        );
    }
}
