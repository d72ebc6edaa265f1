//! The app that guests log in to.

pub(crate) const APP: &str = "the-app-id";
