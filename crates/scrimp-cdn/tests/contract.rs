//! The laws of a tower service, over the layer in its different settings.

use std::time::Duration;

use scrimp_cdn::{Cdn, CdnLayer, CdnLifetime};
use scrimp_testkit::{Subject, contract};

const ALL: [Cdn; 5] = [
    Cdn::Cloudflare,
    Cdn::Fastly,
    Cdn::Nginx,
    Cdn::Targeted,
    Cdn::Varnish,
];

mod with_a_lifetime {
    use super::*;

    fn layer() -> CdnLayer {
        let day = CdnLifetime::new(Duration::from_secs(86_400));
        CdnLayer::builder(ALL).lifetime(day).build().unwrap()
    }

    contract!(Subject::new(layer));
}

mod with_functions_of_the_operator {
    use super::*;

    fn layer() -> CdnLayer {
        CdnLayer::builder(ALL)
            .lifetime_with(|_, _| Some(CdnLifetime::new(Duration::from_secs(60))))
            .tags_with(|request, _| vec![request.uri().path().to_owned()])
            .private_if(|_, headers| headers.contains_key("x-preview"))
            .build()
            .unwrap()
    }

    contract!(Subject::new(layer));
}
