//! GraphQL in an array: Apollo Server.

use scrimp::batch::GraphQl;
use serde_json::{Value, json};

use crate::{
    client::{post, send_all},
    server::Server,
};

#[tokio::test]
#[ignore = "needs Apollo Server: run scripts/batch.sh"]
async fn good_responses_survive_a_batch_that_is_a_bad_request_because_of_one_item() {
    let server = Server::node("apollo.mjs");
    let query = |query: &str| post(&server, "/", json!({"query": query}).to_string());
    let queries = [
        "{ double(n: 1) }",
        "{ nonsense }",
        "{ double(n: 3) }",
        "{ fail }",
    ];
    let (answers, calls) = send_all(GraphQl::new(), queries.map(query).into()).await;
    assert_eq!(calls, 1, "{answers:?}");
    let body = |n: usize| serde_json::from_str::<Value>(answers[n].body()).unwrap();
    assert_eq!(body(0), json!({"data": {"double": 2}}));
    assert_eq!(body(2), json!({"data": {"double": 6}}));
    assert_eq!(
        (answers[0].status().as_u16(), answers[1].status().as_u16()),
        (200, 400)
    );
    assert!(
        body(1)["errors"][0]["message"]
            .as_str()
            .unwrap()
            .contains("nonsense")
    );
    assert_eq!(body(3)["data"], json!({"fail": null}));
}

#[tokio::test]
#[ignore = "needs Apollo Server: run scripts/batch.sh"]
async fn a_mutation_is_sent_alone_beside_a_batch_of_queries() {
    let server = Server::node("apollo.mjs");
    let query = |query: &str| post(&server, "/", json!({"query": query}).to_string());
    let queries = [
        "{ double(n: 1) }",
        "mutation { set }",
        "{ double(n: 3) }",
        "{ double(n: 3) }",
    ];
    let (answers, calls) = send_all(GraphQl::new(), queries.map(query).into()).await;
    assert_eq!(calls, 2);
    assert!(answers[1].body().contains("\"set\":1"));
    assert_eq!(answers[2].body(), answers[3].body());
}
