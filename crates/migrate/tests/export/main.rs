//! Exports from a stand-in for LeanCloud that is strict, and as unreliable as can be: what comes out is exactly what is
//! there.
#![expect(clippy::unwrap_used, reason = "a test says where it failed")]

mod desk;
#[path = "../stand_in/faults.rs"]
mod faults;
mod faulty;
mod habits;
#[path = "../stand_in/keys.rs"]
mod keys;
#[path = "../stand_in/leancloud.rs"]
mod leancloud;
mod manners;
#[path = "../stand_in/query.rs"]
mod query;
mod refusals;
#[path = "../stand_in/world.rs"]
mod world;
