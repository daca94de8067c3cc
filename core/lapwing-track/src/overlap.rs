//! How much of what one sensor covers another covers too: what the one has looked for and not found is not hidden from the other.
//!
//! The intensity of the undetected is one for all sensors: each look thins it out where it covers (García-Fernández, Williams,
//! Granström & Svensson 2018, *Poisson multi-Bernoulli mixture filter: direct derivation and implementation*). It is kept by
//! sensor, as the mean over its coverage; so each look of one sensor thins that of the others by the part of theirs that it covers.

use crate::filter::Memory;
use crate::grid::METRES_PER_DEG;
use crate::post::Post;
use lapwing_model::{Time, math};

/// Parts of a coverage below this make no difference.
const PART_MIN: f64 = 0.01;
/// Others noted with a post at most: those of which it covers the greatest parts.
const OVERLAPS_MAX: usize = 256;
/// However much others look, this part of what appears between two looks is still undetected.
const HIDDEN_MIN: f64 = 0.01;

/// Another sensor's coverage, and the part of it that is covered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Overlap {
    pub(crate) other: u32,
    pub(crate) part: f64,
    /// Of the other sensor: which of equal parts are kept must not hang on who was heard first.
    rank: u64,
}

impl Overlap {
    fn compare(&self, other: &Self) -> std::cmp::Ordering {
        self.part.total_cmp(&other.part).then(self.rank.cmp(&other.rank))
    }
}

/// Notes what a post that is new, the last of all, covers of others, and with the others what they cover of it.
pub(crate) fn survey_new(posts: &mut [Post]) {
    let Some((new, others)) = posts.split_last_mut() else { return };
    if !new.sees() {
        return;
    }
    for other in others.iter_mut().filter(|other| other.sees()) {
        let (mine, theirs) = (other.part_of(new), new.part_of(other));
        other.note(new, mine);
        new.note(other, theirs);
        new.covered = new.covered.max(mine);
        other.covered = other.covered.max(theirs);
    }
}

/// The same of all posts, after one has changed: seldom, and so all parts anew, that nothing is left of where it was.
pub(crate) fn survey(posts: &mut [Post]) {
    for at in 1..=posts.len() {
        if let Some(post) = posts.get_mut(at - 1) {
            post.overlaps.clear();
            post.covered = 0.0;
        }
        survey_new(posts.get_mut(..at).unwrap_or(&mut []));
    }
}

impl Post {
    /// Whether it looks for all that is in a known part of the world: what only listens says nothing of the silent.
    pub(crate) fn sees(&self) -> bool {
        self.measures && !self.listens && self.disc.is_some()
    }

    /// Notes that it covers a part of another's coverage.
    fn note(&mut self, other: &Self, part: f64) {
        if !(part >= PART_MIN) {
            return;
        }
        let new = Overlap { other: other.number, part, rank: other.rank };
        if self.overlaps.len() < OVERLAPS_MAX {
            self.overlaps.push(new);
        } else if let Some(least) = self.overlaps.iter_mut().min_by(|a, b| a.compare(b))
            && least.compare(&new).is_lt()
        {
            *least = new;
        }
    }

    /// The part of another's coverage that this one covers, on the ground. Of a sector it is that of the whole circle times the
    /// sector's share of it: which way it looks is left out.
    fn part_of(&self, other: &Self) -> f64 {
        let (Some((here, mine)), Some((there, theirs))) = (self.disc, other.disc) else { return 0.0 };
        // Most of thousands are far away, and seen to be by their latitudes.
        if math::fabs(here.latitude_deg - there.latitude_deg) * METRES_PER_DEG > mine + theirs {
            return 0.0;
        }
        self.share_of_circle() * lens_m2(here.distance_m(there), mine, theirs) / (math::PI * theirs * theirs)
    }
}

