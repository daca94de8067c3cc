//! Compares answers with the OpenAPI document: a description that is wrong is worse than none.

use serde_json::Value;

/// The document.
pub(crate) fn document() -> Value {
    serde_json::from_str(lapwing_server::openapi_json()).unwrap()
}

/// The schema of a 200 answer of a route.
pub(crate) fn of_route<'a>(document: &'a Value, path: &str) -> &'a Value {
    let schema = &document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
    assert!(schema.is_object(), "{path} is not described");
    schema
}

/// Says where a value breaks a schema. Objects that are described by properties may have no others: what is not in the
/// document does not exist for the console.
pub(crate) fn check(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    Checker { document }.check(schema, value, "$", true)
}

struct Checker<'a> {
    document: &'a Value,
}

impl Checker<'_> {
    fn check(&self, schema: &Value, value: &Value, at: &str, closed: bool) -> Result<(), String> {
        if let Some(reference) = schema["$ref"].as_str() {
            let target = self.document.pointer(reference.trim_start_matches('#'));
            return self.check(target.ok_or(format!("{reference} leads nowhere"))?, value, at, closed);
        }
        if let Some(all) = schema["allOf"].as_array() {
            // Each part knows only its own properties.
            return all.iter().try_for_each(|s| self.check(s, value, at, false));
        }
        if let Some(any) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
            let fits: Vec<_> = any.iter().map(|s| self.check(s, value, at, closed)).collect();
            return match fits.iter().filter(|f| f.is_ok()).count() {
                1 => Ok(()),
                n => Err(format!("{at}: {n} of {} variants fit {value}: {fits:?}", any.len())),
            };
        }
        if let Some(values) = schema["enum"].as_array() {
            return if values.contains(value) { Ok(()) } else { Err(format!("{at}: {value} is none of {values:?}")) };
        }
        self.check_type(schema, value, at)?;
        match value {
            Value::Object(map) => self.check_object(schema, map, at, closed),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .try_for_each(|(i, v)| self.check(&schema["items"], v, &format!("{at}[{i}]"), true)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        }
    }

    fn check_type(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let is = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(n) if n.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let allowed: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one],
            Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
            _ => return Err(format!("{at}: the schema {schema} says no type")),
        };
        let fits = allowed.contains(&is) || (is == "integer" && allowed.contains(&"number"));
        if fits { Ok(()) } else { Err(format!("{at}: {value} is {is}, not {allowed:?}")) }
    }

    fn check_object(
        &self,
        schema: &Value,
        map: &serde_json::Map<String, Value>,
        at: &str,
        closed: bool,
    ) -> Result<(), String> {
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !map.contains_key(name) {
                return Err(format!("{at}: {name} is missing"));
            }
        }
        for (name, value) in map {
            let inner = &schema["properties"][name];
            let more = &schema["additionalProperties"];
            let at = format!("{at}.{name}");
            if inner.is_object() {
                self.check(inner, value, &at, true)?;
            } else if more.is_object() {
                self.check(more, value, &at, true)?;
            } else if closed {
                return Err(format!("{at} is not described"));
            }
        }
        Ok(())
    }
}

#[test]
fn the_checker_finds_what_is_wrong() {
    let document = document();
    let place = &document["components"]["schemas"]["Place"];
    let good = serde_json::json!({"latitude_deg": 1.5, "longitude_deg": 2});
    assert_eq!(check(&document, place, &good), Ok(()));
    for bad in [
        serde_json::json!({"latitude_deg": 1.5}),
        serde_json::json!({"latitude_deg": "1.5", "longitude_deg": 2}),
        serde_json::json!({"latitude_deg": null, "longitude_deg": 2}),
        serde_json::json!({"latitude_deg": 1.5, "longitude_deg": 2, "height_m": 3}),
        serde_json::json!([1.5, 2]),
    ] {
        assert!(check(&document, place, &bad).is_err(), "{bad}");
    }
}
