//! Rows of the tables.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use rusqlite::{Row, types::Value};

use crate::queue::{DueRequest, JobPayer, JobStep, StoredAnswer, StoredJob};

/// States of a request.
pub(super) const WAITING: i64 = 0;
pub(super) const IN_JOB: i64 = 1;
pub(super) const TAKEN: i64 = 2;
pub(super) const ANSWERED: i64 = 3;

/// Steps of a job.
const PLANNED: i64 = 0;
const UPLOADED: i64 = 1;
const CREATING: i64 = 2;
const RUNNING: i64 = 3;

/// Columns of a job, as [`job`] reads them.
pub(super) const JOB: &str = "id, tag, account, grp, items, divided, step, name, at, created";
/// Columns of a request that is due, as [`due`] reads them.
pub(super) const DUE: &str =
    "id, account, grp, target, body, deadline, submission IS NOT NULL, sent, payer";
/// Columns of an answer, as [`answer`] reads them from a column on.
pub(super) const ANSWER: &str = "status, content_type, answer, answered, from_job";

/// Writes a number of the queue. Numbers of this size do not occur.
pub(super) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn uint(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}

pub(super) fn shared(row: &Row<'_>, column: usize) -> rusqlite::Result<Arc<str>> {
    Ok(row.get::<_, String>(column)?.into())
}

pub(super) fn blob(row: &Row<'_>, column: usize) -> rusqlite::Result<Bytes> {
    Ok(row
        .get::<_, Option<Vec<u8>>>(column)?
        .unwrap_or_default()
        .into())
}

/// Returns a step as its number, name and time.
pub(super) fn step(step: &JobStep) -> (i64, Value, i64) {
    match step {
        JobStep::Planned => (PLANNED, Value::Null, 0),
        JobStep::Uploaded(file) => (UPLOADED, file.clone().into(), 0),
        JobStep::Creating { file, at } => (CREATING, file.clone().into(), int(*at)),
        JobStep::Running { name, since } => (RUNNING, name.clone().into(), int(*since)),
    }
}

pub(super) fn job(row: &Row<'_>) -> rusqlite::Result<StoredJob> {
    let name: Option<String> = row.get(7)?;
    let at = uint(row, 8)?;
    let step = match (row.get::<_, i64>(6)?, name) {
        (UPLOADED, Some(file)) => JobStep::Uploaded(file),
        (CREATING, file) => JobStep::Creating { file, at },
        (RUNNING, Some(name)) => JobStep::Running { name, since: at },
        _ => JobStep::Planned,
    };
    Ok(StoredJob {
        id: row.get(0)?,
        tag: row.get(1)?,
        account: shared(row, 2)?,
        group: shared(row, 3)?,
        items: uint(row, 4)?,
        divided: row.get(5)?,
        step,
        created: uint(row, 9)?,
    })
}

pub(super) fn due(row: &Row<'_>) -> rusqlite::Result<DueRequest> {
    Ok(DueRequest {
        id: row.get(0)?,
        account: shared(row, 1)?,
        group: shared(row, 2)?,
        target: row.get(3)?,
        body: blob(row, 4)?,
        deadline: uint(row, 5)?,
        submitted: row.get(6)?,
        was_sent: row.get(7)?,
        payer: payer(row, 8)?,
    })
}

/// Writes a payer. `None` if there is nothing to say of it.
pub(super) fn payer_text(payer: &JobPayer) -> Option<String> {
    if payer.tenant.is_empty() && payer.tags.is_empty() {
        return None;
    }
    let parts = (&*payer.tenant, &payer.tags);
    Some(serde_json::to_string(&parts).expect("names and tags are text"))
}

/// Reads a payer. One that cannot be read has no name.
pub(super) fn payer(row: &Row<'_>, column: usize) -> rusqlite::Result<JobPayer> {
    let text: Option<String> = row.get(column)?;
    let parts = text.and_then(|text| serde_json::from_str::<(String, _)>(&text).ok());
    Ok(
        parts.map_or_else(JobPayer::default, |(tenant, tags)| JobPayer {
            tenant: tenant.into(),
            tags,
        }),
    )
}

pub(super) fn answer(row: &Row<'_>, from: usize) -> rusqlite::Result<StoredAnswer> {
    let status: u16 = row.get(from)?;
    Ok(StoredAnswer {
        status: StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY),
        content_type: row.get(from + 1)?,
        body: blob(row, from + 2)?,
        at: uint(row, from + 3)?,
        from_job: row.get(from + 4)?,
    })
}
