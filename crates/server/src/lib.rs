//! Everything of Grandstand with a side effect: sockets, store, bus, HTTP. The program is a thin shell around it.

pub mod accounts;
mod admin;
pub mod api;
pub mod apps;
mod audit;
pub mod clock;
pub mod cluster;
pub mod config;
mod demo;
mod exclusive;
pub mod fanout;
pub mod gateway;
pub mod hook;
mod moderation;
pub mod node;
mod positions;
pub mod program;
pub mod quota;
pub mod router;
pub mod service;
pub mod shutdown;
pub mod store;
mod sync;
mod upkeep;
pub mod upstream;
mod visitors;
mod words;
