//! Answers of the script.

use std::time::Duration;

use redis::Value;

/// Largest amount that the script counts with.
pub(super) const LARGEST: u128 = 10_u128.pow(30);

/// Answer to a message about one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) outcome: Outcome,
    /// Identifier of the account. A server that has lost it gives it another one.
    pub(super) id: String,
    /// Amount leased in addition.
    pub(super) extra: u128,
    /// Amount used and leased by all processes.
    pub(super) total: u128,
    /// Amount left for all of them.
    pub(super) left: u128,
    /// Time of the server, in milliseconds since 1970.
    pub(super) time: u64,
}

/// Outcome of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Granted,
    /// Too little is left, and no process holds any that is free.
    Short,
    /// Other processes have been asked to return what is free, and have this much time.
    Wait(Duration),
    /// The period is over, or has not begun.
    OtherPeriod,
}

// === impl Reply ===

impl Reply {
    /// Reads an answer. `None` if it is none.
    pub(super) fn read(value: &Value) -> Option<Self> {
        let Value::Array(parts) = value else {
            return None;
        };
        let [outcome, id, extra, total, left, time, wait] = &parts[..] else {
            return None;
        };
        let wait = Duration::from_millis(number(wait)?);
        Some(Self {
            outcome: match text(outcome)? {
                "g" => Outcome::Granted,
                "s" => Outcome::Short,
                "w" => Outcome::Wait(wait),
                "p" => Outcome::OtherPeriod,
                _ => return None,
            },
            id: text(id)?.to_owned(),
            extra: text(extra)?.parse().ok()?,
            total: text(total)?.parse().ok()?,
            left: text(left)?.parse().ok()?,
            time: number(time)?,
        })
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        _ => None,
    }
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}
