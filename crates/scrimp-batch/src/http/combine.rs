//! Extensions of a request that several callers share.

use http::Extensions;
use scrimp_core::extensions::{Carried, Deadline, DueBy, Priority, Since, Tenant, TenantShares};

use super::job::{Job, first};

/// Makes the extensions of a request, which are those of the first caller, hold for all callers of
/// some jobs: the highest priority, the latest position, the first due time, the tenants that share it, and [those of
/// each](Carried).
pub(crate) fn combine<B, E>(request: &mut Extensions, jobs: &[Job<B, E>]) {
    let all = || jobs.iter().flat_map(Job::extensions);
    if let Some(shares) = shares(jobs) {
        request.remove::<Tenant>();
        request.insert(shares);
    }
    if let Some(since) = latest(all().filter_map(Extensions::get)) {
        request.insert(since);
    }
    // The call goes on for the callers that wait longest, and each is held to its deadline here.
    let due = all().filter_map(DueBy::of).min();
    Deadline::drop_from(request);
    if let Some(due) = due {
        request.insert(DueBy(due));
    }
    let priority = |one: &Extensions| one.get::<Priority>().copied().unwrap_or_default();
    if let Some(highest) = all().map(priority).max()
        && highest != priority(request)
    {
        request.insert(highest);
    }
    if all().nth(1).is_some() && all().any(|one| !one.is_empty()) {
        request.insert(Carried(all().cloned().collect()));
    }
}

/// Returns the tenants that share some jobs. `None` if all their callers have one tenant.
fn shares<B, E>(jobs: &[Job<B, E>]) -> Option<TenantShares> {
    let first = first(jobs).tenant();
    let mut callers = jobs.iter().flat_map(Job::tenants);
    if callers.all(|tenant| tenant.map_or("", |Tenant(name)| name) == first) {
        return None;
    }
    let mut unnamed = None;
    Some(TenantShares::new(jobs.iter().map(|job| {
        let tenants = job.tenants().map(|tenant| match tenant {
            Some(tenant) => tenant.clone(),
            None => unnamed.get_or_insert_with(|| Tenant::from("")).clone(),
        });
        (job.item().admission.weight, tenants.collect::<Vec<_>>())
    })))
}

/// Returns the position that satisfies every demand for a recent answer.
fn latest<'a>(wanted: impl Iterator<Item = &'a Since>) -> Option<Since> {
    wanted.copied().reduce(|a, b| Since {
        log: a.log,
        // Positions of two logs cannot be compared: then no call in flight is recent enough.
        at: if a.log == b.log {
            a.at.max(b.at)
        } else {
            u64::MAX
        },
    })
}
