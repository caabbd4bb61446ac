//! Short words for the tests: a cache over a scripted upstream, and a server on a socket.

mod rig;
mod server;

pub use rig::{Answer, Fields, Rig, layer, reply, request};
pub use server::Server;
