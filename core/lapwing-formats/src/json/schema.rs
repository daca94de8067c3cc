//! The JSON Schema of the format, from the table of keys.

use super::build::NAMES;
use super::fields::{CLASS_WORDS, KEYS, Key, Kind, MESSAGE_WORDS, MESSAGES, Message};
use super::values::Expected;
use lapwing_model::AirText;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

fn value_schema(kind: Kind, about: &str) -> Value {
    let mut schema = match kind {
        Kind::Number { min, max } => json!({ "type": "number", "minimum": min, "maximum": max }),
        Kind::Positive { max } => json!({ "type": "number", "exclusiveMinimum": 0, "maximum": max }),
        Kind::Whole { max } => json!({ "type": "integer", "minimum": 0, "maximum": max }),
        Kind::Text => json!({ "type": "string", "maxLength": AirText::BYTES_MAX }),
        Kind::Hex => json!({ "type": "string", "pattern": "^([0-9a-fA-F]{2}){0,255}$" }),
        Kind::Sensor => json!({ "type": "string", "pattern": "^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$" }),
        Kind::Time => json!({ "anyOf": [
            { "type": "string", "format": "date-time" },
            { "type": "number", "minimum": 0, "maximum": 7_258_118_400_u64 },
        ] }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Word(words) => json!({ "type": "string", "enum": words }),
        Kind::Classes => json!({
            "type": "object",
            "propertyNames": { "enum": CLASS_WORDS },
            "additionalProperties": { "type": "number", "minimum": 0, "maximum": 1 },
        }),
    };
    if let Some(all) = schema.as_object_mut() {
        all.insert("description".to_owned(), about.into());
    }
    schema
}

/// What keys of one message ask of each other.
fn conditions(message: Message) -> Value {
    let has = |keys: &[Key]| json!({ "required": keys.iter().map(|k| k.field().name).collect::<Vec<_>>() });
    let pairs = [
        (Key::LatitudeDeg, Key::LongitudeDeg),
        (Key::LongitudeDeg, Key::LatitudeDeg),
        (Key::OperatorLatitudeDeg, Key::OperatorLongitudeDeg),
        (Key::OperatorLongitudeDeg, Key::OperatorLatitudeDeg),
        (Key::ObserverLatitudeDeg, Key::ObserverLongitudeDeg),
        (Key::ObserverLongitudeDeg, Key::ObserverLatitudeDeg),
        (Key::ClassProbability, Key::Class),
        (Key::AuthenticationType, Key::AuthenticationPages),
        (Key::AuthenticationPages, Key::AuthenticationType),
        (Key::AuthenticationPagesAnnounced, Key::AuthenticationType),
        (Key::AuthenticationTime, Key::AuthenticationType),
        (Key::AuthenticationHex, Key::AuthenticationType),
        (Key::AuthenticationProblem, Key::AuthenticationType),
    ];
    let uses = |key: &Key| key.field().used_by & message.bit() != 0;
    let mut needs: Map<String, Value> = pairs
        .iter()
        .filter(|(key, other)| uses(key) && uses(other))
        .map(|(key, other)| (key.field().name.to_owned(), json!([other.field().name])))
        .collect();
    let (mut never, mut one_of): (Vec<Value>, Vec<Value>) = (Vec::new(), Vec::new());
    if uses(&Key::Class) {
        never.push(has(&[Key::Class, Key::Classes]));
    }
    match message {
        Message::Track | Message::Sighting => {
            never.push(has(&[Key::LatitudeDeg, Key::RangeM]));
            never.push(has(&[Key::LatitudeDeg, Key::AzimuthDeg]));
            needs.insert(Key::RangeM.field().name.to_owned(), json!([Key::AzimuthDeg.field().name]));
            one_of.push(has(&[Key::LatitudeDeg]));
            one_of.push(has(&[Key::AzimuthDeg]));
        }
        Message::Claim => {
            let senders = [Key::TransmitterMac, Key::TransmitterIcao, Key::TransmitterNonIcao, Key::TransmitterOther];
            for (i, a) in senders.iter().enumerate() {
                never.extend(senders.iter().skip(i + 1).map(|b| has(&[*a, *b])));
            }
            one_of.push(has(&[Key::LatitudeDeg]));
            one_of.extend(senders.iter().map(|k| has(&[*k])));
            one_of.extend(NAMES.iter().map(|(k, _)| has(&[*k])));
        }
        Message::Status => {
            needs.insert(Key::Scan.field().name.to_owned(), json!([Key::ScanPlots.field().name]));
        }
        Message::Position | Message::RangeAzimuth | Message::Bearing | Message::RangeDifference | Message::Presence => {
        }
    }
    match message {
        Message::Track => {
            let ended = json!({ "required": [Key::Ended.field().name], "properties": { "ended": { "const": true } } });
            one_of.push(ended);
        }
        Message::Sighting => {
            one_of.push(has(&[Key::ObserverLatitudeDeg]));
            one_of.push(has(&[Key::Text]));
        }
        _ => {}
    }
    let mut all = Map::new();
    if !needs.is_empty() {
        all.insert("dependentRequired".to_owned(), Value::Object(needs));
    }
    if !never.is_empty() {
        all.insert("not".to_owned(), json!({ "anyOf": never }));
    }
    if !one_of.is_empty() {
        all.insert("anyOf".to_owned(), Value::Array(one_of));
    }
    Value::Object(all)
}

/// The JSON Schema (draft 2020-12) of one object. `null` is allowed nowhere in it, though the decoder takes it as
/// unknown: a sender had better leave the key out.
pub fn schema() -> Value {
    let definitions: Map<String, Value> = KEYS
        .iter()
        .filter(|k| **k != Key::Type)
        .map(|k| k.field())
        .map(|f| (f.name.to_owned(), value_schema(f.kind, f.about)))
        .collect();
    let messages: Vec<Value> = MESSAGES
        .iter()
        .map(|info| {
            let word = MESSAGE_WORDS.get(info.message as usize).copied().unwrap_or_default();
            let used = KEYS.iter().map(|k| k.field()).filter(|f| f.used_by & info.message.bit() != 0);
            let properties: Map<String, Value> = used
                .map(|f| {
                    let value = match f.name {
                        "type" => json!({ "const": word }),
                        name => json!({ "$ref": format!("#/$defs/{name}") }),
                    };
                    (f.name.to_owned(), value)
                })
                .collect();
            let required: Vec<&str> =
                std::iter::once("type").chain(info.required.iter().map(|k| k.field().name)).collect();
            let mut message = json!({
                "title": word,
                "description": info.about,
                "type": "object",
                "properties": properties,
                "required": required,
                "additionalProperties": false,
            });
            if let (Some(all), Value::Object(more)) = (message.as_object_mut(), conditions(info.message)) {
                all.extend(more);
            }
            message
        })
        .collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Lapwing JSON",
        "description": "One message of a sensor, as one flat JSON object; on a stream one object a line. Units stand in \
                        the names. What is not known is left out. An unknown key is told as a fault and the object is \
                        used; a wrong value rejects the object.",
        "oneOf": messages,
        "$defs": definitions,
    })
}

