//! Answers, and the submissions that they belong to.

use rusqlite::{OptionalExtension, Transaction, params};

use super::row::{self, ANSWER, ANSWERED, int, uint};
use crate::queue::{Answered, JobId, Recorded, RequestId, StoredAnswer};

/// Writes an answer in the place of the body. The conditions are those of the caller.
const SET: &str = "UPDATE requests SET state = ?2, job = NULL, body = NULL, status = ?3, content_type = ?4, \
                   answer = ?5, answered = ?6, from_job = ?7, size = ?8 WHERE id = ?1";

pub(super) fn answer(
    all: &Transaction<'_>,
    job: JobId,
    answers: Vec<(RequestId, StoredAnswer)>,
) -> rusqlite::Result<Answered> {
    let set = format!("{SET} AND job = ?9 AND state = 1 RETURNING payer");
    let mut set = all.prepare_cached(&set)?;
    // One that has its answer from this job is read a second time.
    let mut late = all.prepare_cached("SELECT payer FROM late WHERE job = ?1 AND id = ?2")?;
    let mut answered = Answered::default();
    for (id, answer) in answers {
        let values = params![
            id,
            ANSWERED,
            answer.status.as_u16(),
            answer.content_type,
            &*answer.body,
            int(answer.at),
            answer.from_job,
            int(answer.body.len() as u64),
            job,
        ];
        let payer = set.query_row(values, |row| row::payer(row, 0));
        if let Some(payer) = payer.optional()? {
            answered.recorded.push(Recorded { id, answer, payer });
        } else if let Some(payer) = late
            .query_row(params![job, id], |row| row::payer(row, 0))
            .optional()?
        {
            answered.late.push(Recorded { id, answer, payer });
        }
    }
    Ok(answered)
}

pub(super) fn settle(
    all: &Transaction<'_>,
    id: RequestId,
    answer: &StoredAnswer,
) -> rusqlite::Result<()> {
    let mut set = all.prepare_cached(&format!("{SET} AND state < 3"))?;
    set.execute(params![
        id,
        ANSWERED,
        answer.status.as_u16(),
        answer.content_type,
        &*answer.body,
        int(answer.at),
        answer.from_job,
        int(answer.body.len() as u64),
    ])?;
    Ok(())
}

pub(super) fn of_request(
    all: &Transaction<'_>,
    id: RequestId,
) -> rusqlite::Result<Option<StoredAnswer>> {
    let find = format!("SELECT {ANSWER} FROM requests WHERE id = ?1 AND state = 3");
    let mut find = all.prepare_cached(&find)?;
    find.query_row([id], |row| row::answer(row, 0)).optional()
}

pub(super) fn submission(
    all: &Transaction<'_>,
    name: &str,
) -> rusqlite::Result<Option<(u64, u64)>> {
    let find = "SELECT total, \
                (SELECT count(*) FROM requests WHERE submission = ?1 AND state < 3) \
                FROM submissions WHERE name = ?1";
    let mut find = all.prepare_cached(find)?;
    let found = find.query_row([name], |row| Ok((uint(row, 0)?, uint(row, 1)?)));
    found.optional()
}

pub(super) fn of_submission(
    all: &Transaction<'_>,
    submission: &str,
    from: u64,
    limit: usize,
) -> rusqlite::Result<Vec<(u64, StoredAnswer)>> {
    let find = format!(
        "SELECT position, {ANSWER} FROM requests \
         WHERE submission = ?1 AND state = 3 AND position >= ?2 ORDER BY position LIMIT ?3"
    );
    let mut find = all.prepare_cached(&find)?;
    let values = params![submission, int(from), int(limit as u64)];
    let answers = find.query_map(values, |row| Ok((uint(row, 0)?, row::answer(row, 1)?)))?;
    answers.collect()
}

pub(super) fn acknowledge(
    all: &Transaction<'_>,
    submission: &str,
    positions: &[u64],
) -> rusqlite::Result<()> {
    let remove = "DELETE FROM requests WHERE submission = ?1 AND state = 3 AND position = ?2";
    let mut remove = all.prepare_cached(remove)?;
    for position in positions {
        remove.execute(params![submission, int(*position)])?;
    }
    Ok(())
}

pub(super) fn purge(all: &Transaction<'_>, before: u64) -> rusqlite::Result<u64> {
    let old = "DELETE FROM requests WHERE state = 3 AND answered < ?1";
    let mut removed = all.prepare_cached(old)?.execute([int(before)])?;
    // Requests of callers that left, and whose job was never sent.
    let old = "DELETE FROM requests WHERE state IN (0, 2) AND submission IS NULL AND deadline < ?1";
    removed += all.prepare_cached(old)?.execute([int(before)])?;
    let old = "DELETE FROM submissions WHERE created < ?1 \
               AND NOT EXISTS (SELECT 1 FROM requests WHERE submission = submissions.name)";
    all.prepare_cached(old)?.execute([int(before)])?;
    Ok(removed as u64)
}