/// Area that two discs share, whose middles are so far apart, square metres.
fn lens_m2(apart: f64, r: f64, s: f64) -> f64 {
    if apart >= r + s {
        return 0.0;
    }
    let least = r.min(s);
    if apart <= math::fabs(r - s) {
        return math::PI * least * least;
    }
    // Two segments, each a sector less a triangle.
    let segment = |r: f64, s: f64| {
        let to_chord = (apart * apart + r * r - s * s) / (2.0 * apart);
        let half = (1.0 - (to_chord / r) * (to_chord / r)).max(0.0);
        r * r * math::atan2(math::sqrt(half), to_chord / r) - to_chord * r * math::sqrt(half)
    };
    segment(r, s) + segment(s, r)
}

impl Memory {
    /// Another sensor has looked at `part` of what this one covers, and would have seen what is there with probability `detection`.
    /// `interval_s` and `born` are this one's: until its next look so many more per km² appear, of which the other saw those that
    /// were there by then. Where no other looks they stay: of a part `covered` at most.
    pub(crate) fn shared(&mut self, at: Time, part: f64, detection: f64, (interval_s, born): (f64, f64), covered: f64) {
        let (Some(before), Some(looked_at)) = (self.undetected_per_km2, self.looked_at) else { return };
        if !self.locates {
            return;
        }
        let gone = at.since(looked_at).as_seconds_f64() / interval_s;
        let to_come = born * (1.0 - gone.clamp(0.0, 1.0));
        let left = before - part * detection * (before - to_come).max(0.0);
        let hidden = born * (1.0 - covered).max(HIDDEN_MIN);
        self.undetected_per_km2 = Some(left.max(hidden.min(before)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use lapwing_model::{LocalFrame, Place, Sensor, SensorId, SensorKind, Span};

    fn post(number: u32, east_deg: f64, range_m: Option<f64>) -> Post {
        let place = Place { latitude_deg: 0.0, longitude_deg: east_deg }.at_height(0.0);
        let id = SensorId::new(&format!("s{number}")).unwrap();
        let mut sensor = Sensor::new(id, SensorKind::Radar, Some(place), Span::from_seconds(1));
        sensor.coverage.range_max_m = range_m;
        Post::new(number, &sensor, Some(LocalFrame::new(place)), &Config::default())
    }

    fn parts(post: &Post) -> Vec<(u32, f64)> {
        post.overlaps.iter().map(|o| (o.other, (o.part * 1000.0).round() / 1000.0)).collect()
    }

    #[test]
    fn the_area_two_discs_share_is_that_of_a_fine_grid() {
        for (apart, r, s) in [(5.0, 4.0, 3.0), (1.5, 4.0, 3.0), (0.5, 4.0, 3.0), (8.0, 4.0, 3.0), (3.9, 4.0, 0.7)] {
            let mut cells = 0;
            for i in -1_000..1_000 {
                for j in -1_000..1_000 {
                    let (x, y) = (f64::from(i) / 100.0, f64::from(j) / 100.0);
                    let dx = x - apart;
                    cells += i32::from(x * x + y * y < r * r && dx * dx + y * y < s * s);
                }
            }
            let counted = f64::from(cells) / 10_000.0;
            assert!(
                (lens_m2(apart, r, s) - counted).abs() < 0.03,
                "{apart} {r} {s}: {} {counted}",
                lens_m2(apart, r, s)
            );
        }
    }

    fn all_new(all: &[Post]) -> Vec<Post> {
        let mut posts = Vec::new();
        for post in all {
            posts.push(post.clone());
            survey_new(&mut posts);
        }
        posts
    }

    #[test]
    fn each_post_knows_what_it_covers_of_the_others() {
        // A small one inside a large one, and a third far away that then moves onto the small one, and away again.
        let away = post(2, 3.0, Some(1_000.0));
        let mut posts = all_new(&[post(0, 0.0, Some(4_000.0)), post(1, 0.01, Some(1_000.0)), away.clone()]);
        assert_eq!(parts(&posts[0]), [(1, 1.0)]);
        assert_eq!(parts(&posts[1]), [(0, 0.063)], "1 of 16");
        assert!(posts[2].overlaps.is_empty());
        assert_eq!([posts[1].covered, posts[2].covered], [1.0, 0.0]);
        posts[2] = post(2, 0.01, Some(1_000.0));
        survey(&mut posts);
        assert_eq!(parts(&posts[1]), [(0, 0.063), (2, 1.0)]);
        assert_eq!(parts(&posts[2]), [(0, 0.063), (1, 1.0)]);
        posts[2] = away;
        survey(&mut posts);
        assert_eq!(parts(&posts[1]), [(0, 0.063)], "and is forgotten when it has left");
        assert_eq!(posts[2].covered, 0.0);
    }

    #[test]
    fn what_has_no_bound_or_only_listens_covers_nothing() {
        let radar = || post(0, 0.0, Some(4_000.0));
        let mut ears = post(1, 0.0, Some(4_000.0));
        ears.listens = true;
        for other in [ears, post(1, 0.0, None), post(1, 0.0, Some(150_000.0))] {
            let posts = all_new(&[radar(), other]);
            assert!(posts.iter().all(|p| p.overlaps.is_empty() && p.covered == 0.0));
        }
    }

    #[test]
    fn of_many_the_greatest_parts_are_kept() {
        let all: Vec<Post> = (0..400).map(|i| post(i, f64::from(i) * 1e-5, Some(1_000.0))).collect();
        let posts = all_new(&all);
        assert!(posts.iter().all(|p| p.overlaps.len() == OVERLAPS_MAX));
        assert!(posts[0].overlaps.iter().all(|o| o.other <= OVERLAPS_MAX as u32), "its neighbours");
    }

    #[test]
    fn which_of_equal_parts_are_kept_does_not_hang_on_who_came_first() {
        let kept = |backwards: bool| {
            let mut all: Vec<Post> = (0..300).map(|i| post(i, 0.0, Some(1_000.0))).collect();
            if backwards {
                all.reverse();
            }
            for (number, post) in (0..).zip(&mut all) {
                post.number = number;
            }
            let mut kept: Vec<(u64, Vec<u64>)> = all_new(&all)
                .iter()
                .map(|p| {
                    let mut ranks: Vec<u64> = p.overlaps.iter().map(|o| o.rank).collect();
                    ranks.sort_unstable();
                    (p.rank, ranks)
                })
                .collect();
            kept.sort_unstable();
            kept
        };
        assert_eq!(kept(false), kept(true));
    }

    #[test]
    fn a_look_of_another_thins_out_what_was_there_by_then() {
        let looked = |undetected: f64| Memory {
            looked_at: Some(Time::MIN),
            undetected_per_km2: Some(undetected),
            locates: true,
            ..Memory::default()
        };
        let (at, each) = (Time::MIN + Span::from_millis(250), (1.0, 0.2));
        // A quarter of the interval is over: of 0.2 born in it 0.15 are still to come.
        let mut memory = looked(0.3);
        memory.shared(at, 0.5, 0.8, each, 0.5);
        assert!((memory.undetected_per_km2.unwrap() - (0.3 - 0.4 * 0.15)).abs() < 1e-12);
        // However often the other looks meanwhile, what appears in the other half is not seen by it.
        let late = Time::MIN + Span::from_seconds(600);
        for _ in 0..1_000 {
            memory.shared(late, 0.5, 0.8, each, 0.5);
        }
        assert!((memory.undetected_per_km2.unwrap() - 0.1).abs() < 1e-12);
        let mut unlooked = Memory { locates: true, ..Memory::default() };
        unlooked.shared(Time::MIN, 1.0, 1.0, each, 1.0);
        assert_eq!(unlooked.undetected_per_km2, None, "what has not looked yet has its first look before it");
    }
}
