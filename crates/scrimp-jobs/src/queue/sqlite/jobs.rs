//! Jobs.

use bytes::Bytes;
use rusqlite::{OptionalExtension, Transaction, named_params, params};

use super::{
    requests::ELIGIBLE,
    row::{self, IN_JOB, JOB, WAITING, blob, int},
};
use crate::queue::{Again, JobId, JobPlan, JobStep, MOST_JOBS, RequestId, StoredJob};

pub(super) fn plan(
    all: &Transaction<'_>,
    epoch: i64,
    plan: &JobPlan,
) -> rusqlite::Result<Option<StoredJob>> {
    let find = format!(
        "SELECT id, size FROM requests \
         WHERE state = 0 AND account = :account AND grp = :group AND deadline >= :from \
         AND tries < {MOST_JOBS} AND {ELIGIBLE} \
         ORDER BY deadline LIMIT :items"
    );
    let mut find = all.prepare_cached(&find)?;
    let mut rows = find.query(named_params! {
        ":account": &*plan.account,
        ":group": &*plan.group,
        ":from": int(plan.from_deadline),
        ":items": int(plan.items as u64),
        ":epoch": epoch,
    })?;
    let (mut ids, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let id: RequestId = row.get(0)?;
        bytes += row::uint(row, 1)? + plan.overhead;
        if bytes > plan.bytes && !ids.is_empty() {
            break;
        }
        ids.push(id);
    }
    if ids.is_empty() {
        return Ok(None);
    }
    let job = add(all, plan, &ids, 0)?;
    Ok(Some(job))
}

/// Adds a job of these requests.
fn add(
    all: &Transaction<'_>,
    plan: &JobPlan,
    ids: &[RequestId],
    divided: u32,
) -> rusqlite::Result<StoredJob> {
    let add = format!(
        "INSERT INTO jobs (tag, account, grp, items, divided, step, at, created) \
         VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, ?6) RETURNING {JOB}"
    );
    let items = int(ids.len() as u64);
    let values = params![
        plan.tag,
        &*plan.account,
        &*plan.group,
        items,
        divided,
        int(plan.now)
    ];
    let job = all.prepare_cached(&add)?.query_row(values, row::job)?;
    let assign = "UPDATE requests SET state = ?3, job = ?2 WHERE id = ?1";
    let mut assign = all.prepare_cached(assign)?;
    for id in ids {
        assign.execute(params![id, job.id, IN_JOB])?;
    }
    Ok(job)
}

pub(super) fn open(all: &Transaction<'_>) -> rusqlite::Result<Vec<StoredJob>> {
    let mut find = all.prepare_cached(&format!("SELECT {JOB} FROM jobs ORDER BY id"))?;
    let jobs = find.query_map([], row::job)?;
    jobs.collect()
}

pub(super) fn items(
    all: &Transaction<'_>,
    job: JobId,
) -> rusqlite::Result<Vec<(RequestId, Bytes)>> {
    let find = "SELECT id, body FROM requests WHERE job = ?1 AND state = 1 ORDER BY id";
    let mut find = all.prepare_cached(find)?;
    let items = find.query_map([job], |row| Ok((row.get(0)?, blob(row, 1)?)))?;
    items.collect()
}

pub(super) fn step(all: &Transaction<'_>, job: JobId, step: &JobStep) -> rusqlite::Result<()> {
    let (number, name, at) = row::step(step);
    let set = "UPDATE jobs SET step = ?2, name = ?3, at = ?4 WHERE id = ?1";
    all.prepare_cached(set)?
        .execute(params![job, number, name, at])?;
    if matches!(step, JobStep::Creating { .. }) {
        let sent = "UPDATE requests SET sent = 1 WHERE job = ?1 AND state = 1";
        all.prepare_cached(sent)?.execute([job])?;
    }
    Ok(())
}

pub(super) fn finish(
    all: &Transaction<'_>,
    epoch: i64,
    job: JobId,
    again: &Again,
) -> rusqlite::Result<u64> {
    let gone = format!("DELETE FROM requests WHERE job = :job AND state = 1 AND NOT {ELIGIBLE}");
    let values = named_params! {":job": job, ":epoch": epoch};
    all.prepare_cached(&gone)?.execute(values)?;
    if let Again::Only(ids) = again {
        let spare =
            "UPDATE requests SET tries = tries - ?3 WHERE id = ?1 AND job = ?2 AND state = 1";
        let mut spare = all.prepare_cached(spare)?;
        for id in ids {
            spare.execute(params![id, job, MOST_JOBS - 1])?;
        }
    }
    let tries = match again {
        Again::All => 1,
        Again::Only(_) => MOST_JOBS,
    };
    let again = "UPDATE requests SET state = ?2, job = NULL, tries = tries + ?3 \
                 WHERE job = ?1 AND state = 1";
    let again = all
        .prepare_cached(again)?
        .execute(params![job, WAITING, tries])?;
    all.prepare_cached("DELETE FROM jobs WHERE id = ?1")?
        .execute([job])?;
    Ok(again as u64)
}

pub(super) fn divide(
    all: &Transaction<'_>,
    job: JobId,
    tags: &[String; 2],
    now: u64,
) -> rusqlite::Result<Vec<StoredJob>> {
    let find = format!("SELECT {JOB} FROM jobs WHERE id = ?1");
    let Some(old) = all
        .prepare_cached(&find)?
        .query_row([job], row::job)
        .optional()?
    else {
        return Ok(Vec::new());
    };
    let ids: Vec<RequestId> = all
        .prepare_cached("SELECT id FROM requests WHERE job = ?1 AND state = 1 ORDER BY id")?
        .query_map([job], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    all.prepare_cached("DELETE FROM jobs WHERE id = ?1")?
        .execute([job])?;
    let (first, second) = ids.split_at(ids.len() / 2);
    let halves = [first, second]
        .into_iter()
        .zip(tags)
        .filter(|(ids, _)| !ids.is_empty());
    let halves = halves.map(|(ids, tag)| {
        let plan = JobPlan {
            tag: tag.clone(),
            account: old.account.clone(),
            group: old.group.clone(),
            items: ids.len(),
            bytes: 0,
            overhead: 0,
            from_deadline: 0,
            now,
        };
        add(all, &plan, ids, old.divided + 1)
    });
    halves.collect()
}
