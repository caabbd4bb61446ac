//! Settings.

mod vendor;

use std::time::Duration;

use scrimp_jobs::{BatchJobsLayer, BatchJobsLayerBuilder, JobAccount, OpenAiJobs, SqliteQueue};
use vendor::{Form, Vendor, rig};

fn error(set: impl FnOnce(BatchJobsLayerBuilder) -> BatchJobsLayerBuilder) -> String {
    let folder = tempfile::tempdir().unwrap();
    let queue = SqliteQueue::open(folder.path().join("jobs.db")).unwrap();
    let codec = OpenAiJobs::new(rig::BASE).unwrap();
    let client = rig::client(&Vendor::new(Form::OpenAi));
    let builder = BatchJobsLayer::builder(codec, queue, client);
    set(builder).build().unwrap_err().to_string()
}

#[test]
fn a_setting_out_of_its_range_is_named() {
    let account = || JobAccount::new("a").bearer("secret");
    let second = Duration::from_secs(1);
    for (text, found) in [
        (
            "BatchJobsLayer: `account` must be set",
            error(|builder| builder),
        ),
        (
            "JobAccount: `name` must not be empty",
            error(|builder| builder.account(JobAccount::new(""))),
        ),
        (
            "`window` must be at most 31622400s",
            error(|builder| builder.account(account()).window(Duration::MAX)),
        ),
        (
            "`poll` must be within 2s and",
            error(|builder| builder.account(account()).poll(2 * second, second)),
        ),
        (
            "`max_requests` must be at least 1, not 0",
            error(|builder| builder.account(account()).max_requests(0)),
        ),
        (
            "`calls_at_once` must be within 1 and",
            error(|builder| builder.account(account()).calls_at_once(0)),
        ),
    ] {
        assert!(found.contains(text), "{found}");
        assert!(!found.contains("secret"));
    }
    let wrong = OpenAiJobs::new("api.openai.com").unwrap_err().to_string();
    assert!(wrong.contains("OpenAiJobs: `base` must be"), "{wrong}");
}
