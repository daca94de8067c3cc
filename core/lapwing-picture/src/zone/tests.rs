use super::*;
use geo::{Contains, coord, point};
use lapwing_model::zone::{Shape, ZoneHeight, ZoneKind};
use lapwing_model::{Datum, Place, ZoneId};
use proptest::prelude::*;

fn place(latitude_deg: f64, longitude_deg: f64) -> Place {
    Place { latitude_deg, longitude_deg }
}

fn zone(shape: Shape) -> Zone {
    Zone {
        id: ZoneId::new("z").unwrap(),
        name: "Z".into(),
        kind: ZoneKind::Protected,
        shape,
        floor: None,
        ceiling: None,
        times: Vec::new(),
    }
}

/// A square of `half` degrees half width.
fn square(latitude: f64, longitude: f64, half: f64) -> Shape {
    let ring = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)]
        .map(|(y, x)| {
            let lon: f64 = longitude + x * half;
            place(latitude + y * half, if lon > 180.0 { lon - 360.0 } else { lon })
        })
        .to_vec();
    Shape::Polygon { polygons: vec![vec![ring]] }
}

fn flight(at: Place, velocity: [f64; 3], position_sd: f64, velocity_sd: f64) -> Flight {
    let mut covariance = [[0.0; 6]; 6];
    for i in 0..3 {
        covariance[i][i] = position_sd * position_sd;
        covariance[i + 3][i + 3] = velocity_sd * velocity_sd;
    }
    Flight {
        place: at,
        velocity,
        covariance,
        ellipsoid: None,
        sea_level: None,
        above_takeoff: None,
        above_ground: None,
        pressure: None,
        claimed: None,
    }
}

fn meet(zone: &Zone, flight: &Flight, lead_s: f64) -> Encounter {
    let index = ZoneIndex::new(std::slice::from_ref(zone));
    index.encounter(0, flight, &index.cloud(flight), lead_s).unwrap()
}

fn star(radii: &[f64], latitude: f64, longitude: f64) -> Vec<Place> {
    let n = radii.len() as f64;
    radii
        .iter()
        .enumerate()
        .map(|(i, r)| {
            let angle = i as f64 / n * lapwing_model::math::TAU;
            place(latitude + r * libm::sin(angle), longitude + r * libm::cos(angle))
        })
        .collect()
}

fn geo_polygon(rings: &[Vec<Place>]) -> geo::Polygon<f64> {
    let line = |ring: &[Place]| -> geo::LineString<f64> {
        ring.iter().map(|p| coord! { x: p.longitude_deg, y: p.latitude_deg }).collect()
    };
    geo::Polygon::new(line(&rings[0]), rings[1..].iter().map(|r| line(r)).collect())
}

