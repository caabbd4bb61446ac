//! How large the batches of a job should be.

/// Items per batch for a job of so many records, over an API that takes at most `limit`.
///
/// Fewer than 1,000 records: 50, so that a batch that fails takes few with it. More than
/// 100,000: the limit, since calls count then. Else 100.
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
    fn small_jobs_get_small_batches_and_large_ones_what_the_api_takes() {
        let size = |records| job_size(records, 1_000);
        assert_eq!(
            [999, 1_000, 100_000, 100_001].map(size),
            [50, 100, 100, 1_000]
        );
        assert_eq!(job_size(999, 20), 20);
    }
}
