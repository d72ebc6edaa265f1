//! The gateway over real sockets: what a member gets, and when it comes back.
#![expect(clippy::unwrap_used, reason = "a test says where it failed")]

mod account;
mod actor;
mod addressing;
mod bounds;
mod closing;
mod first_generation;
mod guest;
mod ledger;
mod levels;
mod moderation;
mod opening;
mod overload;
mod raw;
mod recall;
mod resume;
mod return_of_many;
mod server;
mod signatures;
mod slow_mode;
mod tokens;
mod visitors;
mod wills;
