//! Settings of a builder, and the error of an invalid one.

use std::{
    borrow::Cow,
    error::Error,
    fmt::{self, Debug, Display},
    ops::{Bound, RangeBounds},
};

use crate::{BoxError, Money, SharedError};

/// A setting that cannot be used: its owner, its name, and the accepted values.
///
/// Every builder of scrimp returns this type from `build()`. Its text names the given value and the
/// accepted values:
///
/// ```
/// use scrimp_core::Settings;
///
/// let error = Settings::new("BatchLayer", 0_usize)
///     .within("max_items", 0, 1..=500, |items, value| *items = value)
///     .finish()
///     .unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "BatchLayer: `max_items` must be within 1 and 500, not 0"
/// );
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SettingError {
    owner: &'static str,
    setting: Cow<'static, str>,
    problem: String,
    source: Option<SharedError>,
}

/// Collects the settings of a builder, and keeps the error of the first invalid one.
///
/// Setters never fail, so they can be chained; [`finish`](Self::finish) returns their error. A
/// setting out of its range leaves the earlier value unchanged.
#[derive(Debug, Clone)]
pub struct Settings<C> {
    owner: &'static str,
    values: C,
    error: Option<SettingError>,
}

// === impl SettingError ===

impl SettingError {
    /// Makes the error of a setting of `owner` (a type's name). `problem` follows the setting's
    /// name: "must be at least 1, not 0".
    pub fn new(
        owner: &'static str,
        setting: impl Into<Cow<'static, str>>,
        problem: impl Display,
    ) -> Self {
        Self {
            owner,
            setting: setting.into(),
            problem: problem.to_string(),
            source: None,
        }
    }

    /// Adds the cause of the error: its [`source`](Error::source).
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(SharedError::new(source));
        self
    }

    /// Returns the value if it is within the range.
    ///
    /// NaN is in no range.
    ///
    /// # Errors
    ///
    /// If the value is outside the range.
    pub fn within<T: PartialOrd + Debug>(
        owner: &'static str,
        setting: impl Into<Cow<'static, str>>,
        value: T,
        range: impl RangeBounds<T>,
    ) -> Result<T, Self> {
        if range.contains(&value) {
            return Ok(value);
        }
        let accepted = match (range.start_bound(), range.end_bound()) {
            (Bound::Included(low), Bound::Included(high)) => format!("within {low:?} and {high:?}"),
            (Bound::Included(low), Bound::Excluded(high)) => {
                format!("at least {low:?} and below {high:?}")
            }
            (Bound::Excluded(low), Bound::Included(high)) => {
                format!("above {low:?} and at most {high:?}")
            }
            (Bound::Excluded(low), Bound::Excluded(high)) => {
                format!("above {low:?} and below {high:?}")
            }
            (Bound::Included(low), Bound::Unbounded) => format!("at least {low:?}"),
            (Bound::Excluded(low), Bound::Unbounded) => format!("above {low:?}"),
            (Bound::Unbounded, Bound::Included(high)) => format!("at most {high:?}"),
            (Bound::Unbounded, Bound::Excluded(high)) => format!("below {high:?}"),
            (Bound::Unbounded, Bound::Unbounded) => "a number".to_owned(),
        };
        Err(Self::new(
            owner,
            setting,
            format_args!("must be {accepted}, not {value:?}"),
        ))
    }

    /// Reads a value that may come as text. `shape` describes the accepted text: "a rule such as
    /// `path=/items ttl=5m`".
    ///
    /// # Errors
    ///
    /// If the value cannot be read. The reason is the error's [`source`](Error::source), and
    /// part of its text.
    pub fn read<T, V>(
        owner: &'static str,
        setting: impl Into<Cow<'static, str>>,
        value: V,
        shape: &str,
    ) -> Result<T, Self>
    where
        V: TryInto<T>,
        V::Error: Into<BoxError>,
    {
        value.try_into().map_err(|error| {
            let error = error.into();
            Self::new(owner, setting, format_args!("must be {shape}: {error}")).with_source(error)
        })
    }

    /// Reads an amount of money: `"0.01"`, `"0.01 EUR"` or a [`Money`]. It must not be negative.
    ///
    /// # Errors
    ///
    /// If the text is not an amount, or the amount is negative.
    pub fn amount<V>(
        owner: &'static str,
        setting: impl Into<Cow<'static, str>>,
        value: V,
    ) -> Result<Money, Self>
    where
        V: TryInto<Money>,
        V::Error: Into<BoxError>,
    {
        let setting = setting.into();
        let shape = "an amount such as 0.01 or 0.01 EUR";
        let amount: Money = Self::read(owner, setting.clone(), value, shape)?;
        if amount.is_negative() {
            let problem = format_args!("must not be negative, but is {amount}");
            return Err(Self::new(owner, setting, problem));
        }
        Ok(amount)
    }

    /// Returns the name of the type that has the setting, such as `CacheLayer`.
    #[must_use]
    pub fn owner(&self) -> &'static str {
        self.owner
    }

    /// Returns the name of the setting, such as `max_items`.
    #[must_use]
    pub fn setting(&self) -> &str {
        &self.setting
    }

    /// Returns what is wrong, without the names of the type and the setting.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

impl Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            owner,
            setting,
            problem,
            source: _,
        } = self;
        write!(f, "{owner}: `{setting}` {problem}")
    }
}

/// Writes the text: a program that ends with this error prints it this way.
impl Debug for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

