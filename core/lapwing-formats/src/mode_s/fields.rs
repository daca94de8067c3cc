//! Small fields shared by several messages: altitude and identity codes, callsigns, movement, units.

use serde::{Serialize, Serializer};
use std::fmt;

/// Metres in a foot (exact).
pub const FOOT_M: f64 = 0.3048;
/// Metres per second in a knot (exact).
pub const KNOT_MPS: f64 = 1852.0 / 3600.0;
/// Metres per second in a foot per minute (exact).
pub const FOOT_PER_MINUTE_MPS: f64 = FOOT_M / 60.0;
/// Metres in a nautical mile (exact).
pub const NAUTICAL_MILE_M: f64 = 1852.0;

/// How an altitude code was encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AltitudeEncoding {
    /// All bits zero: the altitude is not known.
    Unknown,
    /// Q bit set: steps of 25 ft from -1000 ft.
    Feet25,
    /// Q bit clear: Gillham code, steps of 100 ft from -1200 ft.
    Gillham,
    /// M bit set: reserved for metric units, never assigned; no value.
    Metric,
    /// A Gillham code that no altitude has.
    Invalid,
}

/// An altitude code as sent, with its encoding and its value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Altitude {
    /// How it was encoded.
    pub encoding: AltitudeEncoding,
    /// The value, metres, in the datum the message says.
    pub value_m: Option<f64>,
}

/// Altitude code of 13 bits (Annex 10 Volume IV, 3.1.2.6.5.4), as in DF 0, 4, 16 and 20.
pub fn altitude_13(code: u32) -> Altitude {
    let (encoding, feet) = if code == 0 {
        (AltitudeEncoding::Unknown, None)
    } else if code & 0x40 != 0 {
        (AltitudeEncoding::Metric, None)
    } else if code & 0x10 != 0 {
        let n = (code & 0x1F80) >> 2 | (code & 0x20) >> 1 | (code & 0x0F);
        (AltitudeEncoding::Feet25, Some(f64::from(n) * 25.0 - 1000.0))
    } else {
        match gillham_feet(code) {
            Some(feet) => (AltitudeEncoding::Gillham, Some(f64::from(feet))),
            None => (AltitudeEncoding::Invalid, None),
        }
    };
    Altitude { encoding, value_m: feet.map(|feet| feet * FOOT_M) }
}

/// Altitude code of 12 bits (the same without the M bit), as in airborne position squitters.
pub fn altitude_12(code: u32) -> Altitude {
    altitude_13((code & 0xFC0) << 1 | (code & 0x3F))
}

/// Gillham (Mode C) code in a 13-bit field `C1 A1 C2 A2 C4 A4 M B1 Q B2 D2 B4 D4` to feet (Annex 10 Volume IV, appendix to
/// chapter 3): a reflected Gray code of 500 ft steps in D A B and a five-step one of 100 ft in C.
fn gillham_feet(code: u32) -> Option<i32> {
    let bit = |n: u32| code >> n & 1;
    let (c1, a1, c2, a2, c4, a4) = (bit(12), bit(11), bit(10), bit(9), bit(8), bit(7));
    let (b1, b2, d2, b4, d4) = (bit(5), bit(3), bit(2), bit(1), bit(0));
    let fives = gray_to_binary(d2 << 7 | d4 << 6 | a1 << 5 | a2 << 4 | a4 << 3 | b1 << 2 | b2 << 1 | b4);
    let hundreds = match gray_to_binary(c1 << 2 | c2 << 1 | c4) {
        n @ 1..=4 => n,
        7 => 5,
        _ => return None,
    };
    // The hundreds run backwards in every other block of five.
    let hundreds = if fives % 2 == 1 { 6 - hundreds } else { hundreds };
    Some(fives as i32 * 500 + hundreds as i32 * 100 - 1300)
}

fn gray_to_binary(gray: u32) -> u32 {
    let n = gray ^ gray >> 4;
    let n = n ^ n >> 2;
    n ^ n >> 1
}

/// The 12-bit code with the Q bit for a height in metres; `None` outside -1000 ft to 50,175 ft.
pub fn encode_altitude_12(value_m: f64) -> Option<u32> {
    let n = libm::round((value_m / FOOT_M + 1000.0) / 25.0);
    // NaN is in no range. Code 0 with Q is -1000 ft and sent; only all twelve bits zero mean unknown.
    if !(0.0..2048.0).contains(&n) {
        return None;
    }
    let n = n as u32;
    Some((n & 0x7F0) << 1 | 0x10 | n & 0x0F)
}

/// A Mode A code. Written as four octal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Squawk(pub u16);

