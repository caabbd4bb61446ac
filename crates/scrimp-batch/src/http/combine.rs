//! Extensions of a request that several callers share.

use http::Extensions;
use scrimp_core::extensions::{
    Carried, CostTags, Deadline, DueBy, Priority, Since, Tenant, TenantShares,
};

use super::job::{Job, first};

/// Makes the extensions of a request, which are those of the first caller, hold for all callers of
/// some jobs: the highest priority, the latest position, the first due time, the tenants that share it, and [those of
/// each](Carried).
pub(crate) fn combine<B, E>(request: &mut Extensions, jobs: &[Job<B, E>]) {
    let all = || jobs.iter().flat_map(Job::extensions);
    if let Some(shares) = shares(jobs) {
        if shares.tenants().len() > 1 {
            request.remove::<Tenant>();
        }
        request.remove::<CostTags>();
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

/// Returns the tenants that share some jobs, with the tags of their requests. `None` if all callers
/// have one tenant and the same tags.
fn shares<B, E>(jobs: &[Job<B, E>]) -> Option<TenantShares> {
    let first = payer(&first(jobs).item().head.extensions);
    let mut callers = jobs.iter().flat_map(Job::extensions);
    if callers.all(|caller| payer(caller) == first) {
        return None;
    }
    let mut unnamed = None;
    Some(TenantShares::tagged(jobs.iter().map(|job| {
        let callers = job.extensions().map(|caller| {
            let tenant = match caller.get::<Tenant>() {
                Some(tenant) => tenant.clone(),
                None => unnamed.get_or_insert_with(|| Tenant::from("")).clone(),
            };
            (tenant, caller.get().cloned().unwrap_or_default())
        });
        (job.item().admission.weight, callers.collect::<Vec<_>>())
    })))
}

/// Returns the tenant and the tags of a request.
fn payer(request: &Extensions) -> (&str, Option<&CostTags>) {
    let tenant = request.get::<Tenant>();
    let tags = request.get::<CostTags>().filter(|tags| !tags.is_empty());
    (tenant.map_or("", |Tenant(name)| name), tags)
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