impl Error for SettingError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| {
            let source: &(dyn Error + 'static) = source.get_ref();
            source
        })
    }
}

// === impl Settings ===

impl<C> Settings<C> {
    /// Starts from the default values. `owner` is the name of the built type.
    #[must_use]
    pub const fn new(owner: &'static str, defaults: C) -> Self {
        Self {
            owner,
            values: defaults,
            error: None,
        }
    }

    /// Sets a value that is always valid.
    #[must_use]
    pub fn set(mut self, change: impl FnOnce(&mut C)) -> Self {
        change(&mut self.values);
        self
    }

    /// Sets a value that must be within a range.
    #[must_use]
    pub fn within<T: PartialOrd + Debug>(
        self,
        setting: &'static str,
        value: T,
        range: impl RangeBounds<T>,
        change: impl FnOnce(&mut C, T),
    ) -> Self {
        let value = SettingError::within(self.owner, setting, value, range);
        self.checked(value, change)
    }

    /// Sets a value that may come as text. `shape` describes the accepted text.
    #[must_use]
    pub fn read<T, V>(
        self,
        setting: &'static str,
        value: V,
        shape: &str,
        change: impl FnOnce(&mut C, T),
    ) -> Self
    where
        V: TryInto<T>,
        V::Error: Into<BoxError>,
    {
        let value = SettingError::read(self.owner, setting, value, shape);
        self.checked(value, change)
    }

    /// Sets an amount of money: `"0.01"`, `"0.01 EUR"` or a [`Money`]. It must not be negative.
    #[must_use]
    pub fn amount<V>(
        self,
        setting: &'static str,
        value: V,
        change: impl FnOnce(&mut C, Money),
    ) -> Self
    where
        V: TryInto<Money>,
        V::Error: Into<BoxError>,
    {
        let amount = SettingError::amount(self.owner, setting, value);
        self.checked(amount, change)
    }

    /// Sets a value that was checked elsewhere.
    #[must_use]
    pub fn checked<T>(
        mut self,
        value: Result<T, SettingError>,
        change: impl FnOnce(&mut C, T),
    ) -> Self {
        match value {
            Ok(value) => change(&mut self.values, value),
            // The first error is the first one that a reader of the settings meets.
            Err(error) => drop(self.error.get_or_insert(error)),
        }
        self
    }

    /// Returns the values set so far, for settings that depend on one another.
    #[must_use]
    pub fn values(&self) -> &C {
        &self.values
    }

    /// Returns the values.
    ///
    /// # Errors
    ///
    /// If a setting is invalid: the error of the first one.
    pub fn finish(self) -> Result<C, SettingError> {
        match self.error {
            None => Ok(self.values),
            Some(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn message<T: PartialOrd + Debug>(value: T, range: impl RangeBounds<T>) -> String {
        SettingError::within("Layer", "it", value, range)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn the_range_is_named_in_units_of_the_value() {
        let second = Duration::from_secs(1);
        assert_eq!(
            message(Duration::ZERO, second..),
            "Layer: `it` must be at least 1s, not 0ns"
        );
        assert_eq!(
            message(2.0, 0.0..1.0),
            "Layer: `it` must be at least 0.0 and below 1.0, not 2.0"
        );
        assert_eq!(message(9, ..=4), "Layer: `it` must be at most 4, not 9");
        assert_eq!(
            message(0.0, (Bound::Excluded(0.0), Bound::Included(1.0))),
            "Layer: `it` must be above 0.0 and at most 1.0, not 0.0"
        );
    }

    #[test]
    fn nan_is_in_no_range() {
        assert!(message(f64::NAN, 0.0..=1.0).ends_with("not NaN"));
    }

    #[test]
    fn the_first_error_counts_and_later_settings_still_apply() {
        let settings = Settings::new("Layer", (1, 1))
            .within("first", 0, 1.., |values, value| values.0 = value)
            .within("second", 0, 1.., |values, value| values.1 = value)
            .set(|values| values.1 = 7);
        assert_eq!(settings.values(), &(1, 7));
        let error = settings.finish().unwrap_err();
        assert_eq!((error.owner(), error.setting()), ("Layer", "first"));
    }

    #[test]
    fn the_error_of_unreadable_text_names_the_reason_and_keeps_it_as_the_source() {
        let uri: Result<http::Uri, _> = SettingError::read(
            "Provider",
            "endpoint",
            "a b",
            "a URI such as https://a.example",
        );
        let error = uri.unwrap_err();
        assert_eq!(
            error.to_string(),
            "Provider: `endpoint` must be a URI such as https://a.example: invalid uri character"
        );
        let source = error.source().and_then(|source| source.downcast_ref());
        assert!(matches!(source, Some(http::uri::InvalidUri { .. })));
    }

    #[test]
    fn an_amount_may_be_text_and_must_not_be_negative() {
        let amount = |text: &str| SettingError::amount("Layer", "price", text);
        assert_eq!(amount("0.01 EUR").unwrap().to_string(), "0.01 EUR");
        assert_eq!(
            amount("-1").unwrap_err().to_string(),
            "Layer: `price` must not be negative, but is -$1.00"
        );
        let text = amount("a cent").unwrap_err().to_string();
        assert!(
            text.starts_with(
                "Layer: `price` must be an amount such as 0.01 or 0.01 EUR: \"a cent\""
            ),
            "{text}"
        );
    }
}