impl Squawk {
    /// From the 13-bit identity field `C1 A1 C2 A2 C4 A4 X B1 D1 B2 D2 B4 D4` (Annex 10 Volume IV, 3.1.2.6.7.1).
    pub fn from_identity_13(code: u32) -> Self {
        let bit = |n: u32| (code >> n & 1) as u16;
        let a = bit(7) << 2 | bit(9) << 1 | bit(11);
        let b = bit(1) << 2 | bit(3) << 1 | bit(5);
        let c = bit(8) << 2 | bit(10) << 1 | bit(12);
        let d = bit(0) << 2 | bit(2) << 1 | bit(4);
        Self(a << 9 | b << 6 | c << 3 | d)
    }

    /// From four octal digits.
    pub fn from_digits(text: &str) -> Option<Self> {
        let ok = text.len() == 4 && text.bytes().all(|c| (b'0'..=b'7').contains(&c));
        ok.then(|| u16::from_str_radix(text, 8).ok().map(Self)).flatten()
    }
}

impl fmt::Display for Squawk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

impl fmt::Debug for Squawk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Squawk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A callsign of up to eight characters `A-Z 0-9` and inner blanks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Callsign {
    text: [u8; 8],
    length: u8,
}

impl Callsign {
    /// From eight six-bit characters (Annex 10 Volume IV, table 3-9). `None` when it is blank or holds a character outside the set;
    /// trailing code 0 is taken as a blank, as many transponders send it.
    pub fn from_sixbit(bits: u64) -> Option<Self> {
        let mut text = [b' '; 8];
        let mut length = 0u8;
        for (n, slot) in (1u8..).zip(text.iter_mut()) {
            match (bits >> (48 - 6 * u32::from(n)) & 0x3F) as u8 {
                code @ 1..=26 => *slot = b'A' + code - 1,
                code @ 48..=57 => *slot = code,
                // Only a run of them at the end passes, see below.
                0 => *slot = 0,
                32 => continue,
                _ => return None,
            }
            if *slot != 0 {
                length = n;
            }
        }
        let named = text.get(..usize::from(length))?;
        (length > 0 && !named.contains(&0)).then_some(Self { text, length })
    }

    /// From text; `None` when it is empty, too long or holds a character outside `A-Z 0-9` and blank.
    pub fn from_text(name: &str) -> Option<Self> {
        let name = name.trim_end().as_bytes();
        let ok = (1..=8).contains(&name.len()) && name.iter().all(|c| matches!(c, b'A'..=b'Z' | b'0'..=b'9' | b' '));
        let mut text = [b' '; 8];
        text.get_mut(..name.len())?.copy_from_slice(name);
        ok.then_some(Self { text, length: name.len() as u8 })
    }

    /// The eight six-bit characters.
    pub fn to_sixbit(self) -> u64 {
        self.text
            .iter()
            .fold(0, |bits, c| bits << 6 | u64::from(if c.is_ascii_uppercase() { c - b'A' + 1 } else { (*c).max(32) }))
    }

    /// The text without trailing blanks.
    pub fn as_str(&self) -> &str {
        self.text.get(..usize::from(self.length)).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
    }
}

