//! The laws of a tower service, over stacks.

use scrimp::{Stack, core::BoxError};
use scrimp_testkit::{Scripted, Subject, contract, laws};
use tower::Layer;

use crate::{
    layers::{Layers, Ordered},
    locked::Locked,
    order::{Kind, Order},
};

/// Layers over the scripted service, which is not `Sync`.
#[derive(Clone)]
struct Over(Ordered);

impl Layer<Scripted> for Over {
    type Service = Stack<BoxError>;

    fn layer(&self, inner: Scripted) -> Stack<BoxError> {
        self.0.layer(Locked::new(inner))
    }
}

fn over(order: &Order) -> Over {
    Over(Layers::new(None).ordered(order))
}

/// Returns the subject for layers in this order, for requests that are not batched.
fn subject(order: &Order) -> Subject {
    let own = order.clone();
    let mut subject = Subject::new(move || over(&own)).answers_alone();
    if order.has(Kind::Cache) {
        subject = subject.stores();
    }
    // Without an inner cache, stampede protection lets one request proceed, and the others after
    // its response: then there is nothing left to share.
    let queue = order.puts(Kind::Stampede, Kind::Coalesce);
    if order.has(Kind::Coalesce) && (!queue || order.puts(Kind::Stampede, Kind::Cache)) {
        subject = subject.coalesces();
    }
    if order.has(Kind::CostRoute) {
        subject = subject.except(
            "no_poll_without_a_wake",
            "the head waits for the first byte, up to which another provider may be tried",
        );
    }
    subject
}

/// Checks all orders against all laws, and reports the broken ones.
fn hold(orders: impl IntoIterator<Item = Order>) {
    let mut broken = String::new();
    for order in orders {
        let subject = subject(&order);
        let violations = laws::ALL.iter().filter_map(|law| law.check(&subject).err());
        for violation in violations {
            broken.push_str(&format!("{order:?}: {violation}\n"));
        }
    }
    assert!(broken.is_empty(), "{broken}");
}

fn hold_with_outermost(outermost: Kind) {
    let orders = Order::permutations().into_iter();
    hold(orders.filter(|order| order.kinds().next() == Some(outermost)));
}

#[test]
fn every_two_layers_keep_the_laws() {
    hold(Order::pairs());
}

#[test]
fn all_layers_keep_the_laws_in_any_order_within_stampede_protection() {
    hold_with_outermost(Kind::Stampede);
}

#[test]
fn all_layers_keep_the_laws_in_any_order_within_the_cache() {
    hold_with_outermost(Kind::Cache);
}

#[test]
fn all_layers_keep_the_laws_in_any_order_within_coalescing() {
    hold_with_outermost(Kind::Coalesce);
}

#[test]
fn all_layers_keep_the_laws_in_any_order_within_batches() {
    hold_with_outermost(Kind::Batch);
}

#[test]
fn all_layers_keep_the_laws_in_any_order_within_routing() {
    hold_with_outermost(Kind::CostRoute);
}

mod a_stack_of_nothing {
    use super::*;

    contract!(Subject::new(|| over(&Order::new([]))));
}
