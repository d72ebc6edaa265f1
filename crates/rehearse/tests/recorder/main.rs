//! The recorder between apps and servers of these tests, good ones and bad ones.
#![expect(clippy::unwrap_used, reason = "a test says where it failed")]

mod bad_servers;
mod passage;
mod secure;
mod setting;
mod slow;
