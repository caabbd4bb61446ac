//! Background refreshes, as inner layers see them.

use std::{sync::Arc, time::Duration};

use scrimp::{
    cache::Invalidation,
    core::extensions::{Tags, Tenant},
};
use scrimp_tests::{Rig, builder, reply, request};

#[tokio::test(start_paused = true)]
async fn a_refresh_keeps_the_tenant_and_the_tags_of_its_entry() {
    let layer = builder(&[]).explain(true).build().unwrap();
    let rig = Rig::new(layer.clone(), |parts| {
        let tenant = parts.extensions.get::<Tenant>();
        let tenant = tenant.map_or("nobody", |tenant| &tenant.0);
        let fields = [("cache-control", "max-age=0, stale-while-revalidate=60")];
        reply(200, &fields, tenant)
    });
    let ask = async || {
        let mut request = request("GET", "/", &[]);
        let extensions = request.extensions_mut();
        extensions.insert(Tenant(Arc::from("acme")));
        extensions.insert(Tags(Arc::from(["page".into()])));
        rig.send(request).await.expect("an answer")
    };
    for calls in 1..=3 {
        assert_eq!(ask().await.text(), "acme");
        // Time moves once the refresh has ended.
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(rig.upstream.calls() >= calls);
    }
    assert!(rig.upstream.calls() > 2, "it was refreshed");
    layer.invalidator().invalidate(&Invalidation::tag("page"));
    assert!(!ask().await.is_hit(), "a refreshed page keeps its tags");
}
