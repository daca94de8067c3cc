#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
//! A short share of `cargo xtask torture`, and the n-th failure loop.

mod harness;

use harness::{End, Tally};

/// Cases of each kind here; a release is put through ten thousand of each.
const CASES: u64 = 400;

fn cases(end: End) -> Tally {
    let mut tally = Tally::default();
    for seed in 0..CASES {
        match harness::case(seed, end) {
            Ok(case) => tally.add(case),
            Err(what) => panic!("{what}"),
        }
    }
    tally
}

#[test]
fn no_confirmed_entry_is_lost_when_the_process_is_killed() {
    let tally = cases(End::Kill);
    assert!(tally.confirmed > CASES && tally.told > 0, "{tally:?}");
}

#[test]
fn no_confirmed_entry_is_lost_when_the_power_is_cut() {
    let tally = cases(End::PowerCut);
    assert!(tally.confirmed > CASES && tally.told > 0, "{tally:?}");
}

#[test]
fn every_call_may_fail() {
    let runs = harness::nth::every_call(20).unwrap_or_else(|what| panic!("{what}"));
    assert!(runs.iter().all(|(_, count)| *count > 0), "a kind of call is never made: {runs:?}");
}
