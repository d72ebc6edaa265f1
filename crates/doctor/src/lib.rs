//! Checks a deployment from outside, as the SDKs see it, and says in words what is wrong and what to do.
//!
//! [`examine`] goes the way of a client: name, connection, certificate, discovery, WebSocket, login, a room of its own with
//! two members.

mod advice;
mod certificate;
mod clock;
mod cors;
mod dial;
mod examination;
mod exchange;
mod finding;
mod names;
mod probe;
mod rest;
mod room;
mod route;
mod sign;
mod target;
mod upgrade;

pub use examination::{Settings, examine};
pub use finding::{Check, Finding, Report, State, Text};
pub use target::{NoTarget, Target};
