//! One row of the table.

use scrimp_core::Currency;
use serde_json::{Map, Value};

use super::{LeftOut, ServiceTier, off_peak};
use crate::price::{Price, Tariff, TokenClass, rates::RateTable, unit_price::UnitPrice};

pub(super) type Row = Map<String, Value>;

/// Share, in thousandths, of what input costs that Fireworks takes for cached tokens where the
/// table does not say.
const FIREWORKS_CACHE_READ: u32 = 500;

/// Columns, and the class that each is the rate of. Only the first six have prices for larger
/// prompts.
const COLUMNS: [(&str, TokenClass); 14] = [
    ("input_cost_per_token", TokenClass::Input),
    ("output_cost_per_token", TokenClass::Output),
    ("cache_read_input_token_cost", TokenClass::CacheRead),
    ("cache_creation_input_token_cost", TokenClass::CacheWrite),
    (
        "cache_creation_input_token_cost_above_1hr",
        TokenClass::CacheWrite1h,
    ),
    (
        "cache_creation_input_token_cost_above_12hr",
        TokenClass::CacheWrite12h,
    ),
    (
        "cache_read_input_audio_token_cost",
        TokenClass::CacheReadAudio,
    ),
    ("input_cost_per_audio_token", TokenClass::InputAudio),
    ("input_cost_per_image_token", TokenClass::InputImage),
    ("input_cost_per_video_token", TokenClass::InputVideo),
    ("output_cost_per_reasoning_token", TokenClass::Reasoning),
    ("output_cost_per_audio_token", TokenClass::OutputAudio),
    ("output_cost_per_image_token", TokenClass::OutputImage),
    ("output_cost_per_video_token", TokenClass::OutputVideo),
];

/// Number of columns, from the first, that may have prices for larger prompts.
const TIERED: usize = 6;

/// Returns the price that a row gives for tokens.
pub(super) fn price(row: &Row, tier: ServiceTier) -> Result<Price, LeftOut> {
    let rates = base_rates(row, tier)?;
    let tiers = list(row, "tiered_pricing");
    if rates.is_empty() && tiers.is_empty() {
        return Err(LeftOut::NoTokenPrice(prices_in(row)));
    }
    let mut tariff = Tariff::new(Currency::USD).tokens(rates.into());
    if tiers.is_empty() {
        for above in thresholds(row) {
            tariff = tariff.tier(bound(row, above)?, above_rates(row, tier, above)?.into());
        }
    } else {
        tariff = ranges(tariff, tiers, &rates)?;
    }
    if let Some(off_peak) = row.get("off_peak_pricing").and_then(Value::as_object) {
        let over = off_peak_rates(row, off_peak, &rates)?;
        for window in off_peak::windows(off_peak)? {
            tariff = tariff.window(window, over.into());
        }
    }
    Ok(tariff.into())
}

/// Reads an exact rate. `None` if the column is absent.
fn rate(row: &Row, column: &str) -> Result<Option<UnitPrice>, LeftOut> {
    let unreadable = || LeftOut::Unreadable(column.to_owned());
    let rate: UnitPrice = match row.get(column) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.parse().map_err(|_| unreadable())?,
        // The shortest decimal that is this float, which is what was written.
        Some(Value::Number(number)) => match number.to_string().parse() {
            Ok(rate) => rate,
            // Digits that only a division by a million in floats has left there.
            Err(_) => number
                .as_f64()
                .and_then(UnitPrice::rounded)
                .ok_or_else(unreadable)?,
        },
        Some(_) => return Err(unreadable()),
    };
    if rate.is_negative() {
        return Err(unreadable());
    }
    Ok(Some(rate))
}

/// Reads the rate at a service level, or else the standard one.
fn rate_at(row: &Row, column: &str, tier: ServiceTier) -> Result<Option<UnitPrice>, LeftOut> {
    let special = [column, tier.suffix()].concat();
    Ok(match rate(row, &special)? {
        Some(rate) => Some(rate),
        None => rate(row, column)?,
    })
}

fn base_rates(row: &Row, tier: ServiceTier) -> Result<RateTable, LeftOut> {
    let mut rates = RateTable::default();
    for (column, class) in COLUMNS {
        rates.set(class, rate_at(row, column, tier)?);
    }
    let output = rates.own(TokenClass::Output);
    // A level that prices output apart prices thoughts with it, unless it says otherwise.
    let special = |column: &str| [column, tier.suffix()].concat();
    if tier != ServiceTier::Standard
        && rate(row, &special("output_cost_per_token"))?.is_some()
        && rate(row, &special("output_cost_per_reasoning_token"))?.is_none()
    {
        rates.set(TokenClass::Reasoning, None);
    }
    // Models that only make images give the price of their output by the image token.
    if output.is_none_or(UnitPrice::is_zero)
        && let Some(image) = rates.own(TokenClass::OutputImage)
    {
        rates.set(TokenClass::Output, Some(image));
    }
    // Models that answer with a vector, a rank or a verdict have no output to price.
    let mode = row.get("mode").and_then(Value::as_str).unwrap_or_default();
    if output.is_none() && matches!(mode, "embedding" | "rerank" | "moderation") {
        rates.set(TokenClass::Output, Some(UnitPrice::ZERO));
    }
    if is_fireworks(row)
        && rates.own(TokenClass::CacheRead).is_none()
        && let Some(input) = rates.own(TokenClass::Input)
    {
        rates.set(
            TokenClass::CacheRead,
            Some(input.permille(FIREWORKS_CACHE_READ)),
        );
    }
    // If only the output has a price, and that is nothing, the row is not priced.
    if rates.all_zero() && rates.own(TokenClass::Input).is_none() {
        rates = RateTable::default();
    }
    Ok(rates)
}

