//! Extensions of a response that are about the call that brought it.

use std::any::TypeId;

use tracing::Span;

use super::{Apart, Booked, CacheInfo, Charge, OtherCharges, RefusedTenants, Settlement, Shared};

/// Reports whether a response's extension of this type is about the call that brought the response, so
/// that another caller who gets the response must not have it: a cost, a verdict, a span.
#[must_use]
pub fn is_of_one_call<T: 'static>() -> bool {
    [
        TypeId::of::<Apart>(),
        TypeId::of::<Booked>(),
        TypeId::of::<CacheInfo>(),
        TypeId::of::<Charge>(),
        TypeId::of::<OtherCharges>(),
        TypeId::of::<RefusedTenants>(),
        TypeId::of::<Settlement>(),
        TypeId::of::<Shared>(),
        TypeId::of::<Span>(),
    ]
    .contains(&TypeId::of::<T>())
}
