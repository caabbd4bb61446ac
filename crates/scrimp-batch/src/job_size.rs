//! Batch size for a job.

/// Returns the items per batch for a job of this many records, where the API takes at most `limit`.
///
/// The size is 50 for fewer than 1,000 records, so that a failed batch affects few; `limit` for
/// more than 100,000 records, where the number of calls matters most; else 100.
#[must_use]
pub fn job_size(records: usize, limit: usize) -> usize {
    let wanted = match records {
        0..1_000 => 50,
        1_000..=100_000 => 100,
        _ => limit,
    };
    wanted.clamp(1, limit.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_jobs_get_small_batches_and_large_jobs_the_limit_of_the_api() {
        let size = |records| job_size(records, 1_000);
        assert_eq!(
            [999, 1_000, 100_000, 100_001].map(size),
            [50, 100, 100, 1_000]
        );
        assert_eq!(job_size(999, 20), 20);
    }
}
