//! Extensions of the user, in both directions.

use crate::{
    between::{Mark, Witness},
    front::{Front, Place},
    order::Order,
};

async fn both_ways(place: Place) {
    for order in Order::matrix() {
        let witness = Witness::default();
        let front = Front::over(place, &order, &witness).await;
        for path in ["/bytes/9", "/stream/9", "/once/9"] {
            let before = witness.seen().len();
            let mut request = front.request(path);
            request.extensions_mut().insert(Mark(1));
            let answer = front.send(request).await.expect("an answer");
            assert_eq!(witness.seen()[before..], [Mark(1)], "{front:?}: {path}");
            let mark = answer.head.extensions.get::<Mark>();
            assert_eq!(mark, Some(&Mark(2)), "{front:?}: {path}");
        }
        let mut request = front.post("a body".into());
        request.extensions_mut().insert(Mark(3));
        let answer = front.send(request).await.expect("an answer");
        assert_eq!(witness.seen().last(), Some(&Mark(3)), "{front:?}");
        assert_eq!(
            answer.head.extensions.get::<Mark>(),
            Some(&Mark(2)),
            "{front:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn extensions_pass_in_both_directions_in_process() {
    both_ways(Place::InProcess).await;
}

#[tokio::test]
async fn extensions_pass_in_both_directions_on_hyper_utils_client() {
    both_ways(Place::Hyper).await;
}

#[tokio::test]
async fn extensions_pass_in_both_directions_on_reqwests_client() {
    both_ways(Place::Reqwest).await;
}
