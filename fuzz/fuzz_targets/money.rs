//! Amounts, currencies and rates.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scrimp_core::{Currency, ExchangeRate, ExchangeRates, Money, Totals};
use scrimp_cost_route::{Price, Rate};
use scrimp_fuzz::cost::{SMALL, within};

fuzz_target!(|data: &[u8]| {
    let _ = serde_json::from_slice::<Totals>(data);
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Some(currency) = Currency::new(text) {
        assert_eq!(Currency::new(currency.code()), Some(currency));
        assert!(
            currency
                .code()
                .bytes()
                .all(|byte| byte.is_ascii_uppercase())
        );
    }
    if let Ok(money) = within(SMALL, || text.parse::<Money>()) {
        assert_eq!(format!("{money:#}").parse(), Ok(money));
        let json = serde_json::to_string(&money).expect("a string");
        assert_eq!(serde_json::from_str::<Money>(&json).ok(), Some(money));
        let totals: Totals = [money].into_iter().collect();
        assert_eq!(totals.get(money.currency()), money);
        assert!(Price::try_from(text).is_ok());
        // To a currency and back is never more than it was, but for its last digit.
        let euro = Currency::new("EUR").expect("a code");
        if let Ok(rate) = ExchangeRate::new(euro, money) {
            let rates = ExchangeRates::new().with(rate);
            let _ = rates.convert(money, euro);
            let _ = rates.convert(Money::from_pico(i128::MAX, euro), money.currency());
        }
    }
    if let Ok(rate) = within(SMALL, || text.parse::<Rate>()) {
        let written = rate.to_string();
        assert_eq!(written.parse(), Ok(rate), "{written}");
        assert!(written.len() <= 64);
    }
});
