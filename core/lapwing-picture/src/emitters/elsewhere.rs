//! Whether what others measure under an aircraft's name is where it says it is.
//!
//! Multilateration is late by seconds, and often nothing says by how much; so may be what the aircraft sends itself. So a measured place
//! is held against the whole way that the aircraft said it took, from some seconds before to some seconds after, and not against
//! where it was at one time. Who says that it is ahead or behind of where it is by less than what it flies in that time is not found
//! out so; who says that it flies beside its way is, however fast.

use crate::identity::{EvidenceSet, weight};
use lapwing_model::{EvidenceKind, Place, Span, Time, math};

/// How much later than said words what is measured may be without a time of its own, and how much earlier: its words may be late too.
pub(super) const LATE: Span = Span::from_seconds(10);
const EARLY: Span = Span::from_seconds(5);
/// Words and measurements this near in time are one: a burst is not several.
const SPACING: Span = Span::from_seconds(1);
/// Words remembered: more than [`LATE`].
const REMEMBERED: usize = 14;
/// Who has said nothing for this long says nothing to contradict.
const SILENT: Span = Span::from_seconds(5);
/// Measurements in a row, and over how long, before it is evidence; after a longer pause than this the row begins anew.
const COUNT_MIN: u32 = 5;
const OVER_MIN: Span = Span::from_seconds(8);
const PAUSE_MAX: Span = Span::from_seconds(20);
/// Who was measured by others this long ago may still have words that were given to another of its name for that.
const ASKED_FOR: Span = Span::from_seconds(60);
/// What stays of the errors of multilateration however often it measures: the places of its receivers, their clocks, the paths of the
/// signal; and of satellite receivers. Metres.
const BIAS_M: f64 = 120.0;
/// One sigma taken for a measured position where neither it nor the sensor's configuration says so, metres: as of a network of amateurs.
const MEASURED_SD_M: f64 = 100.0;
/// 95 % accuracy taken for a position that does not say, metres.
const ACCURACY_UNSAID_M: f64 = 30.0;
/// Errors of multilateration hang together in time: sigmas that even a row of them keeps within.
const SIGMAS: f64 = 4.0;
/// How hard it may turn between two of its words, metres per second squared: an airliner's turn at 3 degrees a second, a steep one of
/// what is slow.
const TURN_MPS2: f64 = 15.0;

/// A place that it said, and when.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
struct Word {
    at: Time,
    place: Place,
}

/// The way it said it took, and how it went with what others measured.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct ElsewhereCheck {
    /// Oldest first; kept from when others measure it: most are never measured by others.
    way: Vec<Word>,
    measured_at: Option<Time>,
    against: u32,
    since: Option<Time>,
}

/// A place of others' measuring.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    pub(super) at: Time,
    pub(super) place: Place,
    /// One sigma, metres: as its sensor is configured, and as it came with it. The worse counts: formats give the aircraft's own accuracy
    /// for that of a measured position.
    pub(super) sd_m: Option<f64>,
    pub(super) came_with_sd_m: Option<f64>,
}

/// A point of the way as seen from a measurement: seconds later than that, and metres east and north of it.
#[derive(Debug, Clone, Copy)]
struct Point {
    later_s: f64,
    east_m: f64,
    north_m: f64,
}

impl ElsewhereCheck {
    /// Whether others measured where it is lately.
    pub(super) fn is_asked_at(&self, now: Time) -> bool {
        self.measured_at.is_some_and(|at| now.since(at) <= ASKED_FOR)
    }

    /// It says where it is.
    pub(super) fn said(&mut self, at: Time, place: Place) {
        if self.measured_at.is_none() || self.way.last().is_some_and(|last| at.since(last.at) < SPACING) {
            return;
        }
        if self.way.len() >= REMEMBERED {
            self.way.remove(0);
        }
        self.way.push(Word { at, place });
    }

