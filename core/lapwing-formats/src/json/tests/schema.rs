//! The schema says what the decoder does, judged by a validator that knows neither.

use super::{GOLDEN, decode};
use crate::json::encode_report;
use crate::json::fields::{KEYS, Kind, MESSAGE_WORDS};
use proptest::prelude::*;
use serde_json::{Value, json};

fn validator() -> jsonschema::Validator {
    jsonschema::draft202012::new(&crate::json::schema()).unwrap()
}

#[test]
fn golden_cases_hold_by_the_schema_as_sent_and_as_encoded() {
    let validator = validator();
    let mut seen = 0;
    for (name, bytes) in GOLDEN {
        for found in decode(bytes).reports {
            let mut line = Vec::new();
            encode_report(&found.report, &mut line);
            let (start, end) = (found.offset as usize, (found.offset + found.length) as usize);
            let mut sent: Value = serde_json::from_slice(&bytes[start..end]).unwrap();
            // A null is taken for an absent key; the schema has senders leave it out.
            sent.as_object_mut().unwrap().retain(|_, v| !v.is_null());
            for value in [sent, serde_json::from_slice(&line).unwrap()] {
                let error = validator.validate(&value).err().map(|e| e.to_string());
                assert_eq!(error, None, "{name}: {value}");
                seen += 1;
            }
        }
    }
    assert!(seen > 40);
}

/// Values around the bounds of each kind, good and bad.
fn values(kind: Kind) -> Vec<Value> {
    match kind {
        Kind::Number { min, max } => {
            vec![json!(min), json!(max), json!(min - 1.0), json!(max * 1.01 + 1.0), json!("1")]
        }
        Kind::Positive { max } => vec![json!(max), json!(1), json!(0), json!(-1), json!(max + 1.0), json!(true)],
        Kind::Whole { max } => vec![json!(0), json!(max), json!(-1), json!(1.5), json!(2.0), json!("1")],
        Kind::Text => vec![json!("a"), json!(""), json!(1), json!([])],
        Kind::Hex => vec![json!("00fF"), json!(""), json!("0"), json!("zz"), json!(1)],
        Kind::Sensor => vec![json!("radar-1"), json!(""), json!("-x"), json!("a b"), json!("x".repeat(65)), json!(1)],
        Kind::Time => {
            vec![json!(0), json!(1777627800.5), json!("2026-05-01T09:30:00Z"), json!(-1), json!(8e9), json!({})]
        }
        Kind::Flag => vec![json!(true), json!(false), json!(0), json!("true")],
        Kind::Word(words) => words.iter().map(|w| json!(w)).chain([json!("other thing"), json!(1)]).collect(),
        Kind::Classes => vec![json!({"bird": 0.5}), json!({}), json!({"kite": 0.5}), json!({"bird": 2}), json!("bird")],
    }
}

prop_compose! {
    /// An object of some keys, most of them right and fitting.
    fn object()(
        message in 0..MESSAGE_WORDS.len(),
        stray in 0..20_u8,
        keys in proptest::collection::vec((0..KEYS.len(), 0..32_usize, any::<bool>()), 0..12),
        complete in any::<bool>(),
    ) -> Value {
        let mut object = serde_json::Map::new();
        for (key, value, right) in keys {
            let field = KEYS[key].field();
            if field.used_by & (1 << message) == 0 && stray != 0 {
                continue;
            }
            let choices = values(field.kind);
            let index = if right { value % 2 } else { value % choices.len() };
            object.insert(field.name.to_owned(), choices[index.min(choices.len() - 1)].clone());
        }
        if complete {
            for key in super::super::fields::MESSAGES[message].required {
                let field = key.field();
                object.entry(field.name).or_insert_with(|| values(field.kind)[0].clone());
            }
        }
        object.insert("type".to_owned(), json!(MESSAGE_WORDS[message]));
        Value::Object(object)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]
    /// The schema holds for an object exactly when the decoder has nothing to say against it.
    #[test]
    fn schema_and_decoder_agree(object in object()) {
        thread_local! {
            static VALIDATOR: jsonschema::Validator = validator();
        }
        let by_schema = VALIDATOR.with(|v| v.is_valid(&object));
        let out = decode(object.to_string().as_bytes());
        let by_decoder = out.account.units_used == 1 && out.faults.is_empty();
        prop_assert_eq!(by_schema, by_decoder, "{}: {:?}", object, out.faults);
    }
}