impl fmt::Debug for Callsign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Callsign {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Steps of the movement code of surface positions: first code, speed there and step, knots (DO-260B 2.2.3.2.4.2).
const MOVEMENT: [(u8, f64, f64); 7] = [
    (1, 0.0, 0.0),
    (2, 0.125, 0.125),
    (9, 1.0, 0.25),
    (13, 2.0, 0.5),
    (39, 15.0, 1.0),
    (94, 70.0, 2.0),
    (109, 100.0, 5.0),
];

/// Ground speed of a surface position, metres per second: the lower end of the coded interval. Code 124 means 175 kt or more.
pub fn movement_mps(code: u8) -> Option<f64> {
    if !(1..=124).contains(&code) {
        return None;
    }
    let (first, speed, step) = *MOVEMENT.iter().rev().find(|(first, ..)| code >= *first)?;
    Some((speed + f64::from(code - first) * step) * KNOT_MPS)
}

/// The movement code for a ground speed, metres per second.
pub fn encode_movement(speed_mps: f64) -> Option<u8> {
    // The small allowance keeps a speed that came out of `movement_mps` in its own interval.
    let knots = speed_mps / KNOT_MPS + 1e-9;
    if knots.is_nan() || knots < 0.0 {
        return None;
    }
    if knots >= 175.0 {
        return Some(124);
    }
    let (first, speed, step) = *MOVEMENT.iter().rev().find(|(_, speed, _)| knots >= *speed)?;
    Some(if step > 0.0 { first + ((knots - speed) / step) as u8 } else { first })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn altitudes_in_25_ft_steps() {
        // The 1090 Megahertz Riddle, chapter 3: 0xC38 in an airborne position is 38,000 ft.
        let got = altitude_12(0b1100_0011_1000);
        assert_eq!((got.encoding, got.value_m), (AltitudeEncoding::Feet25, Some(38_000.0 * FOOT_M)));
        assert_eq!(altitude_13(0), Altitude { encoding: AltitudeEncoding::Unknown, value_m: None });
        assert_eq!(altitude_13(0x40), Altitude { encoding: AltitudeEncoding::Metric, value_m: None });
    }

    #[test]
    fn all_25_ft_steps_round_trip() {
        for n in 0..2048 {
            let value_m = (f64::from(n) * 25.0 - 1000.0) * FOOT_M;
            let code = encode_altitude_12(value_m).unwrap();
            assert_eq!(altitude_12(code).value_m, Some(value_m));
        }
        for bad in [f64::NAN, -400.0, 20_000.0] {
            assert_eq!(encode_altitude_12(bad), None, "{bad}");
        }
    }

    /// The pulses of a height, as the table of Annex 10 Volume IV is built: blocks of 500 ft, C forwards and backwards in turn.
    fn gillham_code(feet: i32) -> u32 {
        let step = (feet + 1200) / 100;
        let (block, row) = (step / 5, (step % 5) as usize);
        let c_order = [0b001, 0b011, 0b010, 0b110, 0b100];
        let c_pulses: u32 = if block % 2 == 0 { c_order[row] } else { c_order[4 - row] };
        let gray = (block ^ (block >> 1)) as u32;
        let g = |n: u32| gray >> n & 1;
        let c = |n: u32| c_pulses >> n & 1;
        // C1 A1 C2 A2 C4 A4 M B1 Q B2 D2 B4 D4
        c(2) << 12
            | g(5) << 11
            | c(1) << 10
            | g(4) << 9
            | c(0) << 8
            | g(3) << 7
            | g(2) << 5
            | g(1) << 3
            | g(7) << 2
            | g(0) << 1
            | g(6)
    }

    #[test]
    fn gillham_table() {
        // Rows of the published table by their pulses: -1200 ft is C4, -1000 ft is C2, 0 ft is B2 B4 C2.
        for (code, feet) in [(1 << 8, -1200.0), (1 << 10, -1000.0), (1 << 10 | 1 << 3 | 1 << 1, 0.0)] {
            assert!((altitude_13(code).value_m.unwrap() - feet * FOOT_M).abs() < 1e-9, "{feet}");
        }
        for feet in (-1200..=126_700).step_by(100) {
            let got = altitude_13(gillham_code(feet));
            assert_eq!(got.encoding, AltitudeEncoding::Gillham, "{feet}");
            assert!((got.value_m.unwrap() - f64::from(feet) * FOOT_M).abs() < 1e-9, "{feet}: {got:?}");
        }
    }

    #[test]
    fn impossible_gillham_codes_have_no_value() {
        // C1 and C4 together, and no C at all, stand for no height.
        for code in [1 << 12 | 1 << 8, 1 << 11] {
            assert_eq!(altitude_13(code), Altitude { encoding: AltitudeEncoding::Invalid, value_m: None });
        }
    }

    #[test]
    fn squawks() {
        // pyModeS test vector: 2A00516D492B80 answers 0356.
        assert_eq!(Squawk::from_identity_13(0x2A00_516D & 0x1FFF), Squawk::from_digits("0356").unwrap());
        assert_eq!(Squawk::from_digits("7500").unwrap().to_string(), "7500");
        for bad in ["", "8000", "750", "75000", "+750"] {
            assert_eq!(Squawk::from_digits(bad), None, "{bad}");
        }
    }

    #[test]
    fn callsigns() {
        for name in ["KLM1302", "A", "N 12", "ZZZZZZ99"] {
            let callsign = Callsign::from_text(name).unwrap();
            assert_eq!(callsign.as_str(), name);
            assert_eq!(Callsign::from_sixbit(callsign.to_sixbit()), Some(callsign));
        }
        for bad in ["", "   ", "klm", "123456789", "A-B"] {
            assert_eq!(Callsign::from_text(bad), None, "{bad}");
        }
        assert_eq!(Callsign::from_sixbit(0), None);
        assert_eq!(Callsign::from_sixbit(0x0410_4100_0000).unwrap().as_str(), "AAAA", "filled up with zeros");
        assert_eq!(Callsign::from_sixbit(0x0400_4104_1041), None, "a hole in the middle");
    }

    #[test]
    fn movement_steps_meet_without_gaps() {
        let speeds: Vec<f64> = (1..=124).map(|c| movement_mps(c).unwrap() / KNOT_MPS).collect();
        assert!(speeds.windows(2).all(|w| w[1] > w[0] && w[1] - w[0] <= 5.0 + 1e-9), "{speeds:?}");
        assert!((speeds[123] - 175.0).abs() < 1e-9);
        for code in 1..=124 {
            assert_eq!(encode_movement(movement_mps(code).unwrap()), Some(code), "code {code}");
        }
        assert_eq!((movement_mps(0), movement_mps(125)), (None, None));
    }
}
