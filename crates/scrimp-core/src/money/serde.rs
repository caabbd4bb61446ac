//! Amounts and currencies as strings, so that no format rounds them.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Visitor},
};

use super::{Currency, Money, Totals};

struct Text<T> {
    read: fn(&str) -> Result<T, String>,
    expecting: &'static str,
}

// === impl Text ===

impl<T> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.read)(text).map_err(E::custom)
    }
}

// === impl Money ===

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{self:#}"))
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text {
            read: |text| text.parse().map_err(|error| format!("{error}")),
            expecting: "an amount of money as a string, such as \"0.01 USD\"",
        })
    }
}

// === impl Currency ===

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text {
            read: |text| {
                Self::new(text)
                    .ok_or_else(|| format!("{text:?} is not a currency code such as \"USD\""))
            },
            expecting: "a currency code such as \"USD\"",
        })
    }
}

// === impl Totals ===

impl Serialize for Totals {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Totals {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let amounts = Vec::<Money>::deserialize(deserializer)?;
        Ok(amounts.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn written_values_are_read_back_exactly(picos in prop::collection::vec(any::<i128>(), 0..4)) {
            let codes = ["USD", "EUR", "JPY", "KWD"].map(|code| Currency::new(code).unwrap());
            let amounts = picos.iter().zip(codes);
            let totals: Totals = amounts.map(|(pico, code)| Money::from_pico(*pico, code)).collect();
            let text = serde_json::to_string(&totals).unwrap();
            prop_assert_eq!(serde_json::from_str::<Totals>(&text).unwrap(), totals);
        }
    }

    #[test]
    fn an_amount_is_a_string_with_its_currency() {
        let cent: Money = "0.01".parse().unwrap();
        let list = (cent * 100_000, Currency::USD, Totals::from(cent));
        let text = serde_json::to_string(&list).unwrap();
        assert_eq!(text, r#"["1000.00 USD","USD",["0.01 USD"]]"#);
        let read: (Money, Currency, Totals) = serde_json::from_str(&text).unwrap();
        assert_eq!(read, list);
        assert_eq!(serde_json::from_str::<Money>(r#""0.01""#).unwrap(), cent);
    }

    #[test]
    fn a_number_is_refused_as_it_may_have_been_rounded() {
        let error = serde_json::from_str::<Money>("0.01").unwrap_err();
        assert!(error.to_string().contains("\"0.01 USD\""), "{error}");
        let error = serde_json::from_str::<Currency>("\"dollars\"").unwrap_err();
        assert!(error.to_string().contains("not a currency code"), "{error}");
    }
}
