//! Which snapshots are kept: the last few for the next start; some of the past, so that a replay from an instant and the export
//! of an incident begin near it and not at the beginning of the run; and for each incident that is held the one from which its
//! raw detail can be played.

use lapwing_journal::Holds;
use lapwing_model::{Position, Span, Time};
use std::collections::BTreeSet;

/// The latest, and those before it in case it cannot be used.
const LATEST: usize = 3;
/// Of the past, the first in each such stretch: of the last hour, and of all before.
const RECENT: Span = Span::from_seconds(3_600);
const RECENT_EVERY: Span = Span::from_seconds(60);
const PAST_EVERY: Span = Span::from_seconds(600);
/// What those of the past take at most, the latest first.
pub(super) const PAST_BYTES_MAX: u64 = 1 << 30;
/// What those of incidents take at most.
const HELD_BYTES_MAX: u64 = 4 << 30;

/// A snapshot as far as its keeping goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) position: Position,
    /// Nothing for one that this program cannot use.
    pub(super) at: Option<Time>,
    pub(super) bytes: u64,
}

/// The positions that stay, of `all`, the latest first. `past` is how long raw detail is kept: what no incident holds is not
/// kept for longer in a snapshot either.
pub(super) fn kept(all: &[Known], holds: &Holds, past: Span, past_bytes_max: u64) -> BTreeSet<Position> {
    let mut kept: BTreeSet<Position> = all.iter().take(LATEST).map(|known| known.position).collect();
    let Some(now) = all.iter().find_map(|known| known.at) else { return kept };
    let (held, mut room) = (held(all, holds), HELD_BYTES_MAX);
    for known in all.iter().filter(|known| held.contains(&known.position)) {
        if !kept.contains(&known.position) && known.bytes <= room {
            room -= known.bytes;
            kept.insert(known.position);
        }
    }
    let mut room = past_bytes_max;
    for (i, known) in all.iter().enumerate() {
        let Some(at) = known.at.filter(|at| now.since(*at) <= past) else { continue };
        let every = if now.since(at) <= RECENT { RECENT_EVERY } else { PAST_EVERY };
        let slot = |at: Time| at.as_nanos().div_euclid(every.as_nanos());
        let before = all.iter().skip(i + 1).find_map(|known| known.at);
        let is_first = before.is_none_or(|before| slot(before) != slot(at));
        if kept.contains(&known.position) || !is_first {
            continue;
        }
        if known.bytes > room {
            break;
        }
        room -= known.bytes;
        kept.insert(known.position);
    }
    kept
}

/// Those that held incidents begin with: of each the first since the hold begins, and the last before it.
fn held(all: &[Known], holds: &Holds) -> BTreeSet<Position> {
    let usable: BTreeSet<Position> =
        all.iter().filter(|known| known.at.is_some()).map(|known| known.position).collect();
    let firsts = holds.holds.iter().map(|hold| Position(hold.first));
    firsts
        .flat_map(|first| [usable.range(first..).next(), usable.range(..=first).next_back()])
        .flatten()
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapwing_journal::Hold;

    /// One snapshot every 20 s for two days, each of a megabyte; its position is its number.
    fn two_days() -> Vec<Known> {
        let known = |i: u64| Known {
            position: Position(i),
            at: Some(Time::from_seconds(1_700_000_000 + 20 * i as i64)),
            bytes: 1 << 20,
        };
        (0..8_640).rev().map(known).collect()
    }

    /// As it is in truth: what was not kept at one time is not there at the next.
    fn thinned(holds: &Holds, past: Span, bytes: u64) -> Vec<u64> {
        let (mut there, all) = (Vec::new(), two_days());
        for known in all.into_iter().rev() {
            there.insert(0, known);
            let kept = kept(&there, holds, past, bytes);
            there.retain(|known| kept.contains(&known.position));
        }
        there.into_iter().map(|known| known.position.0).collect()
    }

    #[test]
    fn the_past_is_kept_the_sparser_the_older_and_no_longer_than_raw_detail() {
        let day = Span::from_seconds(86_400);
        let left = thinned(&Holds::default(), day, PAST_BYTES_MAX);
        assert_eq!(left[..3], [8_639, 8_638, 8_637]);
        let age_s = |i: u64| 20 * (8_639 - i);
        let within = |from: u64, to: u64| left.iter().filter(|i| (from..to).contains(&age_s(**i))).count();
        assert!((58..=64).contains(&within(0, 3_600)), "one a minute: {}", within(0, 3_600));
        assert!((130..=140).contains(&within(3_600, 86_400)), "one in ten minutes: {}", within(3_600, 86_400));
        assert_eq!(within(86_420, u64::MAX), 0);
        assert!(left.len() < 205);
    }

    #[test]
    fn bytes_bound_the_past_and_the_latest_stay() {
        let left = thinned(&Holds::default(), Span::from_seconds(86_400), 10 << 20);
        assert_eq!(left[..3], [8_639, 8_638, 8_637]);
        assert!((10..=13).contains(&left.len()), "{left:?}");
        assert!(thinned(&Holds::default(), Span::from_seconds(86_400), 0).len() == 3);
    }

    #[test]
    fn what_an_incident_begins_with_stays() {
        let hold = |first| Hold { first, last: first + 100, why: "incident I1".to_owned() };
        let holds = Holds { holds: vec![hold(1_000), hold(4_001)] };
        let left = thinned(&holds, Span::from_seconds(3_600), PAST_BYTES_MAX);
        let held: Vec<u64> = left.iter().copied().filter(|i| *i < 8_000).collect();
        // That of the position itself; and the ones beside it, for nothing has exactly this position in a real journal.
        assert!(held.contains(&1_000) && held.contains(&4_001), "{held:?}");
        assert!(held.len() <= 4, "{held:?}");
    }

    #[test]
    fn one_that_cannot_be_used_is_kept_no_longer_than_as_one_of_the_last() {
        let mut all = two_days();
        all.truncate(10);
        all.iter_mut().skip(1).for_each(|known| known.at = None);
        let left = kept(&all, &Holds::default(), Span::from_seconds(86_400), PAST_BYTES_MAX);
        assert_eq!(left, BTreeSet::from([Position(8_639), Position(8_638), Position(8_637)]));
    }
}
