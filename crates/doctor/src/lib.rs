//! Checks a deployment from outside, as the SDKs see it, and says in words what is wrong and what to do.
//!
//! [`examine`] goes the way of a client: name, connection, certificate, discovery, WebSocket, login, a room of its own with
//! two members.
//!
//! [`console`] turns the settings of an app's LeanCloud console into a configuration.

mod advice;
mod certificate;
mod clock;
pub mod console;
mod cors;
mod dial;
mod examination;
mod exchange;
mod finding;
mod names;
mod plain;
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
