//! Generated types to and from the domain's commands and events.
