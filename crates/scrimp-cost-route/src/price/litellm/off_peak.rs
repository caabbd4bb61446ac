//! Hours in which a row's off-peak prices hold.

use serde_json::Value;

use super::{
    LeftOut,
    row::{Row, list},
};
use crate::price::PriceWindow;

/// Returns the windows of an off-peak block: those of every day, and those of some weekdays.
pub(super) fn windows(block: &Row) -> Result<Vec<PriceWindow>, LeftOut> {
    let ahead = match block.get("weekday_timezone").and_then(Value::as_str) {
        None | Some("UTC") => 0,
        // No daylight saving time there since 1991.
        Some("Asia/Shanghai") => 8 * 3_600,
        Some(zone) => return Err(LeftOut::Calendar(zone.to_owned())),
    };
    let mut found: Vec<_> = hours(block).collect();
    for rule in list(block, "windows").iter().filter_map(Value::as_object) {
        let days = rule.get("weekdays").and_then(Value::as_array);
        for window in hours(rule) {
            found.push(match days {
                Some(days) => {
                    let days = days
                        .iter()
                        .filter_map(|day| u8::try_from(day.as_u64()?).ok())
                        // A day that does not exist is left out too.
                        .filter(|day| (1..=7).contains(day));
                    window.on(days).weekdays_ahead_of_utc(ahead)
                }
                None => window,
            });
        }
    }
    Ok(found)
}

/// Reads one text or a list of them: `16:30-00:30`. A text that is not such hours is left out, as
/// LiteLLM does.
fn hours(block: &Row) -> impl Iterator<Item = PriceWindow> {
    let texts = match block.get("hours_utc") {
        Some(Value::Array(texts)) => texts.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(text)) => vec![text.as_str()],
        _ => Vec::new(),
    };
    texts.into_iter().filter_map(|text| {
        let (from, to) = text.split_once('-')?;
        Some(PriceWindow::daily(minute(from)?, minute(to)?))
    })
}

fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour < 24 && minute < 60).then(|| hour * 60 + minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_does_not_exist_is_left_out() {
        assert_eq!((minute("00:00"), minute(" 23:59")), (Some(0), Some(1_439)));
        for text in [
            "24:00", "12:60", "1616:30", "65535:59", "65536:00", "-1:00", "12",
        ] {
            assert_eq!(minute(text), None, "{text}");
        }
    }
}
