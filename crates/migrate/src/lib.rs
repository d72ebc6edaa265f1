//! Moving from one server to another: the archive that rooms and messages travel in, and readers of foreign exports.

pub mod archive;
pub mod conversation;
pub mod export;
pub mod rows;
