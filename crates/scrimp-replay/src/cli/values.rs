//! Values of flags.

use std::time::Duration;

use scrimp_core::Money;

use crate::{
    settings::{self, Settings},
    ttl::Ttl,
};

pub(super) fn rule(text: &str) -> Result<String, String> {
    settings::rule(text).map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

pub(super) fn host(text: &str) -> Result<String, String> {
    let checked = Settings::new().host(text);
    checked.map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

/// Time that `--latency` states.
#[derive(Debug, Clone, Copy)]
pub(super) enum Waits {
    Fixed(Duration),
    Logged,
}

pub(super) fn waits(text: &str) -> Result<Waits, String> {
    if text == "log" {
        return Ok(Waits::Logged);
    }
    let time = humantime::parse_duration(text);
    time.map(Waits::Fixed)
        .map_err(|error| format!("{error}; or write log"))
}

pub(super) fn price(text: &str) -> Result<Money, String> {
    let price: Money = text.parse().map_err(|error| format!("{error}"))?;
    if price.is_negative() {
        Err("the cost of a call cannot be negative".to_owned())
    } else {
        Ok(price)
    }
}

pub(super) fn amount(text: &str) -> Result<Money, String> {
    let amount: Money = text.parse().map_err(|error| format!("{error}"))?;
    if amount.is_negative() {
        Err("the amount cannot be negative".to_owned())
    } else {
        Ok(amount)
    }
}

pub(super) fn takes(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(Ttl::After(time)) if time <= Duration::from_secs(3600) => Ok(time),
        _ => Err("write a time of at most an hour, such as 200ms or 2s".to_owned()),
    }
}

pub(super) fn method(text: &str) -> Result<String, String> {
    let letters = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    letters
        .then(|| text.to_ascii_uppercase())
        .ok_or_else(|| "write a method such as GET".to_owned())
}
