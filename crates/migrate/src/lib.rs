//! Moving from one server to another: the archive that rooms and messages travel in.

pub mod archive;
