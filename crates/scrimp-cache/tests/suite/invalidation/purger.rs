//! Purges of the caches in front.

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use scrimp_cache::{Invalidation, Invalidator};
use scrimp_core::{Purge, PurgeTarget, Purger};
use tower::ServiceExt;

use crate::common::{Rig, layer, reply, request};

/// A purge, with the number of responses that are still stored when it comes.
type Got = (Purge, Option<u64>);

/// Keeps the purges that it gets.
#[derive(Clone, Default)]
struct Front {
    purges: Arc<Mutex<Vec<Got>>>,
    cache: Arc<OnceLock<Invalidator>>,
}

impl Purger for Front {
    fn purge(&self, purge: &Purge) {
        let cache = self.cache.get().expect("set when the layer was built");
        let left = cache.count(&Invalidation::everything());
        self.purges.lock().push((purge.clone(), left));
    }
}

fn behind(front: &Front) -> Rig {
    let fields = [("cache-control", "max-age=60"), ("cache-tag", "a:1@3")];
    let layer = layer().purger(front.clone());
    let rig = Rig::answering(layer, move |_| reply(200, &fields, "x"));
    let set = front.cache.set(rig.layer.invalidator());
    assert!(set.is_ok());
    rig
}

#[tokio::test]
async fn each_invalidation_by_an_operator_goes_to_the_front_once_it_holds_here() {
    let uri = |text: &str| text.parse::<http::Uri>().expect("a URI");
    let group = PurgeTarget::Group {
        authority: "h".into(),
        group: "g".into(),
    };
    let cases = [
        (Invalidation::tag("a:1"), PurgeTarget::Tag("a:1".into()), 0),
        (
            Invalidation::version("a:1", 4),
            PurgeTarget::Tag("a:1".into()),
            0,
        ),
        (
            Invalidation::prefix("a:"),
            PurgeTarget::TagPrefix("a:".into()),
            0,
        ),
        (Invalidation::glob("a*"), PurgeTarget::Glob("a*".into()), 0),
        (
            Invalidation::uri(uri("http://h/")),
            PurgeTarget::Uri(uri("http://h/")),
            0,
        ),
        (
            Invalidation::uri_prefix(uri("http://h/")),
            PurgeTarget::UriPrefix(uri("http://h/")),
            0,
        ),
        (
            Invalidation::authority("h"),
            PurgeTarget::Authority("h".into()),
            0,
        ),
        (Invalidation::group("h", "g"), group, 1),
        (Invalidation::everything(), PurgeTarget::Everything, 0),
    ];
    for (invalidation, target, left) in cases {
        let front = Front::default();
        let rig = behind(&front);
        rig.send(request("GET", "http://h/", &[]))
            .await
            .expect("an answer");
        rig.layer.invalidator().invalidate(&invalidation);
        let purge = Purge::new(target.clone());
        assert_eq!(*front.purges.lock(), [(purge, Some(left))], "{target:?}");

        // A soft one is soft there too, except that a version is always hard.
        let soft = invalidation.clone().soft();
        rig.layer.invalidator().invalidate(&soft);
        let is_soft = front.purges.lock()[1].0.soft;
        assert_eq!(is_soft, invalidation != Invalidation::version("a:1", 4));
    }
}

#[tokio::test]
async fn the_admin_service_and_one_key_purge_the_front_and_a_clients_write_does_not() {
    let front = Front::default();
    let rig = behind(&front);
    let admin = rig.layer.admin(|_| true);
    let purge = request("POST", "/purge?tag=x&tag=y", &[]);
    admin.oneshot(purge).await.expect("infallible");
    assert_eq!(front.purges.lock().len(), 2);
    let one = request("GET", "/7?x=1", &[("host", "h")]);
    rig.layer.invalidator().invalidate_request(&one);
    let uri = "http://h/7?x=1".parse().expect("a URI");
    assert_eq!(front.purges.lock()[2].0, Purge::new(PurgeTarget::Uri(uri)));
    rig.send(request("POST", "http://h/7", &[]))
        .await
        .expect("an answer");
    assert_eq!(front.purges.lock().len(), 3);
}