/// The part of the reference page on this format.
pub fn reference() -> String {
    let mut page = String::from(
        "\nThe output's one setting is `personal = true`: operators' places and ids are sent, which are otherwise left \
         out and named in `masked`.\n\nOne flat object is one message; [JSON Schema](lapwing-json.schema.json). \
         Required keys are bold. Every message may also have `sensor` and `time`.\n\n| `type` | Keys | What it says \
         |\n|---|---|---|\n",
    );
    for info in MESSAGES {
        let word = MESSAGE_WORDS.get(info.message as usize).copied().unwrap_or_default();
        let keys: Vec<String> = KEYS
            .iter()
            .filter(|k| !matches!(k, Key::Type | Key::Sensor | Key::Time))
            .filter(|k| k.field().used_by & info.message.bit() != 0)
            .map(|k| match (k.field().name, info.required.contains(k)) {
                (name, true) => format!("**`{name}`**"),
                (name, false) => format!("`{name}`"),
            })
            .collect();
        let _ = writeln!(page, "| `{word}` | {} | {} |", keys.join(" "), info.about);
    }
    page.push_str("\n| Key | Holds | What it is |\n|---|---|---|\n");
    for field in KEYS.iter().map(|k| k.field()) {
        let _ = writeln!(page, "| `{}` | {} | {} |", field.name, Expected(field.kind), field.about);
    }
    page
}
