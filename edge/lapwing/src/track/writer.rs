//! The rows of the answer, into memory first.

use super::frame::State;
use lapwing_model::{Class, Classification, Phase, SensorId, TrackId};
use std::io::Write;

/// Probabilities below are left out.
const SHOWN_MIN: f64 = 5e-5;

/// One track at one tick.
pub(super) struct TrackRow<'a> {
    /// Seconds of the scenario.
    pub(super) t: f64,
    /// Which.
    pub(super) id: TrackId,
    /// Where and how fast.
    pub(super) state: &'a State,
    /// Probability that there is an aircraft.
    pub(super) existence: f64,
    /// Where it is in its life.
    pub(super) phase: Phase,
    /// Whether only self-reports support it.
    pub(super) claimed_only: bool,
    /// Whether its height was ever measured.
    pub(super) height_known: bool,
    /// What it is.
    pub(super) class: &'a Classification,
    /// The first name it gave, as it was written.
    pub(super) name: Option<&'a str>,
    /// Whether what it says of itself cannot be true.
    pub(super) contradicted: bool,
}

/// Rows that are not written yet.
#[derive(Default)]
pub(super) struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// One track at one tick.
    pub(super) fn track(&mut self, row: &TrackRow<'_>) {
        let c = &row.state.covariance;
        let upper = [c[0][0], c[0][1], c[0][2], c[1][1], c[1][2], c[2][2]];
        self.text("{\"t\":");
        self.number(row.t, 6);
        self.text(",\"id\":\"T");
        self.whole(row.id.0);
        self.text("\",\"p\":");
        self.list(&row.state.position, 3);
        self.text(",\"v\":");
        self.list(&row.state.velocity, 3);
        self.text(",\"P\":");
        self.list(&upper, 5);
        self.text(",\"e\":");
        self.number(row.existence, 4);
        self.text(",\"st\":");
        self.text(match (row.claimed_only, row.phase) {
            (true, _) => "\"claimed\"",
            (false, Phase::Confirmed | Phase::Coasting) => "\"confirmed\"",
            (false, Phase::Tentative | Phase::Ended) => "\"tentative\"",
        });
        self.class(row.class);
        if let Some(name) = row.name {
            self.text(",\"rid\":");
            self.string(name);
        }
        self.flags(row);
        self.text("}\n");
    }

    fn class(&mut self, class: &Classification) {
        let sum = |of: &[Class]| -> f64 { of.iter().filter_map(|c| class.probabilities.get(c)).sum() };
        let all = [
            ("drone", sum(&[Class::Multirotor, Class::FixedWing, Class::Drone])),
            ("bird", sum(&[Class::Bird])),
            ("aircraft", sum(&[Class::Aeroplane, Class::Helicopter])),
            ("other", sum(&[Class::Balloon, Class::Ground])),
        ];
        let mut before = ",\"cls\":{\"";
        for (word, probability) in all.into_iter().filter(|(_, p)| *p >= SHOWN_MIN) {
            self.text(before);
            self.text(word);
            self.text("\":");
            self.number(probability, 4);
            before = ",\"";
        }
        if before == ",\"" {
            self.text("}");
        }
    }

    fn flags(&mut self, row: &TrackRow<'_>) {
        let all = [
            ("\"coasting\"", row.phase == Phase::Coasting),
            ("\"height_unknown\"", !row.height_known),
            ("\"contradicted\"", row.contradicted),
        ];
        self.text(",\"flags\":[");
        for (i, (word, _)) in all.iter().filter(|(_, on)| *on).enumerate() {
            if i > 0 {
                self.text(",");
            }
            self.text(word);
        }
        self.text("]");
    }

    /// A claim is contradicted.
    pub(super) fn rid_mismatch(&mut self, t: f64, name: &str) {
        self.text("{\"k\":\"alert\",\"t\":");
        self.number(t, 6);
        self.text(",\"type\":\"rid_mismatch\",\"rid\":");
        self.string(name);
        self.text("}\n");
    }

    /// A sensor has fallen silent.
    pub(super) fn sensor_silent(&mut self, t: f64, sensor: &SensorId) {
        self.text("{\"k\":\"alert\",\"t\":");
        self.number(t, 6);
        self.text(",\"type\":\"sensor_silent\",\"sensor\":");
        self.string(sensor.as_str());
        self.text("}\n");
    }

    /// The estimated systematic error of a sensor, in the order and the units of its `v`.
    pub(super) fn bias(&mut self, t: f64, sensor: &SensorId, v: &[f64]) {
        self.text("{\"k\":\"bias\",\"t\":");
        self.number(t, 6);
        self.text(",\"s\":");
        self.string(sensor.as_str());
        self.text(",\"v\":");
        self.list(v, 6);
        self.text("}\n");
    }

    /// What there is.
    pub(super) fn rows(&self) -> &[u8] {
        &self.out
    }

    /// They are written: the memory is kept for what follows.
    pub(super) fn clear(&mut self) {
        self.out.clear();
    }

    fn text(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn string(&mut self, text: &str) {
        // Writing into memory does not fail, and neither does a text.
        let _ = serde_json::to_writer(&mut self.out, text);
    }

    fn list(&mut self, numbers: &[f64], decimals: u8) {
        self.text("[");
        for (i, number) in numbers.iter().enumerate() {
            if i > 0 {
                self.text(",");
            }
            self.number(*number, decimals);
        }
        self.text("]");
    }

    /// A number with so many decimals at most: fixed point, for rows are many and the general way is slow.
    fn number(&mut self, number: f64, decimals: u8) {
        let mut places = usize::from(decimals).min(POWERS.len() - 1);
        let scaled = number.abs() * POWERS[places] + 0.5;
        if scaled.is_nan() || scaled >= 9e15 {
            // Beyond what fixed point holds; what is not finite has no JSON.
            let _ = if number.is_finite() { write!(self.out, "{number:e}") } else { write!(self.out, "null") };
            return;
        }
        let mut rest = scaled as u64;
        let negative = number < 0.0 && rest > 0;
        // From the last digit on: the fraction, without the zeros it ends with, the point, the whole.
        while places > 0 && rest.is_multiple_of(10) {
            rest /= 10;
            places -= 1;
        }
        let mut digits = Digits::default();
        if places > 0 {
            for _ in 0..places {
                rest = digits.put_last_of(rest);
            }
            digits.put(b'.');
        }
        digits.put_all(rest);
        if negative {
            digits.put(b'-');
        }
        self.out.extend_from_slice(digits.as_slice());
    }

    fn whole(&mut self, number: u64) {
        let mut digits = Digits::default();
        digits.put_all(number);
        self.out.extend_from_slice(digits.as_slice());
    }
}