    /// Others measure where it is; its words are as good as `accuracy_m` (95 %), as it says.
    pub(super) fn measured(&mut self, now: &Measured, accuracy_m: Option<f64>, evidence: &mut EvidenceSet) {
        if let Some(before) = self.measured_at {
            if now.at.since(before) < SPACING {
                return;
            }
            if now.at.since(before) > PAUSE_MAX {
                (self.against, self.since) = (0, None);
            }
        }
        self.measured_at = Some(now.at);
        if self.way.last().is_none_or(|last| now.at.since(last.at) > SILENT) {
            return;
        }
        let Some((off_m, allowed_by_turns_m)) = self.off_its_way(now) else { return };
        let sd_m = now.sd_m.unwrap_or(MEASURED_SD_M).max(now.came_with_sd_m.unwrap_or(0.0));
        let said_sd_m = accuracy_m.filter(|a| *a > 0.0).unwrap_or(ACCURACY_UNSAID_M) / 2.448;
        let allowed_m = BIAS_M + SIGMAS * math::hypot(sd_m, said_sd_m) + allowed_by_turns_m;
        if off_m <= allowed_m {
            (self.against, self.since) = (0, None);
            return;
        }
        self.against = self.against.saturating_add(1);
        let since = *self.since.get_or_insert(now.at);
        if self.against < COUNT_MIN || now.at.since(since) < OVER_MIN {
            return;
        }
        let times = self.against;
        evidence.note(EvidenceKind::SeenElsewhere, weight::MEASURED_ELSEWHERE, now.at, || {
            format!("what sends its name was measured {off_m:.0} m from where it says it is, {times} times in a row")
        });
    }

    /// How far a measured place is from the way that it said it took, and what of that turns between its words explain, metres: where
    /// that leaves least.
    fn off_its_way(&self, now: &Measured) -> Option<(f64, f64)> {
        let (kx, ky) = crate::zone::metres_per_degree(now.place.latitude_deg);
        let seen = |word: &Word| {
            let east_deg = crate::zone::wrap_deg(word.place.longitude_deg - now.place.longitude_deg);
            Point {
                later_s: word.at.since(now.at).as_seconds_f64(),
                east_m: east_deg * kx,
                north_m: (word.place.latitude_deg - now.place.latitude_deg) * ky,
            }
        };
        let way: Vec<Point> = self.way.iter().map(seen).collect();
        let (late_s, early_s) = (LATE.as_seconds_f64(), EARLY.as_seconds_f64());
        let pairs = || way.iter().zip(way.iter().skip(1));
        let between = pairs().filter(|(a, b)| b.later_s >= -late_s && a.later_s <= early_s).map(|(a, b)| {
            let (off_m, share) = off(a, b);
            let gap_s = b.later_s - a.later_s;
            (off_m, 0.5 * TURN_MPS2 * gap_s * gap_s * share * (1.0 - share))
        });
        // Where it was before its first words and will be after its last ones, as it flew then: the farther, the less is known.
        let (first, last) = (pairs().next()?, pairs().next_back()?);
        let (back_s, ahead_s) = (first.0.later_s + late_s, early_s - last.1.later_s);
        let beyond = [(first.1, first.0, back_s), (last.0, last.1, ahead_s)];
        let beyond = beyond.into_iter().filter(|(.., for_s)| *for_s > 0.0).map(|(from, end, for_s)| {
            let times = for_s / math::fabs(end.later_s - from.later_s).max(SPACING.as_seconds_f64());
            let led = Point {
                later_s: 0.0,
                east_m: end.east_m + times * (end.east_m - from.east_m),
                north_m: end.north_m + times * (end.north_m - from.north_m),
            };
            let (off_m, share) = off(end, &led);
            let (gone_s, gone_m) = (share * for_s, math::hypot(led.east_m - end.east_m, led.north_m - end.north_m));
            (off_m, (0.5 * TURN_MPS2 * gone_s * gone_s).min(share * gone_m))
        });
        between.chain(beyond).min_by(|a, b| (a.0 - a.1).total_cmp(&(b.0 - b.1)))
    }
}

/// How far the measurement is from the line between two points, metres, and at what share of it it is nearest.
fn off(a: &Point, b: &Point) -> (f64, f64) {
    let (east, north) = (b.east_m - a.east_m, b.north_m - a.north_m);
    let square = east * east + north * north;
    let share = if square > 0.0 { (-(a.east_m * east + a.north_m * north) / square).clamp(0.0, 1.0) } else { 0.0 };
    (math::hypot(a.east_m + share * east, a.north_m + share * north), share)
}
