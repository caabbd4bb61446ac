//! Costs by tenant, route, model and tag.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use scrimp_core::{
    Currency, Dimension, Ledger,
    extensions::{CostTags, Tenant, TenantShares},
};
use scrimp_cost_route::{CostRouteLayer, Hints};

use super::{post, tariff};
use crate::common::{Rig, money, ok, provider};

const USAGE: &str = r#"{"usage":{"prompt_tokens":1001,"completion_tokens":333}}"#;

fn tags(team: &str) -> CostTags {
    CostTags::new([("team", team)])
}

fn request(model: &str) -> Request<Full<Bytes>> {
    post(&format!("{{\"model\":\"{model}\"}}"))
}

fn rig(ledger: &Ledger) -> Rig {
    let hub = provider("hub", 0)
        .model("small", tariff())
        .model("large", tariff());
    let layer = CostRouteLayer::builder([hub]).ledger(ledger.clone());
    Rig::new(&layer.build().unwrap(), |_| ok(USAGE))
}

/// Returns the pico-dollars by the values of a dimension.
fn by<'a>(ledger: &Ledger, dimension: Dimension<'a>) -> BTreeMap<String, i128> {
    let totals = ledger.totals_by(dimension).into_iter();
    totals
        .map(|(value, totals)| (value, totals.spent.get(Currency::USD).pico()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn the_costs_by_each_dimension_are_the_total_to_the_pico_dollar() {
    let ledger = Ledger::new();
    let rig = rig(&ledger);
    let names = ["a", "b", "c"];
    for n in 0..60 {
        let mut request = request(["small", "large", "other"][n % 3]);
        let extensions = request.extensions_mut();
        if n % 5 > 0 {
            extensions.insert(tags(names[n % 2]));
        }
        extensions.insert(Hints::new().route(["/x", "/y"][n % 4 / 2]));
        if n % 7 == 0 {
            // Seven parts of one call, of which none is whole.
            let callers = (0..7).map(|k| (Tenant::from(names[k % 3]), tags(names[k % 2])));
            extensions.insert(TenantShares::tagged(callers.map(|caller| (1, [caller]))));
        } else {
            extensions.insert(Tenant::from(names[n % 3]));
        }
        rig.send(request).await;
    }
    let total = ledger.totals();
    let spent = total.spent.get(Currency::USD).pico();
    // 40 of them name a model with a price.
    assert_eq!(spent, 40 * money("0.004331").pico());
    for (dimension, values) in [
        (Dimension::Layer, &["cost-route"][..]),
        (Dimension::Tenant, &names),
        (Dimension::Route, &["/x", "/y"]),
        (Dimension::Model, &["large", "other", "small"]),
        (Dimension::Tag("team"), &["", "a", "b"]),
    ] {
        let by = by(&ledger, dimension);
        assert_eq!(by.keys().collect::<Vec<_>>(), values, "{dimension:?}");
        assert_eq!(by.values().sum::<i128>(), spent, "{dimension:?}");
        let calls = ledger.totals_by(dimension).into_values();
        let calls: u64 = calls.map(|totals| totals.calls_made).sum();
        assert_eq!(calls, total.calls_made, "{dimension:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_is_booked_under_the_tags_of_its_request_or_of_each_share() {
    let ledger = Ledger::new();
    let rig = rig(&ledger);
    let mut one = request("small");
    one.extensions_mut().insert(tags("search"));
    rig.send(one).await;
    let cost = money("0.004331").pico();
    assert_eq!(
        by(&ledger, Dimension::Tag("team")),
        [("search".into(), cost)].into()
    );

    // One tenant has two teams. Shares without tags have those of the request.
    let tenant = || Tenant::from("t");
    let mut shared = request("small");
    shared.extensions_mut().insert(tags("rest"));
    shared.extensions_mut().insert(TenantShares::tagged([
        (1, [(tenant(), tags("x"))]),
        (2, [(tenant(), tags("y"))]),
        (1, [(tenant(), CostTags::default())]),
    ]));
    rig.send(shared).await;
    let parts = by(&ledger, Dimension::Tag("team"));
    let of = |team: &str| parts[team];
    assert_eq!(
        (of("x") + of("y") + of("rest"), of("x") * 2),
        (cost, of("y"))
    );
    assert_eq!(of("rest"), of("x"));
    assert_eq!(by(&ledger, Dimension::Tenant)["t"], cost);
}
