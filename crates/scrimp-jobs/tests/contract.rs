//! The laws of a tower service, over the layer in its different settings.

mod vendor;

use std::time::Duration;

use http::Request;
use http_body_util::Full;
use scrimp_core::extensions::{Deadline, Priority};
use scrimp_jobs::{BatchJobsLayer, JobAccount, OpenAiJobs, SqliteQueue};
use scrimp_testkit::{Subject, contract};

fn layer() -> BatchJobsLayer {
    let folder = tempfile::tempdir().unwrap();
    // An open file outlives its name.
    let queue = SqliteQueue::open(folder.path().join("jobs.db")).unwrap();
    let vendor = vendor::Vendor::new(vendor::Form::OpenAi);
    BatchJobsLayer::builder(
        OpenAiJobs::new(vendor::rig::BASE).unwrap(),
        queue,
        vendor::rig::client(&vendor),
    )
    .account(JobAccount::new("a").bearer("sk"))
    .build()
    .unwrap()
}

fn request(n: usize) -> Request<Full<bytes::Bytes>> {
    Request::get(format!("http://api.example.com/items/{n}"))
        .body(Full::default())
        .unwrap()
}

mod without_time {
    use super::*;

    contract!(Subject::new(layer).answers_alone());
}

mod with_time_and_without_a_batch_form {
    use super::*;

    fn low(n: usize) -> Request<Full<bytes::Bytes>> {
        let mut request = request(n);
        request.extensions_mut().insert(Priority::Low);
        request
    }

    contract!(Subject::new(layer).request(low).answers_alone());
}

mod with_a_near_deadline {
    use super::*;

    fn near(n: usize) -> Request<Full<bytes::Bytes>> {
        let mut request = request(n);
        let due = tokio::time::Instant::now() + Duration::from_secs(60);
        request.extensions_mut().insert(Deadline(due));
        request
    }

    contract!(Subject::new(layer).request(near).answers_alone());
}