proptest! {
    #[test]
    fn containment_agrees_with_the_geo_crate(
        outer in prop::collection::vec(0.02..0.2_f64, 3..20),
        hole in prop::collection::vec(0.001..0.02_f64, 3..8),
        points in prop::collection::vec((-0.25..0.25_f64, -0.25..0.25_f64), 50),
    ) {
        let rings = vec![star(&outer, 47.0, 8.0), star(&hole, 47.0, 8.0)];
        // geo wants holes inside; with three vertices the outer ring may be narrower than the hole.
        prop_assume!(rings[1].iter().all(|p| geo_polygon(&rings[..1]).contains(&point!(x: p.longitude_deg, y: p.latitude_deg))));
        let oracle = geo_polygon(&rings);
        let outline = outline::Outline::new(&Shape::Polygon { polygons: vec![rings] }).unwrap();
        for (y, x) in points {
            let at = place(47.0 + y, 8.0 + x);
            prop_assert_eq!(outline.contains(at), oracle.contains(&point!(x: at.longitude_deg, y: at.latitude_deg)));
        }
    }

    #[test]
    fn distance_agrees_with_the_geo_crate(
        radii in prop::collection::vec(0.001..0.01_f64, 4..20),
        y in -0.02..0.02_f64, x in -0.02..0.02_f64,
    ) {
        use geo::algorithm::{Distance, Euclidean};
        let ring = star(&radii, 47.0, 8.0);
        let at = place(47.0 + y, 8.0 + x);
        let (kx, ky) = outline::metres_per_degree(at.latitude_deg);
        let line: geo::LineString<f64> = ring
            .iter()
            .chain(ring.first())
            .map(|p| coord! { x: (p.longitude_deg - at.longitude_deg) * kx, y: (p.latitude_deg - at.latitude_deg) * ky })
            .collect();
        let oracle = Euclidean.distance(&point!(x: 0.0, y: 0.0), &line);
        let border = outline::Outline::new(&Shape::Polygon { polygons: vec![vec![ring]] }).unwrap().border(at);
        prop_assert!((border.signed_m.abs() - oracle).abs() < 1e-3, "{} against {}", border.signed_m, oracle);
    }

    #[test]
    fn nothing_panics_on_invalid_shapes(
        values in prop::collection::vec(prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(0.0), -400.0..400.0_f64], 0..12),
        radius in prop_oneof![Just(f64::NAN), Just(-1.0), Just(0.0), Just(1e12), Just(100.0)],
        at in (-90.0..90.0_f64, -180.0..180.0_f64),
    ) {
        let ring: Vec<Place> = values.chunks(2).filter(|c| c.len() == 2).map(|c| place(c[0], c[1])).collect();
        for shape in [
            Shape::Polygon { polygons: vec![vec![ring.clone()], Vec::new(), vec![Vec::new()]] },
            Shape::Circle { centre: place(at.0, at.1), radius_m: radius },
        ] {
            let index = ZoneIndex::new(&[zone(shape)]);
            let f = flight(place(at.0, at.1), [3.0, -2.0, 1.0], 10.0, 1.0);
            for i in index.near(f.place, 1e6) {
                let e = index.encounter(i, &f, &index.cloud(&f), 60.0).unwrap();
                prop_assert!((0.0..=1.0).contains(&e.inside_probability), "{e:?}");
                prop_assert!((0.0..=1.0).contains(&e.enter_probability), "{e:?}");
                prop_assert!(e.distance_m >= 0.0);
            }
        }
    }

    #[test]
    fn the_index_misses_no_zone(
        centres in prop::collection::vec((-89.0..89.0_f64, -180.0..180.0_f64, 10.0..200_000.0_f64), 1..40),
        at in (-89.0..89.0_f64, -180.0..180.0_f64),
        reach in 0.0..50_000.0_f64,
    ) {
        let zones: Vec<Zone> = centres.iter()
            .map(|(lat, lon, radius_m)| zone(Shape::Circle { centre: place(*lat, *lon), radius_m: *radius_m }))
            .collect();
        let index = ZoneIndex::new(&zones);
        let here = place(at.0, at.1);
        let found = index.near(here, reach);
        let (kx, ky) = outline::metres_per_degree(here.latitude_deg);
        for (i, z) in zones.iter().enumerate() {
            if outline::Outline::new(&z.shape).unwrap().box_within(here, reach / kx, reach / ky) {
                prop_assert!(found.contains(&i));
            }
        }
    }
}

#[test]
fn a_straight_approach_is_predicted_to_the_second() {
    // 0.01 degrees of latitude are 1111.8 m at 47 degrees; the border is 0.005 degrees = 555.9 m south of the start.
    let z = zone(square(47.0, 8.0, 0.005));
    let at = place(47.01, 8.0);
    let e = meet(&z, &flight(at, [0.0, -10.0, 0.0], 3.0, 0.0), 60.0);
    let entry = e.entry.unwrap();
    assert!((entry.after_s - 55.59).abs() < 0.1, "{entry:?}");
    assert!((e.distance_m - 555.9).abs() < 1.0);
    assert!(e.direction_rad.abs() < 1e-6, "it comes from the north");
    // σ of the time: position 3 m at 10 m/s, and 0.5 m/s of manoeuvre over 55.6 s: sqrt(0.3² + 2.78²) = 2.8 s.
    assert!((entry.sd_s - 2.8).abs() < 0.5, "{entry:?}");
    assert!(e.inside_probability < 1e-6);
    assert!(e.enter_probability > 0.9, "{e:?}");
    assert_eq!(e.motion, Motion::Entering);
    let away = meet(&z, &flight(at, [0.0, 10.0, 0.0], 3.0, 0.0), 60.0);
    assert_eq!((away.entry, away.motion), (None, Motion::Receding));
    assert!(away.enter_probability < 0.01);
}

#[test]
fn the_probability_of_being_inside_follows_the_covariance() {
    let z = zone(square(47.0, 8.0, 0.01));
    let border = place(47.01, 8.0);
    let (_, ky) = outline::metres_per_degree(47.01);
    for (metres_out, sd) in [(0.0, 5.0), (5.0, 5.0), (-5.0, 5.0), (10.0, 20.0)] {
        let at = place(border.latitude_deg + metres_out / ky, 8.0);
        let p = meet(&z, &flight(at, [0.0; 3], sd, 0.1), 60.0).inside_probability;
        let expected = lapwing_model::math::normal_cdf(-metres_out / sd);
        assert!((p - expected).abs() < 1e-3, "{metres_out} m out, sd {sd}: {p} against {expected}");
    }
    // A zone far smaller than the uncertainty cannot hold much of it.
    let small = zone(Shape::Circle { centre: border, radius_m: 10.0 });
    assert!(meet(&small, &flight(border, [0.0; 3], 100.0, 0.1), 60.0).inside_probability < 0.006);
}

