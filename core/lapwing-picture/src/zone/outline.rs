//! The outline of a zone on the ground, and lines through it.

use lapwing_model::{Place, Shape, geo, math};

/// A vector in the horizontal plane at the aircraft, metres east and north.
pub(crate) type Plane = (f64, f64);

/// Metres per degree of longitude and of latitude on the WGS-84 ellipsoid.
pub(crate) fn metres_per_degree(latitude_deg: f64) -> (f64, f64) {
    let e2 = geo::FLATTENING * (2.0 - geo::FLATTENING);
    let phi = math::rad(latitude_deg);
    let w2 = 1.0 - e2 * math::sin(phi) * math::sin(phi);
    let w = math::sqrt(w2);
    let prime_vertical = geo::SEMI_MAJOR_M / w;
    let meridional = geo::SEMI_MAJOR_M * (1.0 - e2) / (w2 * w);
    (math::rad(prime_vertical * math::cos(phi)).max(1e-3), math::rad(meridional))
}

/// Degrees wrapped into [-180, 180).
pub(crate) fn wrap_deg(deg: f64) -> f64 {
    deg - 360.0 * math::floor((deg + 180.0) / 360.0)
}

/// Where the border is nearest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Border {
    /// Distance to it, metres; negative inside.
    pub(crate) signed_m: f64,
    /// Unit vector out of the zone, across the border there.
    pub(crate) outward: Plane,
}

#[derive(Debug, Clone, PartialEq)]
enum Form {
    /// Polygons of rings of (longitude from `middle`, latitude), degrees; rings are open.
    Polygons(Vec<Vec<Vec<(f64, f64)>>>),
    /// A circle around `middle`.
    Circle(f64),
}

/// An outline made ready: checked, unwrapped, boxed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outline {
    middle: Place,
    form: Form,
    /// Half extent in longitude, then least and greatest latitude, degrees.
    half_width_deg: f64,
    south_deg: f64,
    north_deg: f64,
    area_m2: f64,
}

impl Outline {
    /// `None` when nothing usable is left: a ring needs three finite vertices, a circle a positive finite radius.
    pub(crate) fn new(shape: &Shape) -> Option<Self> {
        match shape {
            Shape::Circle { centre, radius_m } => Self::circle(*centre, *radius_m),
            Shape::Polygon { polygons } => Self::polygons(polygons),
        }
    }

    fn circle(centre: Place, radius_m: f64) -> Option<Self> {
        let centre = Place::new(centre.latitude_deg, centre.longitude_deg)?;
        if !(radius_m.is_finite() && radius_m > 0.0) {
            return None;
        }
        let (_, ky) = metres_per_degree(centre.latitude_deg);
        let dlat = radius_m / ky;
        // The widest parallel the circle touches is the one nearest to a pole.
        let (kx, _) = metres_per_degree((centre.latitude_deg.abs() + dlat).min(90.0));
        Some(Self {
            middle: centre,
            form: Form::Circle(radius_m),
            half_width_deg: (radius_m / kx).min(180.0),
            south_deg: centre.latitude_deg - dlat,
            north_deg: centre.latitude_deg + dlat,
            area_m2: math::PI * radius_m * radius_m,
        })
    }

