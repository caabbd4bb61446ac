//! Limits of the clients, and of the calls of the upstream.

use scrimp::{
    cache::SettingError,
    cost_route::{Budget, Cap, CostRouteLayer, Provider},
    limit::LimitLayer,
};
use scrimp_gateway::GatewayBuilder;

use crate::{
    args::{Args, Limits},
    fleet::Fleet,
};

/// Sets the limits of the clients' side.
pub(crate) fn of_clients(mut gateway: GatewayBuilder, limits: &Limits) -> GatewayBuilder {
    if let Some(most) = limits.max_connections {
        gateway = gateway.max_connections(most);
    }
    if let Some(most) = limits.max_connections_per_address {
        gateway = gateway.max_connections_per_address(most);
    }
    if let Some(most) = limits.max_requests {
        gateway = gateway.max_requests(most);
    }
    if let Some(time) = limits.header_timeout {
        gateway = gateway.header_timeout(time);
    }
    if let Some(time) = limits.idle_timeout {
        gateway = gateway.idle_timeout(time);
    }
    if let Some((grace, rate)) = limits.body_pace {
        gateway = gateway.body_pace(grace, rate);
    }
    if let Some((grace, rate)) = limits.send_pace {
        gateway = gateway.send_pace(grace, rate);
    }
    gateway
}

/// Puts the budget and the rate around the upstream: those of the fleet, if there is one. The budget is
/// the inner one, so that no money is set aside for a call that waits for its turn.
pub(crate) fn of_calls(
    mut gateway: GatewayBuilder,
    args: &Args,
    fleet: Option<&Fleet>,
) -> Result<GatewayBuilder, SettingError> {
    let calls = &args.calls;
    if let (Some(price), Some((limit, period))) = (calls.price, calls.budget) {
        let cap = Cap::new("upstream", limit, period);
        let budget = match fleet {
            Some(fleet) => fleet.budget(cap),
            None => Budget::new([cap]),
        };
        // One provider: there is no other to fail over to.
        let upstream = Provider::new("upstream").price(price);
        let route = CostRouteLayer::builder([upstream])
            .attempts(1)
            .timeout(args.upstream_timeout)
            .budget(budget);
        gateway = gateway.around_upstream(route.build()?);
    }
    if let Some((count, time)) = calls.rate {
        let limit = LimitLayer::per(count, time);
        let limit = match fleet {
            Some(fleet) => fleet.share(limit),
            None => limit,
        };
        gateway = gateway.around_upstream(limit.build()?);
    }
    Ok(gateway)
}
