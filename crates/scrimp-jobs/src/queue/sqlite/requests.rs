//! Requests that wait, and those that are due.

use rusqlite::{OptionalExtension, Transaction, named_params, params};

use super::row::{self, ANSWER, ANSWERED, DUE, IN_JOB, TAKEN, WAITING, int, shared, uint};
use crate::queue::{
    Adopted, Due, DueRequest, MOST_JOBS, NewRequest, Put, QueueBounds, RequestId, WaitingGroup,
};

pub(super) fn put(
    all: &Transaction<'_>,
    epoch: i64,
    requests: &[NewRequest],
    bounds: QueueBounds,
) -> rusqlite::Result<Put> {
    let submission = requests
        .first()
        .and_then(|request| request.submission.as_ref());
    if let Some((name, _)) = submission {
        let known = "SELECT 1 FROM submissions WHERE name = ?1";
        if all.prepare_cached(known)?.exists([&**name])? {
            return Ok(Put::Known);
        }
    }
    let (count, bytes) = size(all)?;
    let added: u64 = requests
        .iter()
        .map(|request| request.body.len() as u64)
        .sum();
    if count + requests.len() as u64 > bounds.requests || bytes + added > bounds.bytes {
        return Ok(Put::Full);
    }
    if let Some((name, _)) = submission {
        let created = requests.first().map_or(0, |request| request.created);
        let total = int(requests.len() as u64);
        let add = "INSERT INTO submissions (name, total, created) VALUES (?1, ?2, ?3)";
        all.prepare_cached(add)?
            .execute(params![&**name, total, int(created)])?;
    }
    let add = "INSERT INTO requests \
               (id, digest, account, grp, target, size, deadline, created, submission, position, owner, state, body, payer) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
    let mut add = all.prepare_cached(add)?;
    for request in requests {
        let (name, position) = match &request.submission {
            Some((name, position)) => (Some(&**name), Some(int(*position))),
            None => (None, None),
        };
        add.execute(params![
            request.id,
            request.digest,
            &*request.account,
            &*request.group,
            request.target,
            int(request.body.len() as u64),
            int(request.deadline),
            int(request.created),
            name,
            position,
            epoch,
            WAITING,
            &*request.body,
            row::payer_text(&request.payer),
        ])?;
    }
    Ok(Put::Added)
}

pub(super) fn adopt(
    all: &Transaction<'_>,
    epoch: i64,
    digest: [u8; 32],
    deadline: u64,
) -> rusqlite::Result<Option<Adopted>> {
    // One that was taken has no caller that could have made its call. It is found again as one that waits.
    let find = format!(
        "SELECT id, state, {ANSWER} FROM requests \
         WHERE digest = ?1 AND submission IS NULL AND owner <> ?2 \
         ORDER BY state DESC, deadline LIMIT 1"
    );
    let mut find = all.prepare_cached(&find)?;
    let found = find.query_row(params![digest, epoch], |row| {
        let state: i64 = row.get(1)?;
        let answer = (state == ANSWERED)
            .then(|| row::answer(row, 2))
            .transpose()?;
        Ok((
            Adopted {
                id: row.get(0)?,
                answer,
            },
            state,
        ))
    });
    let Some((adopted, state)) = found.optional()? else {
        return Ok(None);
    };
    let state = if state == TAKEN { WAITING } else { state };
    let own = "UPDATE requests SET owner = ?2, state = ?3, deadline = ?4 WHERE id = ?1";
    let values = params![adopted.id, epoch, state, int(deadline)];
    all.prepare_cached(own)?.execute(values)?;
    Ok(Some(adopted))
}

pub(super) fn abandon(all: &Transaction<'_>, ids: &[RequestId]) -> rusqlite::Result<()> {
    let gone = "DELETE FROM requests \
                WHERE id = ?1 AND state IN (0, 2) AND submission IS NULL";
    let mut gone = all.prepare_cached(gone)?;
    let left = "UPDATE requests SET owner = 0 WHERE id = ?1 AND submission IS NULL";
    let mut left = all.prepare_cached(left)?;
    for id in ids {
        if gone.execute([id])? == 0 {
            left.execute([id])?;
        }
    }
    Ok(())
}