#[test]
fn the_antimeridian_is_no_border() {
    let shape = square(-17.0, 180.0, 0.01);
    let z = zone(shape);
    for lon in [179.995, -179.995] {
        assert!(meet(&z, &flight(place(-17.0, lon), [0.0; 3], 5.0, 0.1), 60.0).inside_probability > 0.99, "{lon}");
    }
    let e = meet(&z, &flight(place(-17.0, 179.98), [20.0, 0.0, 0.0], 5.0, 0.1), 60.0);
    assert!(e.entry.is_some_and(|t| (t.after_s - 53.2).abs() < 0.5), "{e:?}");
    let circle = zone(Shape::Circle { centre: place(-17.0, 179.999), radius_m: 500.0 });
    let index = ZoneIndex::new(&[circle]);
    assert_eq!(index.near(place(-17.0, -179.999), 10.0), vec![0]);
}

#[test]
fn holes_and_several_polygons_count() {
    let Shape::Polygon { polygons: outer } = square(47.0, 8.0, 0.01) else { unreachable!() };
    let Shape::Polygon { polygons: hole } = square(47.0, 8.0, 0.005) else { unreachable!() };
    let Shape::Polygon { polygons: other } = square(47.1, 8.0, 0.005) else { unreachable!() };
    let mut first = outer[0].clone();
    first.extend(hole[0].clone());
    let z = zone(Shape::Polygon { polygons: vec![first, other[0].clone()] });
    let inside = |lat: f64| meet(&z, &flight(place(lat, 8.0), [0.0; 3], 3.0, 0.1), 60.0).inside_probability;
    assert!(inside(47.0) < 0.01, "in the hole");
    assert!(inside(47.0075) > 0.99);
    assert!(inside(47.1) > 0.99);
}

#[test]
fn heights_of_the_same_datum_are_judged_and_others_widen() {
    let limit = |value_m, datum| Some(ZoneHeight { value_m, datum });
    let mut z = zone(square(47.0, 8.0, 0.01));
    z.floor = limit(0.0, Datum::AboveGround);
    z.ceiling = limit(120.0, Datum::AboveGround);
    let mut f = flight(place(47.0, 8.0), [0.0; 3], 3.0, 0.1);
    f.sea_level = Some(Level { value_m: 600.0, sd_m: 5.0 });
    let e = meet(&z, &f, 60.0);
    assert!(!e.height_known && e.inside_probability > 0.99, "sea level says nothing of the ground: any height");
    f.above_ground = Some(Level { value_m: 300.0, sd_m: 5.0 });
    let e = meet(&z, &f, 60.0);
    assert!(e.height_known && e.inside_probability < 0.01, "{e:?}");
    // It sinks at 5 m/s: in 36 s it is through the ceiling.
    f.velocity[2] = -5.0;
    let e = meet(&z, &f, 60.0);
    assert!(e.entry.is_some_and(|t| (t.after_s - 36.0).abs() < 0.5), "{e:?}");
    assert!(e.enter_probability > 0.9);
}

#[test]
fn crossing_a_corner_is_told_from_staying() {
    let z = zone(square(47.0, 8.0, 0.001));
    let e = meet(&z, &flight(place(47.003, 8.0), [0.0, -20.0, 0.0], 2.0, 0.0), 60.0);
    assert_eq!(e.motion, Motion::Crossing, "{e:?}");
}

#[test]
fn times_hold_over_midnight() {
    use lapwing_model::zone::ZoneTime;
    let mut z = zone(square(47.0, 8.0, 0.001));
    z.times = vec![ZoneTime {
        from: None,
        to: None,
        weekdays: vec![0],
        day_from: Some(Span::from_seconds(22 * 3600)),
        day_to: Some(Span::from_seconds(6 * 3600)),
    }];
    for (text, expected) in [
        ("2026-11-23T21:59:59Z", false), // a Monday
        ("2026-11-23T22:00:00Z", true),
        ("2026-11-24T05:59:00Z", true), // Tuesday, of Monday's night
        ("2026-11-24T22:30:00Z", false),
        ("2026-11-23T05:00:00Z", false), // Monday's small hours are Sunday's night
    ] {
        assert_eq!(holds(&z, text.parse().unwrap()), expected, "{text}");
    }
    assert!(holds(&zone(square(47.0, 8.0, 0.001)), Time::MIN));
}
