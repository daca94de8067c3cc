use super::*;
use crate::access::ACCESS;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

const CHECKED_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/src/api/openapi.json");

fn document() -> Value {
    serde_json::from_str(openapi_json()).unwrap()
}

/// With `LAPWING_BLESS=1` it writes the copy instead of comparing.
#[test]
fn the_console_is_generated_from_this_very_document() {
    if std::env::var_os("LAPWING_BLESS").is_some() {
        std::fs::create_dir_all(Path::new(CHECKED_IN).parent().unwrap()).unwrap();
        std::fs::write(CHECKED_IN, openapi_json()).unwrap();
    }
    let copy = std::fs::read_to_string(CHECKED_IN).unwrap_or_default();
    assert!(
        copy == openapi_json(),
        "web/src/api/openapi.json is out of step. Write it with \
         `LAPWING_BLESS=1 cargo nextest run -p lapwing-server this_very_document`, then `npm run types` in web/"
    );
}

fn operations(document: &Value) -> BTreeSet<(String, String)> {
    let mut all = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            all.insert((method.to_uppercase(), path.clone()));
        }
    }
    all
}

#[test]
fn every_route_has_a_description_and_an_access_rule() {
    let ruled: BTreeSet<_> = ACCESS.iter().map(|r| (r.method.to_owned(), r.path.to_owned())).collect();
    assert_eq!(operations(&document()), ruled, "the OpenAPI document and access::ACCESS name the same routes");
}

#[test]
fn every_answer_has_a_schema() {
    let document = document();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["summary"].is_string(), "{method} {path} has no summary");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|s| s.starts_with('1') || s.starts_with('2')), "{method} {path}");
            for (status, response) in responses {
                let content = response["content"].as_object();
                let content = content.unwrap_or_else(|| panic!("{method} {path} {status} has no content"));
                for (kind, media) in content {
                    assert!(media["schema"].is_object(), "{method} {path} {status} {kind} has no schema");
                    assert_eq!(kind == "application/problem+json", status.starts_with(['4', '5']), "{path} {status}");
                }
            }
        }
    }
}

fn references<'a>(value: &'a Value, into: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(map) => {
            into.extend(map.get("$ref").and_then(Value::as_str));
            map.values().for_each(|v| references(v, into));
        }
        Value::Array(all) => all.iter().for_each(|v| references(v, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut all = BTreeSet::new();
    references(&document, &mut all);
    assert!(all.len() > 30, "the nouns are described by reference");
    for reference in all {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}
