//! The members of one object, each checked against the table of keys.

use super::fields::{self, CLASS_WORDS, Key, Kind};
use super::text::{Broken, Cursor, Raw};
use lapwing_model::{AirText, Class, Classification, SensorId, Time};
use std::fmt::Write as _;
use std::ops::Range;

/// Longest string that is read; names of ids and words are far shorter.
const STRING_BYTES_MAX: usize = 16_384;
/// Unknown keys told one by one; the rest is counted.
const UNKNOWN_TOLD_MAX: usize = 8;

/// A checked value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Number(f64),
    Whole(u64),
    Text(AirText),
    Hex(String),
    Sensor(SensorId),
    Time(Time),
    Flag(bool),
    Word(usize),
    Classes(Classification),
}

/// Something wrong with a member, in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) reason: &'static str,
    pub(super) detail: String,
    pub(super) span: Range<usize>,
}

/// One object.
#[derive(Debug, Default)]
pub(super) struct Values {
    known: Vec<(Key, Value, Range<usize>)>,
    /// What does not stop the message from being used.
    pub(super) remarks: Vec<Wrong>,
    /// The first thing that does.
    pub(super) error: Option<Wrong>,
    unknown: usize,
}

impl Values {
    pub(super) fn get(&self, key: Key) -> Option<&Value> {
        self.known.iter().find(|(k, _, _)| *k == key).map(|(_, v, _)| v)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = (Key, Range<usize>)> + '_ {
        self.known.iter().map(|(k, _, s)| (*k, s.clone()))
    }

    pub(super) fn number(&self, key: Key) -> Option<f64> {
        match self.get(key) {
            Some(Value::Number(v)) => Some(*v),
            _ => None,
        }
    }

    pub(super) fn whole(&self, key: Key) -> Option<u64> {
        match self.get(key) {
            Some(Value::Whole(v)) => Some(*v),
            _ => None,
        }
    }

    pub(super) fn text(&self, key: Key) -> Option<AirText> {
        match self.get(key) {
            Some(Value::Text(v)) => Some(v.clone()),
            _ => None,
        }
    }

    pub(super) fn hex(&self, key: Key) -> Option<String> {
        match self.get(key) {
            Some(Value::Hex(v)) => Some(v.clone()),
            _ => None,
        }
    }

    pub(super) fn word(&self, key: Key) -> Option<usize> {
        match self.get(key) {
            Some(Value::Word(v)) => Some(*v),
            _ => None,
        }
    }

    pub(super) fn time(&self, key: Key) -> Option<Time> {
        match self.get(key) {
            Some(Value::Time(v)) => Some(*v),
            _ => None,
        }
    }

    /// Reads an object. The cursor stands at its opening brace, and after it when the object is sound JSON; whether its
    /// members are right stands in [`Values::error`].
    pub(super) fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Broken> {
        self.known.clear();
        self.remarks.clear();
        self.error = None;
        self.unknown = 0;
        cursor.expect(b'{', "'{'")?;
        cursor.skip_blank();
        if cursor.take(b'}') {
            return Ok(());
        }
        loop {
            let name_at = cursor.at;
            let name = cursor.member_name()?;
            match Key::find(&name) {
                Some(key) => self.member(key, name_at, cursor)?,
                None => {
                    let end = name_at + name.len() + 2;
                    self.unknown_key(&name, name_at..end);
                    cursor.skip_value()?;
                }
            }
            cursor.skip_blank();
            if !cursor.take(b',') {
                break;
            }
            cursor.skip_blank();
        }
        if self.unknown > UNKNOWN_TOLD_MAX {
            let detail = format!("{} more unknown keys", self.unknown - UNKNOWN_TOLD_MAX);
            self.remarks.push(Wrong { reason: "unknown-key", detail, span: cursor.at..cursor.at });
        }
        cursor.expect(b'}', "',' or '}'")
    }

    fn unknown_key(&mut self, name: &str, span: Range<usize>) {
        self.unknown += 1;
        if self.unknown > UNKNOWN_TOLD_MAX {
            return;
        }
        let mut detail = format!("{:?} is not a key of this format", clip(name));
        if let Some(near) = fields::near(name) {
            let _ = write!(detail, "; did you mean {near:?}?");
        }
        self.remarks.push(Wrong { reason: "unknown-key", detail, span });
    }

    fn wrong(&mut self, reason: &'static str, detail: String, span: Range<usize>) {
        // The first mistake is the one to tell: later ones often follow from it.
        self.error.get_or_insert(Wrong { reason, detail, span });
    }

