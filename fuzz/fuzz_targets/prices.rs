//! LiteLLM's price table.
#![no_main]

use std::time::{Duration, SystemTime};

use libfuzzer_sys::fuzz_target;
use scrimp_cost_route::{
    TokenClass, Usage,
    litellm::{PriceTable, ServiceTier},
};
use scrimp_fuzz::cost::{SMALL, within};
use serde_json::{Map, Value};

fuzz_target!(|data: &[u8]| {
    let rows = serde_json::from_slice::<Map<String, Value>>(data);
    let flat = !String::from_utf8_lossy(data).contains("_above_") && {
        let tiers = |row: &Value| row.get("tiered_pricing").is_some();
        !rows.iter().flat_map(Map::values).any(tiers)
    };
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_518_000);
    for tier in [
        ServiceTier::Standard,
        ServiceTier::Flex,
        ServiceTier::Priority,
    ] {
        let table = match (within(SMALL, || PriceTable::parse(data, tier)), &rows) {
            (Ok(table), Ok(rows)) => {
                let count = table.priced().count() + table.left_out().count();
                assert_eq!(count, rows.len(), "each row has a price or a reason");
                table
            }
            (Err(error), Err(_)) => {
                assert!(error.to_string().contains("price table"));
                return;
            }
            (table, rows) => panic!("{table:?} of {rows:?}"),
        };
        for (model, reason) in table.left_out() {
            assert!(!reason.to_string().is_empty());
            assert!(table.price(model).is_err());
        }
        for (_, price) in table.priced() {
            let cost = |tokens: u64| {
                let usage = Usage::text(tokens, tokens).with(TokenClass::CacheRead, tokens);
                price.cost(&usage, now, 0)
            };
            let costs = within(SMALL, || [0, 1, 1_000, u64::MAX].map(cost));
            assert!(costs.iter().flatten().all(|cost| !cost.is_negative()));
            assert!(costs[0].is_none_or(|cost| cost.pico() == 0));
            // More tokens cost more, unless the table has other prices for large prompts.
            if flat && let [_, Some(one), Some(thousand), Some(most)] = costs {
                assert!(one <= thousand && thousand <= most);
            }
        }
    }
});
