//! The OpenAPI document: it names the routes that there are, and no others, and it holds together.

use std::collections::BTreeSet;

use grandstand::api::listed_routes;
use serde_json::Value;

use crate::server::{As, Server};

const METHODS: [&str; 4] = ["get", "post", "put", "delete"];

pub(crate) async fn document() -> Value {
    let server = Server::start().await;
    server.ask(As::Nobody, "GET", "/openapi.json", Value::Null).await.ok()
}

pub(crate) fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let operations = item.as_object().unwrap().iter();
        operations.map(move |(method, operation)| (method.as_str(), path.as_str(), operation))
    });
    operations.collect()
}

#[tokio::test]
async fn it_names_every_route_and_no_other() {
    let document = document().await;
    let described: BTreeSet<String> = operations(&document)
        .iter()
        .inspect(|(method, path, _)| assert!(METHODS.contains(method), "{method} {path}"))
        .map(|(method, path, _)| format!("{} {path}", method.to_ascii_uppercase()))
        .collect();
    let routes: BTreeSet<String> = listed_routes()
        .into_iter()
        .map(|(method, path)| format!("{method} {}", path.replace("{*", "{")))
        .collect();
    let missing: Vec<_> = routes.difference(&described).collect();
    let gone: Vec<_> = described.difference(&routes).collect();
    assert!(missing.is_empty() && gone.is_empty(), "not described: {missing:#?}, gone: {gone:#?}");
}

#[tokio::test]
async fn its_parts_fit_together() {
    let document = document().await;
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let place = format!("{method} {path}");
        assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{place}: its id is another's, too");
        assert!(operation["summary"].as_str().unwrap().ends_with('.'), "{place}");
        assert!(operation["security"].is_array() && operation["responses"]["4XX"].is_object(), "{place}");
        let named: BTreeSet<&str> = parameters(&document, operation)
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        let in_path: BTreeSet<&str> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(named, in_path, "{place}");
    }
    let mut used = BTreeSet::new();
    references(&document, &mut used);
    for reference in &used {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    for kind in ["schemas", "parameters", "responses"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            let reference = format!("#/components/{kind}/{name}");
            assert!(used.contains(reference.as_str()), "{reference} is not used");
        }
    }
}

/// What a reference leads to.
pub(crate) fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(&reference[1..]).unwrap(),
        None => value,
    }
}

pub(crate) fn parameters<'a>(document: &'a Value, operation: &'a Value) -> impl Iterator<Item = &'a Value> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    parameters.map(|parameter| resolved(document, parameter))
}

fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(object) => {
            found.extend(object.get("$ref").and_then(Value::as_str));
            object.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}
