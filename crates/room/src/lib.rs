//! The rules of a chat room: values in, effects out. No I/O, no async; time and randomness are arguments.

pub mod account;
pub mod attributes;
pub mod ban;
pub mod budget;
pub mod clock;
pub mod content;
pub mod creation;
pub mod gap;
pub mod history;
pub mod levels;
pub mod moderation;
pub mod pace;
pub mod query;
pub mod quota;
pub mod rates;
pub mod resume;
pub mod ring;
pub mod room;
pub mod sequence;
pub mod session;
pub mod signature;
pub mod switches;
pub mod thinning;
pub mod token;
pub mod words;