    fn member(&mut self, key: Key, name_at: usize, cursor: &mut Cursor<'_>) -> Result<(), Broken> {
        let field = key.field();
        if self.known.iter().any(|(k, _, _)| *k == key) {
            self.wrong("duplicate-key", format!("{} stands twice", field.name), name_at..cursor.at);
        }
        let at = cursor.at;
        let raw = cursor.value()?;
        if raw == Raw::Object && field.kind == Kind::Classes {
            return self.classes(key, cursor);
        }
        if matches!(raw, Raw::Object | Raw::Array) {
            cursor.skip_value()?;
        }
        let span = at..cursor.at;
        if raw == Raw::Null {
            return Ok(());
        }
        match check(field.kind, &raw) {
            Ok(value) => {
                if let (Value::Text(kept), Raw::Text(text)) = (&value, &raw)
                    && kept.as_str().len() < text.len().min(AirText::BYTES_MAX + 1)
                    && text.len() > AirText::BYTES_MAX
                {
                    let detail = format!("{} is cut to {} bytes of {}", field.name, kept.as_str().len(), text.len());
                    self.remarks.push(Wrong { reason: "text-cut", detail, span: span.clone() });
                }
                self.known.push((key, value, span));
            }
            Err(reason) => {
                let mut detail = format!("{}: expected {}", field.name, Expected(field.kind));
                if reason == "too-long" {
                    let _ = write!(detail, " of at most {STRING_BYTES_MAX} bytes");
                } else if key.is_personal() {
                    detail.push_str(", found something else");
                } else {
                    let _ = write!(detail, ", found {}", Found(&raw));
                }
                if let (Kind::Word(words), Raw::Text(text)) = (field.kind, &raw)
                    && let Some(near) = fields::closest(&clip(text).replace('-', "_"), words.iter().copied())
                {
                    let _ = write!(detail, "; did you mean {near:?}?");
                }
                if let (Kind::Time, Raw::Number(text)) = (field.kind, &raw)
                    && text.parse::<f64>().is_ok_and(|n| n.abs() > 1e10)
                {
                    detail.push_str("; milliseconds? Divide by 1000");
                }
                self.wrong(reason, detail, span);
            }
        }
        Ok(())
    }

    /// `{"bird": 0.7, "drone": 0.2}`
    fn classes(&mut self, key: Key, cursor: &mut Cursor<'_>) -> Result<(), Broken> {
        let start = cursor.at;
        let mut classification = Classification::default();
        let mut sum = 0.0;
        cursor.expect(b'{', "'{'")?;
        cursor.skip_blank();
        let mut more = !cursor.take(b'}');
        while more {
            let at = cursor.at;
            let name = cursor.member_name()?;
            let raw = cursor.value()?;
            if matches!(raw, Raw::Object | Raw::Array) {
                cursor.skip_value()?;
            }
            let span = at..cursor.at;
            let class = CLASS_WORDS.iter().position(|w| *w == name).and_then(|i| Class::ALL.get(i));
            match (class, check(Kind::Number { min: 0.0, max: 1.0 }, &raw)) {
                (Some(class), Ok(Value::Number(p))) => {
                    sum += p;
                    if classification.probabilities.insert(*class, p).is_some() {
                        self.wrong("duplicate-key", format!("classes: {name} stands twice"), span);
                    }
                }
                (Some(_), _) => {
                    let detail = format!("classes.{name}: expected a number from 0 to 1, found {}", Found(&raw));
                    self.wrong("out-of-range", detail, span);
                }
                (None, _) => {
                    let expected = Expected(Kind::Word(CLASS_WORDS));
                    self.wrong("unknown-word", format!("classes: expected {expected}, found {:?}", clip(&name)), span);
                }
            }
            cursor.skip_blank();
            more = cursor.take(b',');
            if more {
                cursor.skip_blank();
            } else {
                cursor.expect(b'}', "',' or '}'")?;
            }
        }
        let span = start..cursor.at;
        // Rounded thirds add up to a little more than one.
        if sum > 1.0 + 1e-6 {
            self.wrong("out-of-range", format!("classes: probabilities add up to {sum}, more than 1"), span.clone());
        }
        self.known.push((key, Value::Classes(classification), span));
        Ok(())
    }
}