pub(super) fn remove(all: &Transaction<'_>, ids: &[RequestId]) -> rusqlite::Result<()> {
    let mut remove = all.prepare_cached("DELETE FROM requests WHERE id = ?1")?;
    for id in ids {
        remove.execute([id])?;
    }
    Ok(())
}

/// The condition under which a request may be sent, with the number of this process as `:epoch`.
pub(super) const ELIGIBLE: &str = "(submission IS NOT NULL OR owner = :epoch)";

pub(super) fn groups(all: &Transaction<'_>, epoch: i64) -> rusqlite::Result<Vec<WaitingGroup>> {
    let find = format!(
        "SELECT account, grp, count(*), sum(size), min(created), min(deadline) FROM requests \
         WHERE state = 0 AND tries < {MOST_JOBS} AND {ELIGIBLE} GROUP BY account, grp"
    );
    let mut find = all.prepare_cached(&find)?;
    let groups = find.query_map(named_params! {":epoch": epoch}, |row| {
        Ok(WaitingGroup {
            account: shared(row, 0)?,
            group: shared(row, 1)?,
            count: uint(row, 2)?,
            bytes: uint(row, 3)?,
            oldest: uint(row, 4)?,
            deadline: uint(row, 5)?,
        })
    })?;
    groups.collect()
}

pub(super) fn deadlines(all: &Transaction<'_>, epoch: i64) -> rusqlite::Result<Vec<(u64, u64)>> {
    let find = format!(
        "SELECT deadline / 1000 * 1000, count(*) FROM requests \
         WHERE state < 2 AND {ELIGIBLE} GROUP BY 1 ORDER BY 1"
    );
    let mut find = all.prepare_cached(&find)?;
    let pairs = find.query_map(named_params! {":epoch": epoch}, |row| {
        Ok((uint(row, 0)?, uint(row, 1)?))
    })?;
    pairs.collect()
}

pub(super) fn take_due(
    all: &Transaction<'_>,
    epoch: i64,
    due: Due,
    limit: usize,
) -> rusqlite::Result<Vec<DueRequest>> {
    let find = format!(
        "SELECT {DUE} FROM requests \
         WHERE ((state = 0 AND (deadline <= :waiting OR tries >= {MOST_JOBS})) \
         OR (state = 1 AND deadline <= :in_job)) \
         AND {ELIGIBLE} ORDER BY deadline LIMIT :limit"
    );
    let found: Vec<DueRequest> = all
        .prepare_cached(&find)?
        .query_map(
            named_params! {
                ":waiting": int(due.waiting),
                ":in_job": int(due.in_job),
                ":limit": int(limit as u64),
                ":epoch": epoch,
            },
            row::due,
        )?
        .collect::<Result<_, _>>()?;
    let take = "UPDATE requests SET state = ?2, job = NULL, owner = ?3 WHERE id = ?1";
    let mut take = all.prepare_cached(take)?;
    for request in &found {
        take.execute(params![request.id, TAKEN, epoch])?;
    }
    Ok(found)
}

pub(super) fn taken(all: &Transaction<'_>) -> rusqlite::Result<Vec<DueRequest>> {
    let find = format!("SELECT {DUE} FROM requests WHERE state = 2 AND submission IS NOT NULL");
    let mut find = all.prepare_cached(&find)?;
    let found = find.query_map([], row::due)?;
    found.collect()
}

pub(super) fn size(all: &Transaction<'_>) -> rusqlite::Result<(u64, u64)> {
    let mut find = all.prepare_cached("SELECT requests, bytes FROM totals")?;
    find.query_row([], |row| Ok((uint(row, 0)?, uint(row, 1)?)))
}

/// Says what the numbers in the statements above are.
const _: () = assert!(WAITING == 0 && IN_JOB == 1 && TAKEN == 2 && ANSWERED == 3);
