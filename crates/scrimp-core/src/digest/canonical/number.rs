//! Numbers as ECMAScript writes them (RFC 8785 §3.2.2.3).

/// A decimal number, `0.digits` times ten to the power of `point`. Without zeros at either end of the
/// digits, so that equal values are equal; 0 has no digits.
#[derive(PartialEq, Eq)]
struct Decimal {
    digits: String,
    point: i64,
}

/// Returns the canonical form of a number in JSON, and whether it has the value that was written. `None`
/// if it is not one, or beyond double precision.
pub(super) fn canonical(literal: &str) -> Option<(String, bool)> {
    let (negative, written) = match literal.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, literal),
    };
    let written = Decimal::read(written)?;
    let float: f64 = literal.parse().ok()?;
    if !float.is_finite() {
        return None;
    }
    let shortest = Decimal::shortest(float.abs())?;
    let text = shortest.write();
    // ECMAScript has no negative zero in text, but programs may tell it from zero.
    let zero = shortest.digits.is_empty();
    let sign = if negative && !zero { "-" } else { "" };
    let exact = written == shortest && !(negative && zero);
    Some((format!("{sign}{text}"), exact))
}

// === impl Decimal ===

impl Decimal {
    /// Returns the shortest digits that are read as the same number, and of these the closest ones.
    /// ECMAScript prefers an even digit where two are equally close; Rust does not.
    fn shortest(float: f64) -> Option<Self> {
        /// Digits from which on two shortest forms can be equally close.
        const LONG: usize = 15;
        let shortest = Self::read(&format!("{float:e}"))?;
        let last = *shortest.digits.as_bytes().last().unwrap_or(&b'0');
        if shortest.digits.len() < LONG || last % 2 == 0 {
            return Some(shortest);
        }
        let kept = shortest.digits.len() - 1;
        let even = format!("{}{}", &shortest.digits[..kept], char::from(last - 1));
        // A few more digits rule most numbers out. No double has more than 800.
        let is_tie = |digits: usize| {
            let exact = Self::read(&format!("{float:.digits$e}"));
            exact.is_some_and(|exact| exact.digits.strip_prefix(even.as_str()) == Some("5"))
        };
        let tie = is_tie(LONG + 6) && is_tie(800);
        let even = Self {
            digits: even.clone(),
            ..shortest
        };
        let same = tie && even.write().parse() == Ok(float);
        match same {
            true => Self::read(&even.write()), // It may end with a zero.
            false => Some(shortest),
        }
    }

    /// Reads a number in JSON's form (RFC 8259 §6), without its sign.
    fn read(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, self::exponent(exponent)?),
            None => (text, 0),
        };
        let (whole, decimals) = match mantissa.split_once('.') {
            Some((_, "")) => return None,
            Some(both) => both,
            None => (mantissa, ""),
        };
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let leading = whole.is_empty() || whole.len() > 1 && whole.starts_with('0');
        if leading || !digits(whole) || !digits(decimals) {
            return None;
        }
        let all = [whole, decimals].concat();
        let significant = all.trim_start_matches('0');
        let zeros = i64::try_from(all.len() - significant.len()).ok()?;
        let digits = significant.trim_end_matches('0');
        if digits.is_empty() {
            return Some(Self {
                digits: String::new(),
                point: 0,
            });
        }
        let whole = i64::try_from(whole.len()).ok()?;
        Some(Self {
            digits: digits.to_owned(),
            point: exponent.saturating_add(whole - zeros),
        })
    }

    /// Writes it as ECMAScript's `Number::toString` does.
    fn write(&self) -> String {
        let Self { digits, point } = self;
        let length = digits.len() as i64;
        let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or_default());
        match *point {
            _ if digits.is_empty() => "0".to_owned(),
            point if length <= point && point <= 21 => format!("{digits}{}", zeros(point - length)),
            point if 0 < point && point <= 21 => {
                let (whole, decimals) = digits.split_at(point as usize);
                format!("{whole}.{decimals}")
            }
            point if -6 < point && point <= 0 => format!("0.{}{digits}", zeros(-point)),
            point => {
                let (first, rest) = digits.split_at(1);
                let dot = if rest.is_empty() { "" } else { "." };
                format!("{first}{dot}{rest}e{:+}", point - 1)
            }
        }
    }
}

/// Reads an exponent: digits, with or without a sign. One that is too large counts as the largest.
fn exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value = digits.parse().unwrap_or(i64::from(i32::MAX));
    Some(if text.starts_with('-') { -value } else { value })
}
