//! The JSON text format: the protobuf model, flattened.
