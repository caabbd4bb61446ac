//! Tenants at their caps.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_tenant_at_its_cap_is_refused_alone_among_ninety_nine_others() {
    let stack = Stack::new([each("0.05")], [provider("a", "1")], echo);
    stack.spend("t0", "0.05");
    let tenants = names(100);
    let requests = tenants.iter().map(|name| get(name, &format!("/of/{name}")));
    let answers = stack.all(requests).await;

    assert_eq!(answers[0].status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(answers[0].body["type"], "urn:scrimp:cost-route:budget");
    assert_eq!(
        (&answers[0].body["cap"], answers[0].charge),
        (&json!("each"), None)
    );
    for (answer, name) in answers.iter().zip(&tenants).skip(1) {
        assert_eq!(
            (answer.status, &answer.body),
            (StatusCode::OK, &json!(format!("/of/{name}")))
        );
    }
    assert_eq!(stack.calls(), [("a".to_owned(), 99)]);

    // A dollar over 99 tenants: 1/99, and the first has the unit that is left over.
    let spent = stack.spent(&[("t0", "0.05")]);
    assert_eq!(spent.get("t0"), None);
    assert_eq!(spent["t1"], usd("0.010101010102"));
    assert!(
        tenants[2..]
            .iter()
            .all(|name| spent[name] == usd("0.010101010101"))
    );
    assert_eq!(sum(spent.values().copied()), usd("1"));
    for (answer, name) in answers.iter().zip(&tenants).skip(1) {
        assert_eq!(
            answer.charge,
            Some(spent[name]),
            "a caller is told what its tenant pays"
        );
    }
    let stats = (stack.stats)();
    assert_eq!((stats.batches, stats.items, stats.left_out), (1, 99, 1));
}

#[tokio::test(start_paused = true)]
async fn tenants_that_cannot_pay_for_what_the_others_leave_are_refused_in_the_same_round() {
    // A third of a dollar each; as soon as t0 is out, half a dollar is too much for t1.
    let stack = Stack::new([each("1")], [provider("a", "1")], echo);
    stack.spend("t0", "1");
    stack.spend("t1", "0.6");
    let answers = stack
        .all(
            names(3)
                .iter()
                .map(|name| get(name, &format!("/of/{name}"))),
        )
        .await;
    assert_eq!(
        answers
            .iter()
            .map(|answer| answer.status.as_u16())
            .collect::<Vec<_>>(),
        [402, 402, 200]
    );
    assert_eq!(stack.calls(), [("a".to_owned(), 1)]);
    let spent = stack.spent(&[("t0", "1"), ("t1", "0.6")]);
    assert_eq!(
        spent.into_iter().collect::<Vec<_>>(),
        [("t2".to_owned(), usd("1"))]
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_for_two_tenants_is_given_to_the_one_that_may_pay() {
    let stack = Stack::new([each("2")], [provider("a", "1")], echo);
    let requests = || [get("t0", "/same"), get("t1", "/same"), get("t1", "/other")];
    let answers = stack.all(requests()).await;
    assert!(answers.iter().all(|answer| answer.status == StatusCode::OK));
    let spent = stack.spent(&[]);
    assert_eq!((spent["t0"], spent["t1"]), (usd("0.25"), usd("0.75")));

    let stack = Stack::new([each("2")], [provider("a", "1")], echo);
    stack.spend("t0", "2");
    let answers = stack.all(requests()).await;
    assert_eq!(
        answers
            .iter()
            .map(|answer| answer.status.as_u16())
            .collect::<Vec<_>>(),
        [402, 200, 200]
    );
    assert_eq!(answers[1].body, "/same");
    let spent = stack.spent(&[("t0", "2")]);
    assert_eq!(
        spent.into_iter().collect::<Vec<_>>(),
        [("t1".to_owned(), usd("1"))]
    );
}

#[tokio::test(start_paused = true)]
async fn a_cap_of_all_tenants_together_counts_the_whole_batch_once() {
    let all = || Cap::new("all", usd("1.5"), Period::Day);
    let stack = Stack::new([all(), each("1")], [provider("a", "1")], echo);
    let requests = |round: usize| {
        names(10)
            .into_iter()
            .map(move |name| get(&name, &format!("/{round}/{name}")))
    };
    for (round, status) in [StatusCode::OK, StatusCode::PAYMENT_REQUIRED]
        .into_iter()
        .enumerate()
    {
        let answers = stack.all(requests(round)).await;
        assert!(
            answers.iter().all(|answer| answer.status == status),
            "{answers:?}"
        );
    }
    assert_eq!(stack.calls(), [("a".to_owned(), 10)]);
    let spent = stack.spent(&[]);
    assert!(spent.values().all(|spent| *spent == usd("0.1")));
    let common = stack
        .budget
        .snapshot()
        .into_iter()
        .find(|line| line.cap == "all");
    assert_eq!(common.unwrap().spent, usd("1"));
    // Half a dollar is left, and not reserved.
    assert!(stack.budget.reserve(usd("0.5"), "t0", "", "").is_ok());
}

#[tokio::test(start_paused = true)]
async fn whatever_tenants_ask_none_exceeds_its_cap_and_their_shares_are_the_upstreams_bill() {
    for seed in 0..20 {
        let mut random = fastrand::Rng::with_seed(seed);
        let stack = Stack::new([each("0.4")], [provider("a", "1")], echo);
        let tenants = names(12);
        let mut asked = 0;
        for round in 0..10 {
            let count = random.usize(1..30);
            let requests: Vec<_> = (0..count)
                .map(|_| {
                    let tenant = &tenants[random.usize(..tenants.len())];
                    get(tenant, &format!("/{round}/{}", random.usize(..20)))
                })
                .collect();
            asked += requests.len();
            for answer in stack.all(requests).await {
                asked -= 1;
                let refused = answer.status == StatusCode::PAYMENT_REQUIRED;
                assert!(answer.status == StatusCode::OK || refused && answer.charge.is_none());
            }
        }
        assert_eq!(asked, 0, "each request has an answer");
        let spent = stack.spent(&[]);
        let bill = usd("1") * stack.calls().len() as u64;
        assert_eq!(sum(spent.values().copied()), bill, "seed {seed}");
        assert!(
            spent.values().all(|spent| *spent <= usd("0.4")),
            "seed {seed}: {spent:?}"
        );
        stack.assert_nothing_is_reserved(&tenants, "0.4", &spent);
        let made: u64 = stack
            .ledger
            .lines()
            .iter()
            .filter(|line| line.layer == "cost-route")
            .map(|line| line.calls_made)
            .sum();
        assert_eq!(made as usize, stack.calls().len());
    }
}

#[tokio::test(start_paused = true)]
async fn no_tenant_is_told_what_another_one_has_spent() {
    let stack = Stack::new([each("0.4")], [provider("a", "1")], echo);
    stack.spend("t0", "0.31");
    stack.spend("t1", "0.32");
    let answers = stack
        .all(names(2).iter().map(|name| get(name, &format!("/{name}"))))
        .await;
    let used: Vec<_> = answers
        .iter()
        .map(|answer| answer.body["used"].as_str())
        .collect();
    assert_eq!(used, [Some("$0.31"), Some("$0.32")]);
    assert_eq!(stack.calls(), []);
}
