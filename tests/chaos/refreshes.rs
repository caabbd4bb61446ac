//! Background refreshes that fail.

use scrimp_testkit::{Reply, ScriptedBody};
use scrimp_tests::{Rig, layer, reply};

fn body(body: ScriptedBody) -> Reply {
    let mut response = http::Response::new(body);
    let fields = response.headers_mut();
    fields.insert("cache-control", "max-age=60".parse().expect("a value"));
    Reply::respond(response)
}

fn well() -> Reply {
    reply(200, &[("cache-control", "max-age=60")], "well")
}

#[tokio::test(start_paused = true)]
async fn a_failed_refresh_keeps_the_stored_response_and_the_next_one_runs() {
    let stale = [("cache-control", "max-age=0, stale-while-revalidate=60")];
    let failures: [fn() -> Reply; 4] = [
        || Reply::error("reset"),
        Reply::panic,
        || body(ScriptedBody::new().data("half").error("reset")),
        || body(ScriptedBody::new().data("half").panic("half way")),
    ];
    for (case, failure) in failures.into_iter().enumerate() {
        let replies = [reply(200, &stale, "old"), failure(), well()];
        let rig = Rig::script(layer(&[]), replies);
        assert_eq!(rig.get("/").await.text(), "old");
        for calls in [2, 3] {
            assert_eq!(rig.get("/").await.text(), "old", "{case}");
            // Time moves once the refresh has ended.
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            assert_eq!(rig.upstream.calls(), calls, "{case}");
        }
        assert_eq!(rig.get("/").await.text(), "well", "{case}");
    }
}