fn check(kind: Kind, raw: &Raw<'_>) -> Result<Value, &'static str> {
    let in_range = |ok: bool, value: Value| if ok { Ok(value) } else { Err("out-of-range") };
    match (kind, raw) {
        (Kind::Number { min, max }, Raw::Number(text)) => {
            let number: f64 = text.parse().map_err(|_| "wrong-type")?;
            // An exponent beyond f64 gives infinity, which is outside.
            in_range(min <= number && number <= max, Value::Number(number))
        }
        (Kind::Positive { max }, Raw::Number(text)) => {
            let number: f64 = text.parse().map_err(|_| "wrong-type")?;
            in_range(0.0 < number && number <= max, Value::Number(number))
        }
        (Kind::Whole { max }, Raw::Number(text)) => {
            // 17.0 is a whole number too (JSON Schema 2020-12, 6.1.1), and what some languages write.
            let number: f64 = text.parse().map_err(|_| "wrong-type")?;
            let whole = number >= 0.0 && libm::trunc(number) == number && number <= max as f64;
            in_range(whole, Value::Whole(number as u64))
        }
        (Kind::Text, Raw::Text(text)) if text.len() <= STRING_BYTES_MAX => Ok(Value::Text(AirText::new(text))),
        (Kind::Text, Raw::Text(_)) => Err("too-long"),
        (Kind::Hex, Raw::Text(text)) => {
            let hex = text.len() <= 2 * 255 && text.len() % 2 == 0 && text.bytes().all(|b| b.is_ascii_hexdigit());
            if hex { Ok(Value::Hex(text.to_ascii_lowercase())) } else { Err("bad-hex") }
        }
        (Kind::Sensor, Raw::Text(text)) => SensorId::new(text).map(Value::Sensor).map_err(|_| "bad-id"),
        (Kind::Time, Raw::Text(text)) => text.parse().map(Value::Time).map_err(|_| "bad-time"),
        (Kind::Time, Raw::Number(text)) => epoch(text).map(Value::Time).ok_or("bad-time"),
        (Kind::Flag, Raw::Flag(flag)) => Ok(Value::Flag(*flag)),
        (Kind::Word(words), Raw::Text(text)) => {
            words.iter().position(|w| w == text).map(Value::Word).ok_or("unknown-word")
        }
        _ => Err("wrong-type"),
    }
}

/// Seconds since 1970 to the nanosecond: through `f64` a time of today would lose all below 0.2 µs.
fn epoch(text: &str) -> Option<Time> {
    // The year 2200; what is later is milliseconds by mistake.
    const SECONDS_MAX: f64 = 7_258_118_400.0;
    let number: f64 = text.parse().ok()?;
    if !(0.0..=SECONDS_MAX).contains(&number) {
        return None;
    }
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if !plain {
        return Some(Time::from_nanos(libm::round(number * 1e9) as i64));
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    let nanos = fraction.bytes().chain(std::iter::repeat(b'0')).take(9).fold(0, |n, b| n * 10 + i64::from(b - b'0'));
    Some(Time::from_nanos(seconds.checked_mul(1_000_000_000)?.checked_add(nanos)?))
}

/// Text for a fault, short.
pub(super) fn clip(text: &str) -> String {
    text.chars().take(40).collect()
}

pub(super) struct Expected(pub(super) Kind);

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Kind::Number { min, max } => write!(f, "a number from {min} to {max}"),
            Kind::Positive { max } => write!(f, "a number above 0, at most {max}"),
            Kind::Whole { max } => write!(f, "a whole number from 0 to {max}"),
            Kind::Text => f.write_str("text"),
            Kind::Hex => f.write_str("hex digits, two a byte, at most 255 bytes"),
            Kind::Sensor => f.write_str("an id (1 to 64 of a-z A-Z 0-9 - _ ., starting with a letter or digit)"),
            Kind::Time => f.write_str("an RFC 3339 time with a zone, or seconds since 1970"),
            Kind::Flag => f.write_str("true or false"),
            Kind::Word(words) => write!(f, "one of {}", words.join(", ")),
            Kind::Classes => f.write_str("an object of class and probability"),
        }
    }
}

struct Found<'a>(&'a Raw<'a>);

impl std::fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Raw::Null => f.write_str("null"),
            Raw::Flag(flag) => write!(f, "{flag}"),
            Raw::Number(text) => f.write_str(&clip(text)),
            Raw::Text(text) => write!(f, "the text {:?}", clip(text)),
            Raw::Object => f.write_str("an object"),
            Raw::Array => f.write_str("an array"),
        }
    }
}
