//! Search for a job of which it is not known whether it exists.

use std::collections::HashSet;

use tokio::time::Instant;

use super::{
    calls,
    drive::{After, step},
    submit,
};
use crate::{
    client::Failure,
    codec::{JobPage, ListedJob, Progress},
    queue::{JobStep, StoredJob},
    shared::Core,
};

/// Pages of the list that are read.
const MOST_PAGES: usize = 50;

/// Seconds before the call at which a job without a tag may have been created: more than two clocks differ.
const SLACK: u64 = 24 * 3_600;

/// State of a search.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// The time of the first look. The call may have had its effect until then, however long ago it began.
    began: Option<Instant>,
    /// Jobs without a tag that are not the one.
    others: HashSet<String>,
}

/// Looks for a job in the provider's list. If it is not there for long enough, it is created anew.
pub(super) async fn reconcile(
    core: &Core,
    job: &mut StoredJob,
    file: Option<String>,
    at: u64,
    search: &mut Search,
) -> After {
    if core.config.codec.honours_idempotency_key() && submit_again(core, job).await {
        return submit::create_again(core, job, file).await;
    }
    let began = *search.began.get_or_insert_with(Instant::now);
    let found = match find(core, job, at, search).await {
        Ok(found) => found,
        // Reading a list has no effect. A refusal here says nothing of the job.
        Err(after) => return after,
    };
    match found {
        Found::It(name) => {
            core.counters.reconciled.increment();
            core.counters.jobs.increment();
            tracing::info!(tag = %job.tag, name = %name, "a batch job was found in the provider's list");
            submit::run(core, job, name).await;
            After::Next
        }
        Found::Nothing if began.elapsed() >= core.config.timings.settle => {
            *search = Search::default();
            let back = file.map_or(JobStep::Planned, JobStep::Uploaded);
            step(core, job, back).await;
            After::Next
        }
        Found::Perhaps | Found::Nothing => After::Again(None),
    }
}

/// Reports whether a call may be repeated under its key: all requests of the job are still in it.
async fn submit_again(core: &Core, job: &StoredJob) -> bool {
    let items = persist!(core, core.queue().items(job.id));
    items.len() as u64 == job.items
}

enum Found {
    It(String),
    /// A job without a tag, which has not ended yet, may be it.
    Perhaps,
    Nothing,
}

async fn find(core: &Core, job: &StoredJob, at: u64, search: &mut Search) -> Result<Found, After> {
    let own: HashSet<String> = persist!(core, core.queue().jobs())
        .into_iter()
        .filter_map(running)
        .collect();
    let mut page: Option<String> = None;
    let mut candidates = Vec::new();
    for _ in 0..MOST_PAGES {
        let request = core.config.codec.list(page.as_deref());
        let answer = calls::call(core, job, request)
            .await
            .map_err(|failure| retry(&failure))?;
        let JobPage { jobs, next } = core
            .config
            .codec
            .listed(page.as_deref(), answer.body())
            .map_err(|_| After::Again(None))?;
        for listed in jobs {
            if listed.tag.as_deref() == Some(&*job.tag) {
                return Ok(Found::It(listed.id));
            }
            if !core.config.codec.carries_tag()
                && may_be(&listed, job, at)
                && !own.contains(&listed.id)
                && !search.others.contains(&listed.id)
            {
                candidates.push(listed.id);
            }
        }
        match next {
            Some(next) => page = Some(next),
            None => break,
        }
    }
    let mut perhaps = false;
    for candidate in candidates {
        match is_it(core, job, &candidate).await? {
            Some(true) => return Ok(Found::It(candidate)),
            Some(false) => drop(search.others.insert(candidate)),
            None => perhaps = true,
        }
    }
    Ok(if perhaps {
        Found::Perhaps
    } else {
        Found::Nothing
    })
}

fn running(job: StoredJob) -> Option<String> {
    match job.step {
        JobStep::Running { name, .. } => Some(name),
        _ => None,
    }
}

/// Reports whether a job without a tag may be the one: it has as many requests, and is not much older than the call.
fn may_be(listed: &ListedJob, job: &StoredJob, at: u64) -> bool {
    listed.tag.is_none()
        && listed.items.is_none_or(|items| items <= job.items)
        && listed
            .created
            .is_none_or(|created| created + SLACK >= at / 1_000)
}

/// Asks a job without a tag for its first result, which names its request. `None` if it has not ended.
async fn is_it(core: &Core, job: &StoredJob, name: &str) -> Result<Option<bool>, After> {
    let codec = &core.config.codec;
    let answer = calls::call(core, job, codec.status(name))
        .await
        .map_err(|failure| retry(&failure))?;
    let ended = match codec.progress(answer.body()) {
        Ok(Progress::Ended(ended)) => ended,
        Ok(Progress::Running) => return Ok(None),
        Err(_) => return Ok(Some(false)),
    };
    let is_own = |custom_id: &str| submit::request_id(&job.tag, custom_id).is_some();
    if let Some(first) = ended.inline.first() {
        return Ok(Some(is_own(&first.custom_id)));
    }
    for source in &ended.sources {
        let mut lines = calls::lines(core, job, codec.results(source))
            .await
            .map_err(|failure| retry(&failure))?;
        let line = lines.next().await.map_err(|_| After::Again(None))?;
        if let Some(result) = line.and_then(|line| codec.result(&line)) {
            return Ok(Some(is_own(&result.custom_id)));
        }
    }
    Ok(Some(false))
}

/// Returns what comes after a failed question. It is asked again, whatever the answer.
fn retry(failure: &Failure) -> After {
    match failure {
        Failure::Later(wait) => After::Again(*wait),
        Failure::Refused(_) | Failure::Unknown(_) => After::Again(None),
    }
}