    fn polygons(polygons: &[Vec<Vec<Place>>]) -> Option<Self> {
        let reference =
            polygons.iter().flatten().flatten().find_map(|p| Place::new(p.latitude_deg, p.longitude_deg))?;
        let mut out = Vec::new();
        for polygon in polygons {
            let mut rings: Vec<Vec<(f64, f64)>> = Vec::new();
            for (i, ring) in polygon.iter().enumerate() {
                let ring = unwrap_ring(ring, reference.longitude_deg);
                if ring.len() < 3 {
                    // Without its outer ring a polygon is nothing; a hole that is nothing is no hole.
                    if i == 0 {
                        break;
                    }
                    continue;
                }
                rings.push(ring);
            }
            if !rings.is_empty() {
                out.push(rings);
            }
        }
        let all = || out.iter().flatten().flatten();
        let (west, east) = all().fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(v.0), b.max(v.0)));
        let (south_deg, north_deg) = all().fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(v.1), b.max(v.1)));
        if out.is_empty() {
            return None;
        }
        let centre = (west + east) / 2.0;
        out.iter_mut().flatten().flatten().for_each(|v| v.0 -= centre);
        let (kx, ky) = metres_per_degree((south_deg + north_deg) / 2.0);
        let area_deg2: f64 = out
            .iter()
            .map(|rings| {
                let (outer, holes) = rings.split_first().map_or((0.0, 0.0), |(outer, holes)| {
                    (ring_area(outer), holes.iter().map(|h| ring_area(h)).sum::<f64>())
                });
                (outer - holes).max(0.0)
            })
            .sum();
        Some(Self {
            middle: Place {
                latitude_deg: (south_deg + north_deg) / 2.0,
                longitude_deg: wrap_deg(reference.longitude_deg + centre),
            },
            form: Form::Polygons(out),
            half_width_deg: ((east - west) / 2.0).min(180.0),
            south_deg,
            north_deg,
            area_m2: area_deg2 * kx * ky,
        })
    }

    /// Area, square metres.
    pub(crate) fn area_m2(&self) -> f64 {
        self.area_m2
    }

    /// West edge and width in degrees (west in [-180, 180)), south, north.
    pub(crate) fn bounds_deg(&self) -> (f64, f64, f64, f64) {
        let west = wrap_deg(self.middle.longitude_deg - self.half_width_deg);
        (west, 2.0 * self.half_width_deg, self.south_deg, self.north_deg)
    }

    /// Whether the box around the outline comes within so many degrees of a place.
    pub(crate) fn box_within(&self, place: Place, dlon_deg: f64, dlat_deg: f64) -> bool {
        place.latitude_deg >= self.south_deg - dlat_deg
            && place.latitude_deg <= self.north_deg + dlat_deg
            && wrap_deg(place.longitude_deg - self.middle.longitude_deg).abs() - self.half_width_deg <= dlon_deg
    }

    /// Whether a place is inside; on the border it may be either.
    pub(crate) fn contains(&self, place: Place) -> bool {
        match &self.form {
            Form::Circle(radius_m) => {
                let (x, y) = self.off_middle(place);
                math::hypot(x, y) < *radius_m
            }
            Form::Polygons(polygons) => {
                let point = self.relative(place);
                polygons.iter().any(|rings| contains(rings, point))
            }
        }
    }

    /// The place as (longitude from the middle, latitude).
    fn relative(&self, place: Place) -> (f64, f64) {
        (wrap_deg(place.longitude_deg - self.middle.longitude_deg), place.latitude_deg)
    }

    /// Metres east and north of the middle, by the scale halfway between.
    fn off_middle(&self, place: Place) -> Plane {
        let (lon, lat) = self.relative(place);
        let (kx, ky) = metres_per_degree((lat + self.middle.latitude_deg) / 2.0);
        (lon * kx, (lat - self.middle.latitude_deg) * ky)
    }

    /// The nearest border.
    pub(crate) fn border(&self, place: Place) -> Border {
        match &self.form {
            Form::Circle(radius_m) => {
                let (x, y) = self.off_middle(place);
                let r = math::hypot(x, y);
                let outward = if r > 1e-6 { (x / r, y / r) } else { (0.0, 1.0) };
                Border { signed_m: r - radius_m, outward }
            }
            Form::Polygons(polygons) => self.polygon_border(polygons, place),
        }
    }

    fn polygon_border(&self, polygons: &[Vec<Vec<(f64, f64)>>], place: Place) -> Border {
        let point = self.relative(place);
        let (kx, ky) = metres_per_degree(point.1);
        let mut best = (f64::MAX, (0.0, 1.0), (1.0, 0.0));
        for ring in polygons.iter().flatten() {
            for (a, b) in edges(ring) {
                let a = ((a.0 - point.0) * kx, (a.1 - point.1) * ky);
                let d = ((b.0 - point.0) * kx - a.0, (b.1 - point.1) * ky - a.1);
                let length2 = d.0 * d.0 + d.1 * d.1;
                let s = if length2 > 0.0 { (-(a.0 * d.0 + a.1 * d.1) / length2).clamp(0.0, 1.0) } else { 0.0 };
                let nearest = (a.0 + s * d.0, a.1 + s * d.1);
                let distance = math::hypot(nearest.0, nearest.1);
                if distance < best.0 {
                    best = (distance, nearest, d);
                }
            }
        }
        let (distance, nearest, edge) = best;
        let inside = polygons.iter().any(|rings| contains(rings, point));
        let outward = if distance > 1e-6 {
            let sign = if inside { 1.0 } else { -1.0 };
            (sign * nearest.0 / distance, sign * nearest.1 / distance)
        } else {
            // On the border itself: across the edge; which of the two ways does not matter to a variance.
            let length = math::hypot(edge.0, edge.1).max(1e-9);
            (edge.1 / length, -edge.0 / length)
        };
        Border { signed_m: if inside { -distance } else { distance }, outward }
    }

    /// The outline in metres around a place, for flying lines through it.
    pub(crate) fn around(&self, place: Place) -> Around {
        match &self.form {
            Form::Circle(radius_m) => Around::Circle(self.off_middle(place), *radius_m),
            Form::Polygons(polygons) => {
                let point = self.relative(place);
                let (kx, ky) = metres_per_degree(point.1);
                let ring = |ring: &Vec<(f64, f64)>| -> Vec<Plane> {
                    ring.iter().map(|v| ((v.0 - point.0) * kx, (v.1 - point.1) * ky)).collect()
                };
                Around::Polygons(polygons.iter().map(|rings| rings.iter().map(ring).collect()).collect())
            }
        }
    }
}