/// Powers of ten, by exponent.
const POWERS: [f64; 7] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6];

/// A number as text, made from its end.
#[derive(Default)]
struct Digits {
    text: [u8; 32],
    used: usize,
}

impl Digits {
    fn put(&mut self, byte: u8) {
        self.used += 1;
        let at = self.text.len().wrapping_sub(self.used);
        if let Some(cell) = self.text.get_mut(at) {
            *cell = byte;
        }
    }

    /// Puts the last digit of a number, and returns what is before it.
    fn put_last_of(&mut self, number: u64) -> u64 {
        self.put(b'0' + (number % 10) as u8);
        number / 10
    }

    fn put_all(&mut self, number: u64) {
        let mut rest = self.put_last_of(number);
        while rest > 0 {
            rest = self.put_last_of(rest);
        }
    }

    fn as_slice(&self) -> &[u8] {
        self.text.get(self.text.len() - self.used..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(x: f64, decimals: u8) -> String {
        let mut writer = Writer::default();
        writer.number(x, decimals);
        String::from_utf8(writer.out).unwrap()
    }

    #[test]
    fn numbers_are_json_and_as_near_as_their_decimals() {
        for (x, decimals, expected) in [
            (0.0, 3, "0"),
            (-0.0001, 3, "0"),
            (-0.0006, 3, "-0.001"),
            (1.5, 3, "1.5"),
            (-1234.5678, 3, "-1234.568"),
            (0.045, 6, "0.045"),
            (299.999_999, 6, "299.999999"),
            (999.9996, 3, "1000"),
            (1e20, 3, "1e20"),
            (f64::NAN, 3, "null"),
            (f64::INFINITY, 3, "null"),
        ] {
            assert_eq!(number(x, decimals), expected);
        }
        let mut x = 1e-9;
        while x < 1e9 {
            let back: f64 = number(x, 5).parse().unwrap();
            assert!((back - x).abs() <= 0.500_001e-5, "{x} {back}");
            x *= 1.37;
        }
    }

    #[test]
    fn a_row_has_everything_a_scorer_asks_for() {
        let state = State {
            position: [1.0, -2.5, 0.0],
            velocity: [0.0; 3],
            covariance: [[9.0, 0.5, 0.0], [0.5, 8.0, 0.0], [0.0, 0.0, 1e6]],
        };
        let sensor = SensorId::new("s").unwrap();
        let mut writer = Writer::default();
        let class = Classification {
            probabilities: [(Class::Drone, 0.5), (Class::Multirotor, 0.3), (Class::Bird, 0.1)].into_iter().collect(),
        };
        let row = TrackRow {
            t: 12.0,
            id: TrackId(17),
            state: &state,
            existence: 0.25,
            phase: Phase::Tentative,
            claimed_only: false,
            height_known: false,
            class: &class,
            name: Some("RID-\"1\""),
            contradicted: true,
        };
        writer.track(&row);
        let silent = Classification::default();
        writer.track(&TrackRow { phase: Phase::Coasting, height_known: true, class: &silent, name: None, ..row });
        writer.sensor_silent(1.25, &sensor);
        writer.rid_mismatch(2.0, "x");
        writer.bias(3.0, &sensor, &[25.0, 1.2]);
        let text = String::from_utf8(writer.out).unwrap();
        let rows: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(rows[0]["t"], 12);
        assert_eq!(rows[0]["id"], "T17");
        assert_eq!(rows[0]["p"], serde_json::json!([1, -2.5, 0]));
        assert_eq!(rows[0]["P"], serde_json::json!([9, 0.5, 0, 8, 0, 1_000_000]));
        assert_eq!(rows[0]["st"], "tentative");
        assert_eq!(rows[0]["cls"], serde_json::json!({"drone": 0.8, "bird": 0.1}));
        assert_eq!(rows[0]["rid"], "RID-\"1\"");
        assert_eq!(rows[0]["flags"], serde_json::json!(["height_unknown", "contradicted"]));
        assert_eq!((&rows[1]["st"], rows[1].get("cls"), rows[1].get("rid")), (&"confirmed".into(), None, None));
        assert_eq!(rows[1]["flags"], serde_json::json!(["coasting", "contradicted"]));
        assert_eq!(rows[2], serde_json::json!({"k":"alert","t":1.25,"type":"sensor_silent","sensor":"s"}));
        assert_eq!(rows[3], serde_json::json!({"k":"alert","t":2,"type":"rid_mismatch","rid":"x"}));
        assert_eq!(rows[4], serde_json::json!({"k":"bias","t":3,"s":"s","v":[25, 1.2]}));
    }
}
