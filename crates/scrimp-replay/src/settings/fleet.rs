//! Settings of a fleet.

use std::time::Duration;

use super::Settings;
use crate::{
    error::{Error, Result},
    nodes::{FleetSettings, Spread},
};

/// Most nodes of a fleet.
const MAX_NODES: usize = 1_000;

/// Longest time of a look-up in a shared tier.
const MAX_LATENCY: Duration = Duration::from_secs(1);

// === impl Settings ===

impl Settings {
    /// Makes the same requests again at the nodes of a fleet, each with a cache of
    /// [this size](Self::max_bytes). Default: off.
    ///
    /// # Errors
    ///
    /// If there are no nodes, or more than 1,000.
    pub fn nodes(mut self, nodes: usize) -> Result<Self> {
        if !(1..=MAX_NODES).contains(&nodes) {
            return Err(Error::new(format!(
                "a fleet has 1 to 1,000 nodes, not {nodes}"
            )));
        }
        let before = self.fleet.unwrap_or(FleetSettings::new(nodes));
        self.fleet = Some(FleetSettings { nodes, ..before });
        Ok(self)
    }

    /// Sets which node of the [fleet](Self::nodes) receives a request. Default: one after the other.
    ///
    /// # Errors
    ///
    /// If there is no fleet.
    pub fn spread(mut self, spread: Spread) -> Result<Self> {
        self.fleet("spread")?.spread = spread;
        Ok(self)
    }

    /// Makes the requests once more at nodes of the [fleet](Self::nodes) that also share a tier of this
    /// size in bytes, such as Redis. Default: they share none.
    ///
    /// # Errors
    ///
    /// If there is no fleet.
    pub fn shared_tier(mut self, bytes: u64) -> Result<Self> {
        self.fleet("shared tier")?.shared_bytes = Some(bytes);
        Ok(self)
    }

    /// Sets the time of a look-up in the [shared tier](Self::shared_tier). Default: 1 ms.
    ///
    /// # Errors
    ///
    /// If there is no shared tier, or the time is longer than a second.
    pub fn shared_latency(mut self, time: Duration) -> Result<Self> {
        if time > MAX_LATENCY {
            return Err(Error::new(
                "a look-up in the shared tier takes at most a second: write a time such as 1ms",
            ));
        }
        let fleet = self.fleet("latency of a shared tier")?;
        if fleet.shared_bytes.is_none() {
            return Err(Error::new(
                "the latency of a shared tier needs one: state its size (--l2 1GiB)",
            ));
        }
        fleet.shared_latency = time;
        Ok(self)
    }

    /// Checks that a fleet has no layers that are replayed in one process only.
    pub(crate) fn check_fleet(&self) -> Result<()> {
        if self.fleet.is_some() && self.is_full() {
            return Err(Error::new(
                "a fleet is replayed with the cache and shared calls (--coalesce): leave out batches \
                 and providers (--all, --batch, --provider), or --nodes",
            ));
        }
        Ok(())
    }

    fn fleet(&mut self, setting: &str) -> Result<&mut FleetSettings> {
        let none = || {
            Error::new(format!(
                "the {setting} needs a fleet: state its number of nodes (--nodes 8)"
            ))
        };
        self.fleet.as_mut().ok_or_else(none)
    }
}