/// An outline in metres east and north of a place.
#[derive(Debug)]
pub(crate) enum Around {
    /// Where the place is from the middle, and the radius.
    Circle(Plane, f64),
    /// Polygons of rings.
    Polygons(Vec<Vec<Vec<Plane>>>),
}

impl Around {
    /// The stretches of time within [0, `horizon_s`] in which a straight flight from `offset` metres off the place, with
    /// `velocity`, is over the outline, sorted, in `out`.
    pub(crate) fn times_over(&self, offset: Plane, velocity: Plane, horizon_s: f64, out: &mut Vec<(f64, f64)>) {
        out.clear();
        match self {
            Self::Circle(middle, radius_m) => {
                let p = (middle.0 + offset.0, middle.1 + offset.1);
                out.extend(circle_times(p, velocity, *radius_m, horizon_s));
            }
            Self::Polygons(polygons) => {
                let mut crossings = Vec::new();
                for rings in polygons {
                    crossings.clear();
                    let mut inside = contains(rings, offset);
                    for ring in rings {
                        for (a, b) in edges(ring) {
                            let a = (a.0 - offset.0, a.1 - offset.1);
                            let b = (b.0 - offset.0, b.1 - offset.1);
                            crossings.extend(crossing(a, b, velocity).filter(|t| *t <= horizon_s));
                        }
                    }
                    crossings.sort_by(f64::total_cmp);
                    let mut since = 0.0;
                    for t in &crossings {
                        if inside {
                            out.push((since, *t));
                        }
                        since = *t;
                        inside = !inside;
                    }
                    if inside {
                        out.push((since, horizon_s));
                    }
                }
                out.sort_by(|a, b| a.0.total_cmp(&b.0));
            }
        }
    }
}

/// Drops what is no place, unwraps longitudes along the ring from `reference`, opens a closed ring.
fn unwrap_ring(ring: &[Place], reference: f64) -> Vec<(f64, f64)> {
    let mut out: Vec<(f64, f64)> = Vec::with_capacity(ring.len());
    for place in ring.iter().filter_map(|p| Place::new(p.latitude_deg, p.longitude_deg)) {
        let longitude = match out.last() {
            None => wrap_deg(place.longitude_deg - reference),
            Some((last, _)) => last + wrap_deg(place.longitude_deg - reference - last),
        };
        out.push((longitude, place.latitude_deg));
    }
    if out.len() > 1 && out.first() == out.last() {
        out.pop();
    }
    out
}

fn edges(ring: &[(f64, f64)]) -> impl Iterator<Item = ((f64, f64), (f64, f64))> + '_ {
    ring.iter().zip(ring.iter().cycle().skip(1)).map(|(a, b)| (*a, *b))
}

fn ring_area(ring: &[(f64, f64)]) -> f64 {
    (edges(ring).map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum::<f64>() / 2.0).abs()
}

/// Even-odd over all rings of a polygon, so that directions do not matter.
fn contains(rings: &[Vec<(f64, f64)>], point: (f64, f64)) -> bool {
    let mut inside = false;
    for ring in rings {
        for (a, b) in edges(ring) {
            if (a.1 > point.1) != (b.1 > point.1) {
                let x = a.0 + (point.1 - a.1) / (b.1 - a.1) * (b.0 - a.0);
                if point.0 < x {
                    inside = !inside;
                }
            }
        }
    }
    inside
}

/// When a flight from the origin with `velocity` crosses the edge from `a` to `b`, seconds, if it does.
///
/// The ends are told apart by the side of the line they lie on, with zero counted as one side, so that a flight through a
/// vertex crosses exactly one of its two edges, or none, or both: never an odd number too many.
fn crossing(a: Plane, b: Plane, velocity: Plane) -> Option<f64> {
    let side = |p: Plane| velocity.0 * p.1 - velocity.1 * p.0;
    let (sa, sb) = (side(a), side(b));
    if (sa > 0.0) == (sb > 0.0) {
        return None;
    }
    let share = sa / (sa - sb);
    let hit = (a.0 + share * (b.0 - a.0), a.1 + share * (b.1 - a.1));
    let speed2 = velocity.0 * velocity.0 + velocity.1 * velocity.1;
    let t = (hit.0 * velocity.0 + hit.1 * velocity.1) / speed2;
    (t.is_finite() && t > 0.0).then_some(t)
}

fn circle_times(p: Plane, velocity: Plane, radius_m: f64, horizon_s: f64) -> Option<(f64, f64)> {
    let a = velocity.0 * velocity.0 + velocity.1 * velocity.1;
    let b = p.0 * velocity.0 + p.1 * velocity.1;
    let c = p.0 * p.0 + p.1 * p.1 - radius_m * radius_m;
    if a < 1e-18 {
        return (c < 0.0).then_some((0.0, horizon_s));
    }
    let discriminant = b * b - a * c;
    if discriminant <= 0.0 {
        return None;
    }
    let root = math::sqrt(discriminant);
    let (from, to) = (((-b - root) / a).max(0.0), ((-b + root) / a).min(horizon_s));
    (from < to).then_some((from, to))
}
