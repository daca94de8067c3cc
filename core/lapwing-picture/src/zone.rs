//! Zones in three dimensions: is it inside, how probably, and when will it enter.
//!
//! **Outline.** Edges are straight in longitude and latitude (as RFC 7946 has it for GeoJSON); distances use the metres
//! per degree of the ellipsoid at the aircraft, so they are true near it, where they matter. Longitudes are unwrapped
//! along each ring, so a zone may cross the antimeridian.
//!
//! **Inside now.** Φ(-d/σ): d is the signed distance to the border (negative inside), σ the position's standard deviation
//! along the normal of the nearest border. That takes the border as straight at the scale of σ; for a zone that is small
//! against σ it is too large, so it is bounded by (area × highest density of the position), which no zone can exceed.
//! The height is judged alike, limit by limit, and multiplied: horizontal and vertical errors are taken as independent.
//!
//! **Entry.** The aircraft is taken to fly on straight. 32 points that stand for the Gaussian of position and velocity
//! (16 Halton points through the inverse normal, and their mirror images, so that the mean is exact) are flown along
//! their own lines; the share that is inside within the lead time is the probability of entering, and the spread of
//! their entry times is the sigma. The time itself is the mean state's where that enters, else the median of the points.
//!
//! **Height unknown**, or in a datum that cannot be compared with the zone's: that limit does not count, the zone reaches
//! as far as it may, and `height_known` says so. A height that only the aircraft itself claims counts as unknown here, for it
//! could be said to fly above a ceiling; a sensor's measurement makes it known. Stated limit: the height of what speaks by
//! transponder alone and moves faster than 60 m/s is believed (manned traffic would alarm every ceiling it passes over), and
//! slower manned traffic is taken at any height.

mod flight;
mod index;
mod outline;
#[cfg(test)]
mod tests;

pub(crate) use flight::{Encounter, Flight, Level, Motion};
pub(crate) use index::ZoneIndex;
pub(crate) use outline::{Outline, metres_per_degree, wrap_deg};

use lapwing_model::zone::ZoneTime;
use lapwing_model::{Place, Shape, Span, Time, Zone};

/// A zone's outline on the ground, made ready for asking.
#[derive(Debug, Clone)]
pub struct Ground(Outline);

impl Ground {
    /// `None` when nothing usable is left of the shape.
    pub fn new(shape: &Shape) -> Option<Self> {
        Outline::new(shape).map(Self)
    }

    /// Horizontal distance to the border, metres; negative inside.
    pub fn signed_distance_m(&self, place: Place) -> f64 {
        self.0.border(place).signed_m
    }

    /// West edge (from -180 up to 180) and width, then least and greatest latitude, degrees.
    pub fn bounds_deg(&self) -> (f64, f64, f64, f64) {
        self.0.bounds_deg()
    }
}

/// Whether the zone holds at a time.
pub fn holds(zone: &Zone, at: Time) -> bool {
    zone.times.is_empty() || zone.times.iter().any(|t| holds_time(t, at))
}

fn holds_time(time: &ZoneTime, at: Time) -> bool {
    if time.from.is_some_and(|from| at < from) || time.to.is_some_and(|to| at > to) {
        return false;
    }
    let on_day = |weekday: u8| time.weekdays.is_empty() || time.weekdays.contains(&weekday);
    let (today, of_day) = (at.weekday(), at.of_day());
    let yesterday = (today + 6) % 7;
    let from = time.day_from.unwrap_or(Span::ZERO);
    match time.day_to {
        None => of_day >= from && on_day(today),
        Some(to) if from <= to => of_day >= from && of_day <= to && on_day(today),
        // Over midnight: the small hours belong to the day the window began on.
        Some(to) => (of_day >= from && on_day(today)) || (of_day <= to && on_day(yesterday)),
    }
}