fn is_fireworks(row: &Row) -> bool {
    row.get("litellm_provider").and_then(Value::as_str) == Some("fireworks_ai")
}

/// Returns the thresholds of a row, as they are written: `200k`.
fn thresholds(row: &Row) -> Vec<&str> {
    let mut found = Vec::new();
    for key in row.keys() {
        let threshold = key.rsplit_once("_above_").and_then(|(column, rest)| {
            let known = COLUMNS[..TIERED].iter().any(|(name, _)| *name == column);
            rest.split_once("_tokens").filter(|_| known).map(|(n, _)| n)
        });
        if let Some(threshold) = threshold
            && !found.contains(&threshold)
        {
            found.push(threshold);
        }
    }
    found
}

fn bound(row: &Row, threshold: &str) -> Result<u64, LeftOut> {
    let (digits, factor) = match threshold.strip_suffix('k') {
        Some(digits) => (digits, 1_000),
        None => (threshold, 1),
    };
    let digits: u64 = digits
        .parse()
        .map_err(|_| LeftOut::Unreadable(format!("_above_{threshold}_tokens")))?;
    let bound = digits.saturating_mul(factor);
    // xAI's larger price begins at the threshold, all others' behind it.
    let inclusive = row.get("litellm_provider").and_then(Value::as_str) == Some("xai");
    Ok(bound.saturating_sub(inclusive.into()))
}

fn above_rates(row: &Row, tier: ServiceTier, threshold: &str) -> Result<RateTable, LeftOut> {
    let mut rates = RateTable::default();
    for (column, class) in &COLUMNS[..TIERED] {
        let column = format!("{column}_above_{threshold}_tokens");
        rates.set(*class, rate_at(row, &column, tier)?);
    }
    Ok(rates)
}

/// Adds tiers that name every rate of theirs: what one leaves out costs what its input does.
fn ranges(mut tariff: Tariff, tiers: &[Value], base: &RateTable) -> Result<Tariff, LeftOut> {
    for tier in tiers.iter().filter_map(Value::as_object) {
        let Some(start) = range_start(tier) else {
            continue;
        };
        let input = rate(tier, "input_cost_per_token")?;
        let output = rate(tier, "output_cost_per_token")?;
        let mut rates = RateTable::default();
        let or_input = |column| Ok::<_, LeftOut>(rate(tier, column)?.or(input));
        rates.set(TokenClass::Input, input);
        rates.set(TokenClass::Output, output.or(base.own(TokenClass::Output)));
        rates.set(
            TokenClass::CacheRead,
            or_input("cache_read_input_token_cost")?,
        );
        rates.set(
            TokenClass::CacheWrite,
            or_input("cache_creation_input_token_cost")?,
        );
        let reasoning = rate(tier, "output_cost_per_reasoning_token")?;
        rates.set(TokenClass::Reasoning, reasoning.or(output));
        tariff = tariff.tier(start, rates.into());
    }
    Ok(tariff)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a token count, written as a float"
)]
fn range_start(tier: &Row) -> Option<u64> {
    let start = tier.get("range")?.get(0)?.as_f64()?;
    (start >= 0.0).then_some(start as u64)
}

fn off_peak_rates(row: &Row, off_peak: &Row, base: &RateTable) -> Result<RateTable, LeftOut> {
    let mut rates = RateTable::default();
    for (column, class) in COLUMNS {
        rates.set(class, rate(off_peak, column)?);
    }
    // Where the cached price was derived from the input's, it follows it.
    if is_fireworks(row)
        && row
            .get("cache_read_input_token_cost")
            .is_none_or(Value::is_null)
        && rates.own(TokenClass::CacheRead).is_none()
    {
        let input = rates
            .own(TokenClass::Input)
            .map(|rate| rate.permille(FIREWORKS_CACHE_READ));
        rates.set(
            TokenClass::CacheRead,
            input.or(base.own(TokenClass::CacheRead)),
        );
    }
    Ok(rates)
}

pub(super) fn list<'a>(row: &'a Row, column: &str) -> &'a [Value] {
    row.get(column)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn prices_in(row: &Row) -> Vec<String> {
    let priced = row
        .keys()
        .filter(|key| key.contains("cost") || key.contains("pric"));
    priced.cloned().collect()
}
