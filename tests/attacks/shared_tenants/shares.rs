//! Shares of a call, by weight and by its end.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_hundred_tenants_pay_by_the_weight_of_their_items() {
    let codec = ArrayInput::new().limit(10_000);
    let stack = Stack::with(codec, [each("1")], [provider("a", "1")], embed);
    let tenants = names(100);
    let requests = tenants.iter().enumerate().map(|(n, name)| {
        let input: Vec<_> = (0..=n).map(|k| format!("{name} {k}")).collect();
        Request::post("http://api.example.com/embeddings")
            .header("content-type", "application/json")
            .extension(Tenant::from(name.as_str()))
            .body(Body::from(
                json!({"model": "m", "input": input}).to_string(),
            ))
            .unwrap()
    });
    let answers = stack.all(requests).await;
    assert!(
        answers.iter().all(|answer| answer.status == StatusCode::OK),
        "{answers:?}"
    );
    assert_eq!(stack.calls(), [("a".to_owned(), 100)]);
    let spent = stack.spent(&[]);
    assert_eq!(sum(spent.values().copied()), usd("1"));
    for (n, name) in tenants.iter().enumerate() {
        // The tenant has n + 1 of 5,050 inputs.
        let down = 1_000_000_000_000 * (n as i128 + 1) / 5_050;
        let own = spent[name].pico();
        assert!(own == down || own == down + 1, "{name}: {own}, not {down}");
        assert_eq!(answers[n].charge, Some(spent[name]));
    }
    assert_eq!(spent["t99"], usd("0.019801980198"));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_costs_no_tenant_anything() {
    let stack = Stack::new([each("1")], [provider("a", "1")], |_, _| failed());
    let tenants = names(10);
    let answers = stack
        .all(tenants.iter().map(|name| get(name, &format!("/{name}"))))
        .await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.status == StatusCode::BAD_GATEWAY)
    );
    let spent = stack.spent(&[]);
    assert_eq!(spent, BTreeMap::new());
    stack.assert_nothing_is_reserved(&tenants, "1", &spent);
}

#[tokio::test(start_paused = true)]
async fn after_a_failover_each_tenant_pays_its_share_of_the_second_provider_only() {
    let providers = [provider("a", "1"), provider("b", "3")];
    let stack = Stack::new([each("1")], providers, |host, asked| match host {
        "a" => failed(),
        _ => echo(host, asked),
    });
    let tenants = names(4);
    let answers = stack
        .all(tenants.iter().map(|name| get(name, &format!("/{name}"))))
        .await;
    assert!(
        answers.iter().all(|answer| answer.status == StatusCode::OK),
        "{answers:?}"
    );
    assert_eq!(stack.calls(), [("a".to_owned(), 4), ("b".to_owned(), 4)]);
    let spent = stack.spent(&[]);
    assert!(
        tenants.iter().all(|name| spent[name] == usd("0.75")),
        "{spent:?}"
    );
    stack.assert_nothing_is_reserved(&tenants, "1", &spent);
}

#[tokio::test(start_paused = true)]
async fn callers_who_leave_before_the_call_pay_nothing_and_later_ones_their_share() {
    let stack = Stack::new([each("1")], [provider("a", "1")], echo);
    let ask = |tenant: &str, path: &str, patience: u64| {
        let call = (stack.send)(get(tenant, path));
        tokio::time::timeout(Duration::from_millis(patience), call)
    };
    // The window closes after 10 ms, and the call takes 100 ms.
    let (early, late, stays, same) = tokio::join!(
        ask("t0", "/same", 5),
        ask("t1", "/1", 50),
        ask("t2", "/2", 1_000),
        ask("t3", "/same", 1_000),
    );
    assert!(early.is_err() && late.is_err());
    assert_eq!(
        (stays.unwrap().status, same.unwrap().status),
        (StatusCode::OK, StatusCode::OK)
    );
    let spent = stack.spent(&[]);
    let third = |name: &str| spent[name].pico() / 10;
    assert_eq!(spent.get("t0"), None);
    assert_eq!(["t1", "t2", "t3"].map(third), [33_333_333_333; 3]);
    assert_eq!(sum(spent.values().copied()), usd("1"));
    stack.assert_nothing_is_reserved(&names(4), "1", &spent);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_all_callers_leave_reserves_nothing_afterwards() {
    let stack = Stack::new([each("1")], [provider("a", "1")], echo);
    let tenants = names(8);
    let calls = tenants
        .iter()
        .map(|name| (stack.send)(get(name, &format!("/{name}"))));
    let all = join_all(calls);
    assert!(
        tokio::time::timeout(Duration::from_millis(50), all)
            .await
            .is_err()
    );
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(stack.calls(), [("a".to_owned(), 8)]);
    // The provider got the request, and may charge it.
    let spent = stack.spent(&[]);
    assert!(
        tenants.iter().all(|name| spent[name] == usd("0.125")),
        "{spent:?}"
    );
    stack.assert_nothing_is_reserved(&tenants, "1", &spent);
}
