//! Combinations of the layers: every two of them in both orders, all of them in every sensible
//! order, on servers and on clients.

mod api;
mod between;
mod bodies;
mod books;
mod bounds;
mod cancel;
mod crowd;
mod deadlines;
mod extensions;
mod front;
mod laws;
mod layers;
mod locked;
mod order;
mod panics;
mod private;
mod routers;
mod storm;
mod typed;
mod work;
mod world;
