//! Where everything truly is.

use crate::random::Random;
use crate::scenario::{Flight, Object, Scenario, WayPoint};
use lapwing_model::{Enu, Geodetic, LocalFrame, math};

/// True state of an object at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct State {
    /// Position in the scenario's frame, metres.
    pub position: Enu,
    /// Velocity in the scenario's frame, metres per second.
    pub velocity: Enu,
}

/// The true paths of a scenario: a pure function of time.
#[derive(Debug, Clone)]
pub struct Truth {
    frame: LocalFrame,
    objects: Vec<Object>,
    /// Phases and rates of each object's wander: three axes of two sines.
    wander: Vec<[[(f64, f64); 2]; 3]>,
}

impl Truth {
    /// The truth of a scenario.
    pub fn new(scenario: &Scenario) -> Self {
        let random = Random::new(scenario.seed);
        let wander = (0..scenario.objects.len())
            .map(|i| {
                let mut random = random.split(1_000 + i as u64);
                [0, 1, 2].map(|_| {
                    [0, 1].map(|k| {
                        (random.between(0.0, math::TAU), random.between(0.7, 1.3) * (1.0 + f64::from(k) * 0.618))
                    })
                })
            })
            .collect();
        Self { frame: LocalFrame::new(scenario.origin), objects: scenario.objects.clone(), wander }
    }

    /// The scenario's frame.
    pub fn frame(&self) -> &LocalFrame {
        &self.frame
    }

    /// All objects.
    pub fn objects(&self) -> &[Object] {
        &self.objects
    }

    /// State of object `index` at `t` seconds; `None` when it is not there.
    pub fn state(&self, index: usize, t: f64) -> Option<State> {
        let object = self.objects.get(index)?;
        if t < object.from_s || object.until_s.is_some_and(|until| t >= until) {
            return None;
        }
        let own = t - object.from_s;
        Some(match &object.flight {
            Flight::Route { speed_mps, points } => route(points, *speed_mps, own),
            Flight::Circle { centre, radius_m, speed_mps } => circle(*centre, *radius_m, *speed_mps, own),
            Flight::Wander { centre, radius_m, speed_mps } => {
                wander(*centre, *radius_m, *speed_mps, own, self.wander.get(index).unwrap_or(&[[(0.0, 1.0); 2]; 3]))
            }
        })
    }

    /// Geodetic position of a point of the scenario's frame.
    pub fn geodetic(&self, point: Enu) -> Geodetic {
        self.frame.to_geodetic(point)
    }
}

impl From<WayPoint> for Enu {
    fn from(p: WayPoint) -> Self {
        Self::new(p.east_m, p.north_m, p.up_m)
    }
}

fn route(points: &[WayPoint], speed_mps: f64, t: f64) -> State {
    let still = |p: Enu| State { position: p, velocity: Enu::default() };
    let mut left_m = (t * speed_mps).max(0.0);
    for pair in points.windows(2) {
        let [from, to] = [0, 1].map(|i| pair.get(i).copied().map(Enu::from).unwrap_or_default());
        let leg = Enu::new(to.east_m - from.east_m, to.north_m - from.north_m, to.up_m - from.up_m);
        let length_m = leg.length_m();
        if length_m > 0.0 && left_m < length_m {
            let along = |k: f64| Enu::new(leg.east_m * k, leg.north_m * k, leg.up_m * k);
            let done = along(left_m / length_m);
            return State {
                position: Enu::new(from.east_m + done.east_m, from.north_m + done.north_m, from.up_m + done.up_m),
                velocity: along(speed_mps / length_m),
            };
        }
        left_m -= length_m;
    }
    still(points.last().copied().map(Enu::from).unwrap_or_default())
}

fn circle(centre: WayPoint, radius_m: f64, speed_mps: f64, t: f64) -> State {
    let rate = speed_mps / radius_m.max(1.0);
    let (s, c) = (math::sin(rate * t), math::cos(rate * t));
    State {
        position: Enu::new(centre.east_m + radius_m * s, centre.north_m + radius_m * c, centre.up_m),
        velocity: Enu::new(speed_mps * c, -speed_mps * s, 0.0),
    }
}

/// A sum of two sines an axis: smooth, never quite repeating, bounded by the radius; up strays a tenth as far.
fn wander(centre: WayPoint, radius_m: f64, speed_mps: f64, t: f64, phases: &[[(f64, f64); 2]; 3]) -> State {
    let axis = |terms: &[(f64, f64); 2], reach: f64| {
        terms.iter().fold((0.0, 0.0), |(x, v), (phase, rate)| {
            let w = rate * speed_mps / radius_m.max(1.0);
            (x + 0.5 * reach * math::sin(phase + w * t), v + 0.5 * reach * w * math::cos(phase + w * t))
        })
    };
    let [(e, ve), (n, vn), (u, vu)] =
        [axis(&phases[0], radius_m), axis(&phases[1], radius_m), axis(&phases[2], radius_m / 10.0)];
    State { position: Enu::new(centre.east_m + e, centre.north_m + n, centre.up_m + u), velocity: Enu::new(ve, vn, vu) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(east_m: f64, north_m: f64) -> WayPoint {
        WayPoint { east_m, north_m, up_m: 50.0 }
    }

    #[test]
    fn velocity_is_the_derivative_of_position() {
        let phases = [[(0.3, 0.9), (1.2, 1.7)], [(2.0, 1.1), (0.1, 1.9)], [(4.0, 0.8), (5.0, 1.5)]];
        let paths: [&dyn Fn(f64) -> State; 3] = [
            &|t| route(&[at(0.0, 0.0), at(300.0, 400.0), at(0.0, 400.0)], 10.0, t),
            &|t| circle(at(10.0, 20.0), 200.0, 15.0, t),
            &|t| wander(at(0.0, 0.0), 150.0, 12.0, t, &phases),
        ];
        for path in paths {
            for t in [1.0, 17.0, 63.3] {
                let (a, b, h) = (path(t - 1e-4), path(t + 1e-4), 2e-4);
                let v = path(t).velocity;
                assert!(((b.position.east_m - a.position.east_m) / h - v.east_m).abs() < 1e-3);
                assert!(((b.position.north_m - a.position.north_m) / h - v.north_m).abs() < 1e-3);
                assert!(((b.position.up_m - a.position.up_m) / h - v.up_m).abs() < 1e-3);
            }
        }
    }

    #[test]
    fn a_route_ends_where_it_ends() {
        let end = route(&[at(0.0, 0.0), at(100.0, 0.0)], 10.0, 1_000.0);
        assert_eq!(end.position, Enu::new(100.0, 0.0, 50.0));
        assert_eq!(end.velocity, Enu::default());
    }
}
