//! OData JSON batches: CAP.

use scrimp::batch::RestJson;
use serde_json::{Value, json};

use crate::{
    client::{get, post, send_all},
    server::Server,
};

#[tokio::test]
#[ignore = "needs CAP: run scripts/batch.sh"]
async fn each_request_gets_its_own_entity_and_an_error_does_not_end_the_batch() {
    let server = Server::odata();
    let path = |id: u32| format!("/odata/v4/shop/Things({id})");
    let mut requests: Vec<_> = [1, 404, 3, 4].map(|id| get(&server, &path(id))).into();
    let thing = json!({"id": 9, "name": "nine"}).to_string();
    requests.push(post(&server, "/odata/v4/shop/Things", thing));
    let (answers, calls) = send_all(RestJson::odata("/odata/v4/shop"), requests).await;
    assert_eq!(calls, 1, "{answers:?}");
    let codes: Vec<_> = answers
        .iter()
        .map(|answer| answer.status().as_u16())
        .collect();
    assert_eq!(codes, [200, 404, 200, 200, 201]);
    let body = |n: usize| serde_json::from_str::<Value>(answers[n].body()).unwrap();
    for (n, id) in [(0, 1), (2, 3), (3, 4)] {
        assert_eq!(body(n)["name"], format!("thing {id}"));
    }
    assert_eq!(body(1)["error"]["message"], "no such thing");
    assert_eq!(body(4)["name"], "nine");
    assert!(answers[0].headers().contains_key("odata-version"));
}
