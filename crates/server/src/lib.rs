//! Everything of Grandstand with a side effect: sockets, store, bus, HTTP. The program is a thin shell around it.

pub mod apps;
pub mod clock;
pub mod config;
pub mod gateway;
pub mod store;
