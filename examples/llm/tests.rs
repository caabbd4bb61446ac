use super::*;

/// Asks, and returns the status and the number of calls that it took.
async fn ask(
    client: &Stack,
    url: &str,
    calls: &AtomicU64,
    content: &str,
    stream: bool,
) -> (u16, u64) {
    let before = calls.load(Relaxed);
    let chat = json!({
        "stream": stream,
        "messages": [{ "role": "user", "content": content }],
        "model": "chat",
    });
    let (status, length) = post(client, url, "/v1/chat/completions", chat)
        .await
        .expect("an answer");
    assert!(length > 0);
    (status, calls.load(Relaxed) - before)
}

#[tokio::test]
async fn an_answer_is_paid_once_a_call_of_a_tool_each_time_and_texts_go_together() {
    let (calls, ledger) = (Arc::<AtomicU64>::default(), Ledger::new());
    let url = api::serve(calls.clone()).await.expect("a socket");
    let (client, cache, _) = client(&url, &ledger).expect("the settings are right");
    for stream in [false, true] {
        let (status, first) = ask(&client, &url, &calls, "one", stream).await;
        assert!(status == 200 && first >= 1, "{status} {first}");
        assert_eq!(ask(&client, &url, &calls, "one", stream).await, (200, 0));
        for _ in 0..2 {
            let (status, again) = ask(&client, &url, &calls, "the weather?", stream).await;
            assert!(status == 200 && again >= 1, "{status} {again}");
        }
    }
    assert_eq!(cache.stats().not_stored.answer, 4);

    let before = calls.load(Relaxed);
    let embed = |n: usize| json!({ "model": "embedding", "input": format!("text {n}") });
    let texts = (0..100).map(|n| post(&client, &url, "/v1/embeddings", embed(n)));
    let answers = try_join_all(texts).await.expect("answers");
    assert!(answers.iter().all(|(status, _)| *status == 200));
    let made = calls.load(Relaxed) - before;
    assert!(made <= 50, "{made} calls for 100 texts");
    assert!(!ledger.saved().is_zero());
}
