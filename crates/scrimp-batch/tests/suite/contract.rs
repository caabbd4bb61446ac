//! The laws of a tower service, for requests that are sent alone, that share a batch, and that pass
//! through.

use bytes::Bytes;
use http::{Method, Request, Response, request::Parts};
use scrimp_batch::{Admission, BatchCodec, BatchLayer, Decoded, Item, RestJson};
use scrimp_core::KeyBuf;
use scrimp_testkit::{Subject, contract};

mod alone {
    use super::*;

    fn subject() -> Subject {
        let layer = || {
            BatchLayer::builder(RestJson::new("/batch"))
                .max_items(1)
                .dedupe(false)
                .build()
                .unwrap()
        };
        Subject::new(layer).answers_alone()
    }

    contract!(subject());
}

mod passing {
    use super::*;

    fn subject() -> Subject {
        Subject::new(|| {
            BatchLayer::builder(RestJson::new("/batch").base("/elsewhere"))
                .build()
                .unwrap()
        })
        .answers_alone()
    }

    contract!(subject());
}

/// A protocol whose batch of equal requests is one of them, as the laws need it.
#[derive(Clone)]
struct Same;

impl BatchCodec for Same {
    fn accepts(&self, head: &Parts) -> bool {
        head.method == Method::GET
    }

    fn admit(&self, head: &Parts, _: &Bytes, lane: &mut KeyBuf) -> Option<Admission> {
        lane.part(head.uri.path().as_bytes());
        Some(Admission::safe())
    }

    fn encode(&self, items: &[&Item]) -> Option<Request<Bytes>> {
        Request::get(items[0].head.uri.clone())
            .body(Bytes::new())
            .ok()
    }

    fn decode(&self, items: &[&Item], response: &Response<Bytes>) -> Decoded {
        Decoded::Answers(items.iter().map(|_| Some(response.clone())).collect())
    }
}

mod together {
    use super::*;

    fn subject() -> Subject {
        Subject::new(|| BatchLayer::builder(Same).build().unwrap())
            .answers_alone()
            .except(
                "errors_keep_their_source",
                "the answer to a batch is read before any caller gets a part of it, so one that \
                 breaks off is a 502",
            )
    }

    contract!(subject());
}
