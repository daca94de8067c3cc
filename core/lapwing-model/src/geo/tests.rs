use super::*;

/// Points over the globe: every 10° of latitude with the poles and their neighbourhood, every 15° of longitude with the
/// antimeridian, heights from the Dead Sea to beyond airliners.
fn globe() -> Vec<Geodetic> {
    let mut latitudes: Vec<f64> = (-9..=9).map(|k| f64::from(k) * 10.0).collect();
    latitudes.extend([-89.999_999, 89.999_999, 89.999_999_999_9, 0.000_001, 47.198_7]);
    let mut points = Vec::new();
    for latitude_deg in latitudes {
        for k in -12..=12 {
            for height_ellipsoid_m in [-430.0, 0.0, 120.0, 12_000.0, 100_000.0] {
                points.push(Geodetic { latitude_deg, longitude_deg: f64::from(k) * 15.0, height_ellipsoid_m });
            }
        }
    }
    points
}

fn distance_m(a: Ecef, b: Ecef) -> f64 {
    math::hypot(math::hypot(a.x_m - b.x_m, a.y_m - b.y_m), a.z_m - b.z_m)
}

#[test]
fn ecef_agrees_with_an_independent_library_to_a_millimetre() {
    use sguaba::systems::Wgs84;
    for point in globe() {
        let theirs = Wgs84::builder()
            .latitude(uom_deg(point.latitude_deg))
            .expect("latitude in range")
            .longitude(uom_deg(point.longitude_deg))
            .altitude(uom_m(point.height_ellipsoid_m))
            .build();
        let theirs = sguaba::Coordinate::<sguaba::systems::Ecef>::from_wgs84(&theirs);
        let (x, y, z) = (
            theirs.x().get::<uom::si::length::meter>(),
            theirs.y().get::<uom::si::length::meter>(),
            theirs.z().get::<uom::si::length::meter>(),
        );
        let gap = distance_m(point.to_ecef(), Ecef { x_m: x, y_m: y, z_m: z });
        assert!(gap < 1e-3, "{point:?}: {gap} m");
    }
}

#[test]
fn ecef_round_trips_to_a_micrometre_everywhere() {
    for point in globe() {
        let there = point.to_ecef();
        let gap = distance_m(there, there.to_geodetic().to_ecef());
        assert!(gap < 1e-6, "{point:?}: {gap} m");
        assert!((there.to_geodetic().height_ellipsoid_m - point.height_ellipsoid_m).abs() < 1e-6);
    }
}

#[test]
fn enu_agrees_with_an_independent_library_to_a_millimetre() {
    use sguaba::{engineering::Orientation, math::RigidBodyTransform, systems::Wgs84};
    sguaba::system!(struct Local using ENU);
    let _ = Orientation::<Local>::aligned();
    for origin in globe().into_iter().filter(|p| p.latitude_deg.abs() <= 89.0 && p.height_ellipsoid_m < 1000.0) {
        let wgs = |p: Geodetic| {
            Wgs84::builder()
                .latitude(uom_deg(p.latitude_deg))
                .expect("latitude in range")
                .longitude(uom_deg(p.longitude_deg))
                .altitude(uom_m(p.height_ellipsoid_m))
                .build()
        };
        // SAFETY: the transform defines `Local` at this origin, and is used with no other.
        #[allow(unsafe_code)]
        let transform = unsafe { RigidBodyTransform::ecef_to_enu_at(&wgs(origin)) };
        let frame = LocalFrame::new(origin);
        for offset in [Enu::new(1_000.0, -2_000.0, 300.0), Enu::new(-15_000.0, 9_000.0, 5_000.0)] {
            let point = frame.to_geodetic(offset);
            let theirs: sguaba::Coordinate<Local> =
                transform.transform(sguaba::Coordinate::<sguaba::systems::Ecef>::from_wgs84(&wgs(point)));
            let theirs = Enu::new(
                theirs.enu_east().get::<uom::si::length::meter>(),
                theirs.enu_north().get::<uom::si::length::meter>(),
                theirs.enu_up().get::<uom::si::length::meter>(),
            );
            let ours = frame.to_enu(point);
            let gap = Enu::new(ours.east_m - theirs.east_m, ours.north_m - theirs.north_m, ours.up_m - theirs.up_m)
                .length_m();
            assert!(gap < 1e-3, "{origin:?} {offset:?}: {gap} m");
        }
    }
}

#[test]
fn local_frames_work_at_the_poles_and_the_antimeridian() {
    for origin in [(90.0, 0.0), (-90.0, 0.0), (0.0, 180.0), (52.0, -180.0)] {
        let frame =
            LocalFrame::new(Geodetic { latitude_deg: origin.0, longitude_deg: origin.1, height_ellipsoid_m: 0.0 });
        let there = Enu::new(1234.5, -987.6, 55.0);
        let back = frame.to_enu(frame.to_geodetic(there));
        assert!((back.east_m - there.east_m).abs() < 1e-6, "{origin:?} {back:?}");
        assert!((back.north_m - there.north_m).abs() < 1e-6, "{origin:?} {back:?}");
        assert!((back.up_m - there.up_m).abs() < 1e-6, "{origin:?} {back:?}");
    }
}

#[test]
fn polar_round_trips() {
    let v = Enu::from_polar(5_000.0, math::rad(340.0), math::rad(12.0));
    assert!((v.length_m() - 5_000.0).abs() < 1e-9);
    assert!((math::deg(v.azimuth_rad()) - 340.0).abs() < 1e-9);
    assert!((math::deg(v.elevation_rad()) - 12.0).abs() < 1e-9);
}

#[test]
fn the_earths_centre_is_not_a_panic() {
    let centre = Ecef { x_m: 0.0, y_m: 0.0, z_m: 0.0 }.to_geodetic();
    assert!(centre.latitude_deg.is_finite() && centre.height_ellipsoid_m.is_finite());
}

fn uom_deg(deg: f64) -> uom::si::f64::Angle {
    uom::si::f64::Angle::new::<uom::si::angle::degree>(deg)
}

fn uom_m(m: f64) -> uom::si::f64::Length {
    uom::si::f64::Length::new::<uom::si::length::meter>(m)
}
