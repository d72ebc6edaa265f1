//! Generates the protobuf types of `grandstand-protocol` from `realtime.proto`, without protoc.

use std::{error::Error, fs, path::PathBuf};

use prost_build::{Config, Module};
use protox::prost_reflect::prost_types::{
    FieldDescriptorProto, FileDescriptorProto,
    field_descriptor_proto::{Label, Type},
};

const HEADER: &str =
    "//! Protobuf types, generated from proto/realtime.proto: run `cargo xtask codegen`, do not edit.\n";

/// Not part of the flattened JSON: the envelope is written by hand, embedded JSON has its own rule.
const WITHOUT_SERDE: [&str; 2] = ["GenericCommand", "JsonObjectMessage"];

type Outcome = Result<String, Box<dyn Error>>;

/// Writes the generated file.
pub(crate) fn write() -> Outcome {
    fs::write(target(), generate()?)?;
    Ok(format!("wrote {}", target().display()))
}

/// Compares the generated file with what would be written.
pub(crate) fn check() -> Outcome {
    if fs::read_to_string(target())? == generate()? {
        Ok("the generated protobuf types are fresh".to_owned())
    } else {
        Err("the generated protobuf types are stale: run `cargo xtask codegen`".into())
    }
}

fn crate_root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../crates/protocol")
}

fn target() -> PathBuf {
    crate_root().join("src/wire/generated.rs")
}

fn generate() -> Outcome {
    let proto = crate_root().join("proto");
    let files = protox::compile(["realtime.proto"], [&proto])?.file;
    let mut config = Config::new();
    config.bytes(["."]);
    for file in &files {
        add_serde(&mut config, file);
    }
    let requests =
        files.into_iter().map(|file| (Module::from_protobuf_package_name(file.package()), file)).collect();
    let modules: Vec<String> = config.generate(requests)?.into_values().collect();
    Ok(format!("{HEADER}{}", modules.concat()))
}

/// The JSON format reuses the generated types: serde attributes with the names of the .proto file, absent
/// fields left out, and lenient readers (old SDKs send `null`, and numbers for booleans).
fn add_serde(config: &mut Config, file: &FileDescriptorProto) {
    for message in &file.message_type {
        let path = format!(".{}.{}", file.package(), message.name());
        if WITHOUT_SERDE.contains(&message.name()) {
            continue;
        }
        config.message_attribute(&path, "#[derive(serde::Serialize, serde::Deserialize)]\n#[serde(default)]");
        for field in &message.field {
            config.field_attribute(format!("{path}.{}", field.name()), field_rule(field));
        }
    }
}

fn field_rule(field: &FieldDescriptorProto) -> String {
    let mut rules = vec![format!("rename = \"{}\"", field.name())];
    match field.label() {
        Label::Repeated => rules.push("skip_serializing_if = \"Vec::is_empty\"".to_owned()),
        Label::Optional => rules.push("skip_serializing_if = \"Option::is_none\"".to_owned()),
        Label::Required => {}
    }
    if let Some(reader) = lenient_reader(field) {
        rules.push(format!("{} = \"crate::json::lenient::{}\"", reader.0, reader.1));
    }
    format!("#[serde({})]", rules.join(", "))
}

/// The serde rule and the function or module of `json/lenient.rs` that it names.
fn lenient_reader(field: &FieldDescriptorProto) -> Option<(&'static str, &'static str)> {
    match (field.r#type(), field.label(), field.name()) {
        (_, Label::Repeated, _) => Some(("deserialize_with", "list")),
        (Type::Int32 | Type::Int64, Label::Required, _) => Some(("deserialize_with", "required_integer")),
        (Type::Int32 | Type::Int64, ..) => Some(("deserialize_with", "integer")),
        (Type::Bool, ..) => Some(("deserialize_with", "flag")),
        (Type::Enum, _, "direction") => Some(("with", "direction")),
        // `PatchItem.data` is bytes only because one SDK abuses it; in JSON it is text.
        (Type::Bytes, _, "data") => Some(("with", "text_bytes")),
        (Type::Bytes, ..) => Some(("with", "base64_bytes")),
        _ => None,
    }
}
