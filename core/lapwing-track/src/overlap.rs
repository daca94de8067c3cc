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
/// Points by azimuth and by range that stand for a coverage.
const SPOKES: usize = 24;
const RINGS: usize = 6;
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

/// The same of all that reach where one of them is now or was before it changed, anew: nothing is left of where it was.
pub(crate) fn survey_changed(posts: &mut [Post], changed: u32, before: &Post) {
    let Some(now) = posts.get(changed as usize) else { return };
    let about = |post: &Post| post.number == changed || post.reaches(before) || post.reaches(now);
    let affected: Vec<usize> = (0..posts.len()).filter(|i| posts.get(*i).is_some_and(about)).collect();
    for at in affected {
        let (earlier, rest) = posts.split_at_mut(at);
        let Some((post, later)) = rest.split_first_mut() else { continue };
        post.overlaps.clear();
        post.covered = 0.0;
        if !post.sees() {
            continue;
        }
        for other in earlier.iter().chain(later.iter()).filter(|other| other.sees()) {
            post.note(other, post.part_of(other));
            post.covered = post.covered.max(other.part_of(post));
        }
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

    /// Whether what it covers may reach what another does. Most of thousands are far away, and seen to be by their latitudes.
    fn reaches(&self, other: &Self) -> bool {
        let (Some((here, mine)), Some((there, theirs))) = (self.disc, other.disc) else { return false };
        let apart = math::fabs(here.latitude_deg - there.latitude_deg) * METRES_PER_DEG;
        apart <= mine + theirs && here.distance_m(there) <= mine + theirs
    }

    /// The part of another's coverage that this one covers, on the ground.
    fn part_of(&self, other: &Self) -> f64 {
        let (Some((here, mine)), Some((there, theirs))) = (self.disc, other.disc) else { return 0.0 };
        if !self.reaches(other) {
            return 0.0;
        }
        if self.sector.is_none() && other.sector.is_none() {
            return lens_m2(here.distance_m(there), mine, theirs) / (math::PI * theirs * theirs);
        }
        self.part_by_points(other, mine, theirs)
    }

    /// The same where one of them looks one way, as four panels of a radar do from one mast: by points that stand for equal areas.
    fn part_by_points(&self, other: &Self, mine: f64, theirs: f64) -> f64 {
        let (Some(frame), Some(there)) = (&self.frame, &other.frame) else { return 0.0 };
        let there = frame.to_enu(there.origin());
        let (from, width) = other.sector.unwrap_or((0.0, math::TAU));
        let mut covered = 0;
        for spoke in 0..SPOKES {
            let azimuth = from + width * (spoke as f64 + 0.5) / SPOKES as f64;
            let (east, north) = (math::sin(azimuth), math::cos(azimuth));
            for ring in 0..RINGS {
                let range = theirs * math::sqrt((ring as f64 + 0.5) / RINGS as f64);
                let (e, n) = (there.east_m + range * east, there.north_m + range * north);
                covered += usize::from(e * e + n * n <= mine * mine && self.looks_towards(e, n));
            }
        }
        covered as f64 / (SPOKES * RINGS) as f64
    }

    fn looks_towards(&self, east_m: f64, north_m: f64) -> bool {
        self.sector.is_none_or(|(from, width)| math::wrap_tau(math::atan2(east_m, north_m) - from) <= width)
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

    fn change(posts: &mut [Post], to: Post) {
        let number = to.number;
        let before = std::mem::replace(&mut posts[number as usize], to);
        survey_changed(posts, number, &before);
    }

    /// One that looks one way: from and width, degrees.
    fn panel(number: u32, east_deg: f64, range_m: f64, (from, width): (f64, f64)) -> Post {
        let mut out = post(number, east_deg, Some(range_m));
        out.sector = Some((math::rad(from), math::rad(width)));
        out
    }

    #[test]
    fn panels_that_look_different_ways_cover_nothing_of_each_other() {
        // Four on one mast, a radar that turns beside them, and a panel 2 km to the east that looks back at the mast.
        let mut all: Vec<Post> = (0..4).map(|i| panel(i, 0.0, 4_000.0, (f64::from(i) * 90.0 - 45.0, 90.0))).collect();
        all.push(post(4, 0.0, Some(4_000.0)));
        all.push(panel(5, 2_000.0 / METRES_PER_DEG, 2_000.0, (225.0, 90.0)));
        let posts = all_new(&all);
        for (i, post) in posts.iter().take(4).enumerate() {
            let mut parts = parts(post);
            parts.retain(|(other, _)| *other < 5);
            assert_eq!(parts, [(4, 0.25)], "panel {i}");
            assert_eq!(post.covered, 1.0, "by the one that turns");
        }
        assert_eq!(parts(&posts[4]), [(0, 1.0), (1, 1.0), (2, 1.0), (3, 1.0), (5, 1.0)]);
        let to_it: Vec<f64> = [0, 1, 2, 3].map(|i| posts[i].part_of(&posts[5])).to_vec();
        assert!(to_it[1] > 0.6 && to_it[3] == 0.0 && (to_it[0] - to_it[2]).abs() < 0.03, "{to_it:?}");
        assert!((to_it.iter().sum::<f64>() - 1.0).abs() < 1e-9, "together the four cover all of it: {to_it:?}");
    }

    #[test]
    fn points_say_what_the_area_of_two_discs_does() {
        for (apart_m, range_m) in [(0.0, 1_000.0), (700.0, 1_000.0), (2_500.0, 3_000.0), (4_800.0, 1_000.0)] {
            let (a, b) = (post(0, 0.0, Some(4_000.0)), post(1, apart_m / METRES_PER_DEG, Some(range_m)));
            let points = a.part_by_points(&b, 4_000.0, range_m);
            assert!((points - a.part_of(&b)).abs() < 0.03, "{apart_m} {range_m}: {points} {}", a.part_of(&b));
        }
    }

    #[test]
    fn what_is_surveyed_again_is_as_if_all_were_new() {
        let mut all: Vec<Post> = (0..12)
            .map(|i| match i % 3 {
                0 => post(i, f64::from(i) * 0.005, Some(1_000.0 + 200.0 * f64::from(i))),
                1 => panel(i, f64::from(i) * 0.007, 1_500.0, (30.0 * f64::from(i), 100.0)),
                _ => post(i, f64::from(i) * 0.02, None),
            })
            .collect();
        let mut posts = all_new(&all);
        let told = |posts: &[Post]| -> Vec<(Vec<(u32, u64)>, f64)> {
            let sorted = |post: &Post| {
                let mut list: Vec<_> = post.overlaps.iter().map(|o| (o.other, o.part.to_bits())).collect();
                list.sort_unstable();
                (list, post.covered)
            };
            posts.iter().map(sorted).collect()
        };
        for step in 0..60 {
            let number = (step * 5) % 12;
            let east = f64::from(step % 17) * 0.01;
            let to = match step % 4 {
                0 => post(number, east, None),
                1 => panel(number, east, 2_000.0, (f64::from(step) * 20.0, 120.0)),
                _ => post(number, east, Some(1_200.0)),
            };
            all[number as usize] = to.clone();
            change(&mut posts, to);
            assert_eq!(told(&posts), told(&all_new(&all)), "{step}");
        }
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
        change(&mut posts, post(2, 0.01, Some(1_000.0)));
        assert_eq!(parts(&posts[1]), [(0, 0.063), (2, 1.0)]);
        assert_eq!(parts(&posts[2]), [(0, 0.063), (1, 1.0)]);
        change(&mut posts, away);
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
