//! What the quality codes mean in metres (DO-260B 2.2.3.2.7.2, as published in "The 1090 Megahertz Riddle" and readsb; for version 0 DO-260's NUCp).

use super::fields::NAUTICAL_MILE_M;

/// 95 % bound of the horizontal position for a NACp, metres. 0 and reserved codes: unknown.
pub fn position_accuracy_m(nac_p: u8) -> Option<f64> {
    match nac_p {
        1 => Some(10.0 * NAUTICAL_MILE_M),
        2 => Some(4.0 * NAUTICAL_MILE_M),
        3 => Some(2.0 * NAUTICAL_MILE_M),
        4 => Some(NAUTICAL_MILE_M),
        5 => Some(0.5 * NAUTICAL_MILE_M),
        6 => Some(0.3 * NAUTICAL_MILE_M),
        7 => Some(0.1 * NAUTICAL_MILE_M),
        8 => Some(0.05 * NAUTICAL_MILE_M),
        9 => Some(30.0),
        10 => Some(10.0),
        11 => Some(3.0),
        _ => None,
    }
}

/// 95 % bound of the height by GNSS for a GVA, metres.
pub fn vertical_accuracy_m(gva: u8) -> Option<f64> {
    match gva {
        1 => Some(150.0),
        2 => Some(45.0),
        _ => None,
    }
}

/// The NIC supplements that are known of an aircraft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Supplements {
    /// From the operational status.
    pub a: bool,
    /// From the position itself.
    pub b: bool,
    /// From the operational status on the surface.
    pub c: bool,
}

/// Navigation integrity category of a position and its radius of containment, metres. `None` in both where nothing is promised.
///
/// `version` is `None` until an operational status was heard; then, as DO-260B asks of receivers, the aircraft counts as version 0,
/// which has no NIC, only the radius of its NUCp.
pub fn integrity(type_code: u8, version: Option<u8>, s: Supplements) -> (Option<u8>, Option<f64>) {
    let version = version.unwrap_or(0);
    // Version 1 has only supplement A; it plays the part that A and B play together.
    let both = s.a && (s.b || version < 2);
    let (nic, radius_m) = match type_code {
        5 | 9 | 20 => (11, 7.5),
        6 | 10 | 21 => (10, 25.0),
        7 if version >= 1 && s.a && !(version >= 2 && s.c) => (9, 75.0),
        7 => (8, 0.1 * NAUTICAL_MILE_M),
        8 if version >= 2 && s.a && s.c => (7, 0.2 * NAUTICAL_MILE_M),
        8 if version >= 2 && s.a => (6, 0.3 * NAUTICAL_MILE_M),
        8 if version >= 2 && s.c => (6, 0.6 * NAUTICAL_MILE_M),
        11 if version >= 1 && both => (9, 75.0),
        11 => (8, 0.1 * NAUTICAL_MILE_M),
        12 => (7, 0.2 * NAUTICAL_MILE_M),
        13 if version >= 1 && both => (6, 0.6 * NAUTICAL_MILE_M),
        13 if version >= 2 && !s.a && s.b => (6, 0.3 * NAUTICAL_MILE_M),
        13 => (6, 0.5 * NAUTICAL_MILE_M),
        14 => (5, NAUTICAL_MILE_M),
        15 => (4, 2.0 * NAUTICAL_MILE_M),
        16 if version >= 1 && both => (3, 4.0 * NAUTICAL_MILE_M),
        16 if version >= 1 => (2, 8.0 * NAUTICAL_MILE_M),
        16 => (2, 10.0 * NAUTICAL_MILE_M),
        17 => (1, 20.0 * NAUTICAL_MILE_M),
        _ => return (None, None),
    };
    ((version >= 1).then_some(nic), Some(radius_m))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn better_codes_never_promise_less() {
        let radii: Vec<f64> = (1..=11).map(|n| position_accuracy_m(n).unwrap()).collect();
        assert!(radii.windows(2).all(|w| w[1] < w[0]), "{radii:?}");
        assert_eq!((position_accuracy_m(0), position_accuracy_m(12), vertical_accuracy_m(0)), (None, None, None));
    }

    #[test]
    fn rows_of_the_published_table() {
        let (a, ab, ac) = (
            Supplements { a: true, ..Supplements::default() },
            Supplements { a: true, b: true, c: false },
            Supplements { a: true, b: false, c: true },
        );
        let none = Supplements::default();
        for (type_code, version, s, nic, radius_m) in [
            (9, Some(2), none, Some(11), Some(7.5)),
            (11, Some(2), ab, Some(9), Some(75.0)),
            (11, Some(2), a, Some(8), Some(185.2)),
            (11, Some(1), a, Some(9), Some(75.0)),
            (11, None, ab, None, Some(185.2)),
            (13, Some(2), Supplements { b: true, ..none }, Some(6), Some(555.6)),
            (16, Some(2), ab, Some(3), Some(7408.0)),
            (16, None, none, None, Some(18_520.0)),
            (7, Some(2), a, Some(9), Some(75.0)),
            (7, Some(2), ac, Some(8), Some(185.2)),
            (8, Some(2), ac, Some(7), Some(370.4)),
            (8, Some(2), none, None, None),
            (18, Some(2), none, None, None),
            (22, Some(2), none, None, None),
        ] {
            let got = integrity(type_code, version, s);
            assert_eq!(got.0, nic, "type {type_code} version {version:?} {s:?}");
            assert!(
                got.1.zip(radius_m).map_or(got.1 == radius_m, |(g, w)| (g - w).abs() < 1e-9),
                "{type_code} {version:?} {got:?}"
            );
        }
    }
}
