//! Generated protobuf types, seen by the codec only.
