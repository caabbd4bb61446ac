//! The same requests again, spread over a fleet of nodes, without and with a tier that they share.

mod run;
mod side;
mod store;

pub(crate) use run::FleetRun;
