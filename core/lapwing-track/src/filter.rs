//! The filter: all that is known at one time. A pure function of the looks taken in, in their order; it can be copied, and
//! gone back to.

use crate::align::BiasFilter;
use crate::assign::Solver;
use crate::beside::{Beside, Pair as BesidePair};
use crate::birth::Bearing;
use crate::cluster::{Child, Cluster};
use crate::clutter::ClutterMap;
use crate::compete::Competition;
use crate::config::Config;
use crate::grid::{Filed, Grid};
use crate::hearing::{Hearing, Listened};
use crate::imm::Foresight;
use crate::interface::Label;
use crate::keenness::Keenness;
use crate::look::{Choice, Nearby};
use crate::post::Post;
use crate::project::{Against, Projections, Scene};
use crate::reading::Reading;
use crate::region::{RegionId, Regions, moved};
use crate::slab::Slab;
use crate::track::{Candidate, Hypothesis, Track};
use lapwing_model::{LocalFrame, Resolution, Time};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What is learned of a sensor.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Memory {
    pub(crate) looked_at: Option<Time>,
    /// Plots since the last look that belonged to no confirmed track.
    pub(crate) stray: f64,
    /// Running mean of them per look; `None` until the first look.
    pub(crate) stray_per_look: Option<f64>,
    /// Aircraft that it may not have detected yet, per km²; `None` before its first look.
    pub(crate) undetected_per_km2: Option<f64>,
    /// Whether what it saw ever had a place: only then does what it does not find thin out what others may.
    pub(crate) locates: bool,
    pub(crate) map: ClutterMap,
    pub(crate) bias: BiasFilter,
    /// How much of what it should see it does.
    pub(crate) keenness: Keenness,
}

/// What happened that cannot be seen from the state.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Note {
    Joined { into: u64, from: u64 },
    Elsewhere { label: Label, known: u64, new: u64 },
    Ended { key: u64, why: &'static str },
}

/// Where a reading went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Took {
    /// To a track, by slot.
    Track(u32),
    /// It began a track.
    Began(u32),
    /// It repeats what a track already has.
    Repeats(u32),
    /// It is kept as long as it may help.
    Held,
    /// It cannot be used.
    Rejected(&'static str),
}

/// Everything known at one time.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Filter {
    pub(crate) tracks: Slab<Track>,
    pub(crate) candidates: Slab<Candidate>,
    pub(crate) clusters: Slab<Cluster>,
    pub(crate) track_grid: Grid,
    /// The tracks that no claim has named: a claim may be of one of these, or of one of its own name.
    pub(crate) unnamed_grid: Grid,
    pub(crate) candidate_grid: Grid,
    pub(crate) memories: Vec<Memory>,
    /// The latest bearings, and the looks they are of.
    pub(crate) bearings: VecDeque<Bearing>,
    pub(crate) listened: VecDeque<Listened>,
    pub(crate) labels: BTreeSet<(Label, u32)>,
    /// What flies beside what is only seen.
    pub(crate) beside: BTreeMap<BesidePair, Beside>,
    /// The latest time of anything taken in.
    pub(crate) clock: Option<Time>,
    /// The last whole second at which time alone was let decide.
    pub(crate) stepped: Option<Time>,
    #[serde(skip)]
    pub(crate) notes: Vec<Note>,
    /// Tracks whose phase may have changed.
    pub(crate) touched: Vec<u32>,
}

impl Filter {
    /// Copies another filter over this one, keeping its memory.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        self.tracks.clone_from(&other.tracks);
        self.candidates.clone_from(&other.candidates);
        self.clusters.clone_from(&other.clusters);
        self.track_grid.clone_from(&other.track_grid);
        self.unnamed_grid.clone_from(&other.unnamed_grid);
        self.candidate_grid.clone_from(&other.candidate_grid);
        self.memories.clone_from(&other.memories);
        self.bearings.clone_from(&other.bearings);
        self.listened.clone_from(&other.listened);
        self.labels.clone_from(&other.labels);
        self.beside.clone_from(&other.beside);
        self.clock = other.clock;
        self.stepped = other.stepped;
        self.notes.clear();
        self.touched.clear();
    }

    /// Whether its tables are in order: asked of what was restored, before it is walked.
    pub(crate) fn is_sound(&self) -> bool {
        let grids = [&self.track_grid, &self.unnamed_grid, &self.candidate_grid];
        grids.into_iter().all(Grid::is_sound) && self.clusters.iter().all(|(_, cluster)| cluster.is_sound())
    }
}

/// What one look at a time may see.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visible {
    pub(crate) slot: u32,
    /// Its projections: those of its hypotheses, one after the other.
    pub(crate) first: u32,
    /// Probability that this look sees it.
    pub(crate) detection: f64,
    /// How far it is ahead of the look, seconds; 0 where it was brought to the look's time.
    pub(crate) ahead_s: f64,
    /// Predicted range and azimuth, for what has them.
    pub(crate) polar: Option<(f64, f64)>,
    /// Where its pairs are in the list of them: from and to.
    pub(crate) pairs: (u32, u32),
}

/// What one look at a time may see of the candidates, with what is asked of it: there may be too many to ask them again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weak {
    pub(crate) slot: u32,
    /// Probability that this look sees it, if it exists.
    pub(crate) detection: f64,
    pub(crate) existence: f64,
    /// See [`Candidate::line`]; and whether others may be of it.
    pub(crate) line: u64,
    pub(crate) shares_line: bool,
    /// Where its pairs are in the list of them: from and to.
    pub(crate) pairs: (u32, u32),
}

/// A pair of a hypothesis and a reading that may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair {
    pub(crate) visible: u32,
    pub(crate) hypothesis: u32,
    pub(crate) reading: u32,
    /// log of detection probability times likelihood over the density of all else the reading may be.
    pub(crate) log_ratio: f64,
    pub(crate) foresight: Foresight,
}

/// Working memory, kept between calls so that the steady state allocates nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Work {
    pub(crate) near: Vec<u32>,
    pub(crate) twins: Vec<u32>,
    pub(crate) readings: Vec<Reading>,
    pub(crate) order: Vec<(f64, u32)>,
    pub(crate) nearby: Nearby,
    pub(crate) against: Against,
    /// By reading: log of the density of all else that it may be, for what has no height and for what has one.
    pub(crate) log_other: Vec<[f64; 2]>,
    pub(crate) visible: Vec<Visible>,
    pub(crate) weak: Vec<Weak>,
    pub(crate) projections: Projections,
    pub(crate) pairs: Vec<Pair>,
    pub(crate) weak_pairs: Vec<Pair>,
    pub(crate) competition: Competition,
    pub(crate) hearing: Hearing,
    /// Candidates that took a reading: its probability, the slot, the reading.
    pub(crate) ready: Vec<(f64, u32, u32)>,
    pub(crate) taken: Vec<f64>,
    pub(crate) root: Vec<u32>,
    pub(crate) owner: Vec<u32>,
    /// The first track in view of each cluster, by its slot.
    pub(crate) cluster_owner: Vec<u32>,
    pub(crate) groups: Vec<(u32, u32)>,
    /// What each track of a group does, with its reading.
    pub(crate) choices: Vec<(Choice, Option<u32>)>,
    pub(crate) unresolved: Vec<Option<(u32, f64)>>,
    pub(crate) solver: Solver,
    pub(crate) assignments: Vec<crate::assign::Choice>,
    /// Children of the cluster that is settled, and their local hypotheses.
    pub(crate) children: Vec<Child>,
    pub(crate) locals: Vec<Hypothesis>,
    /// What the looking sensor cannot tell apart, where it says.
    pub(crate) resolution: Option<Resolution>,
    pub(crate) took: Vec<Took>,
    /// By reading: whether the track that took it vouches for it.
    pub(crate) vouched: Vec<bool>,
    pub(crate) cost: Vec<f64>,
    pub(crate) marginals: Vec<f64>,
}

impl Work {
    /// Where the pairs of a track in view are.
    pub(crate) fn range_of(&self, visible: u32) -> std::ops::Range<usize> {
        let (from, to) = self.visible.get(visible as usize).map_or((0, 0), |v| v.pairs);
        from as usize..to as usize
    }

    /// The pairs of a track in view.
    pub(crate) fn pairs_of(&self, visible: u32) -> &[Pair] {
        self.pairs.get(self.range_of(visible)).unwrap_or(&[])
    }
}

/// What stays outside the filter: configuration, sensors, frames, working memory.
pub(crate) struct Context<'a> {
    pub(crate) config: &'a Config,
    pub(crate) regions: &'a mut Regions,
    pub(crate) posts: &'a mut [Post],
    pub(crate) work: &'a mut Work,
}

impl Context<'_> {
    /// The scene of a sensor and a region.
    pub(crate) fn scene(&mut self, post: u32, region: RegionId, height_known: bool) -> Scene<'_> {
        let config = self.config;
        let regions = &*self.regions;
        let (mut pose, mut speed) = (None, None);
        if let Some(post) = self.posts.get_mut(post as usize) {
            speed = post.signal_speed_mps;
            if let Some(from) = post.frame {
                pose = Some(regions.pose(&mut post.poses, &from, region));
            }
        }
        Scene { frame: regions.frame(region), pose, height_known, signal_speed_mps: speed, config }
    }
}

impl Filter {
    /// What is learned of a sensor.
    pub(crate) fn memory(&mut self, sensor: u32) -> &mut Memory {
        let at = sensor as usize;
        if self.memories.len() <= at {
            self.memories.resize_with(at + 1, Memory::default);
        }
        &mut self.memories[at]
    }

    /// Puts a track into every table.
    pub(crate) fn insert(&mut self, mut track: Track, regions: &Regions) -> u32 {
        track.filed = None;
        let labels: Vec<Label> = track.labels.iter().map(|(l, _)| *l).collect();
        let slot = self.tracks.insert(track);
        for label in labels {
            self.labels.insert((label, slot));
        }
        self.file_track(slot, regions);
        self.touched.push(slot);
        slot
    }

    /// Files a track where it is.
    fn file_track(&mut self, slot: u32, regions: &Regions) {
        let Some(track) = self.tracks.get_mut(slot) else { return };
        let (mean, named) = (track.best.modes.mean(), track.is_named());
        let here = Filed::at(track.region, &mean);
        if track.filed.is_some_and(|(before, was)| was == named && !here.has_moved_from(before)) {
            return;
        }
        track.filed = Some((here, named));
        let place = regions.about(track.region, mean[0], mean[1]);
        self.track_grid.file(slot, place);
        if !named {
            self.unnamed_grid.file(slot, place);
        } else {
            self.unnamed_grid.forget(slot);
        }
    }

    /// Takes a track out of every table.
    pub(crate) fn remove(&mut self, slot: u32) -> Option<Track> {
        self.leave_cluster(slot);
        let track = self.tracks.remove(slot)?;
        for (label, _) in &track.labels {
            self.labels.remove(&(*label, slot));
        }
        self.track_grid.forget(slot);
        self.unnamed_grid.forget(slot);
        Some(track)
    }

    /// Ends a track.
    pub(crate) fn end(&mut self, slot: u32, why: &'static str) {
        if let Some(track) = self.remove(slot) {
            self.notes.push(Note::Ended { key: track.key, why });
        }
    }

    /// Gives a track a label, and says so when another live track carried it.
    pub(crate) fn name(&mut self, slot: u32, label: Label, claimed: bool) {
        let known = self.with_label(label).find(|other| *other != slot);
        let known = known.and_then(|k| self.tracks.get(k)).map(|t| t.key);
        let Some(track) = self.tracks.get_mut(slot) else { return };
        if track.add_label(label, claimed) {
            self.labels.insert((label, slot));
            if let Some(known) = known.filter(|_| claimed) {
                self.notes.push(Note::Elsewhere { label, known, new: track.key });
            }
        }
    }

    /// Slots of the tracks that carry a label, oldest first.
    pub(crate) fn with_label(&self, label: Label) -> impl Iterator<Item = u32> + '_ {
        self.labels.range((label, 0)..=(label, u32::MAX)).map(|(_, slot)| *slot)
    }

    /// Brings all hypotheses of a track to a time. Backwards is refused: that is for retrodiction.
    pub(crate) fn predict(&mut self, slot: u32, to: Time, config: &Config) {
        let Some(track) = self.tracks.get_mut(slot) else { return };
        let dt = to.since(track.at).as_seconds_f64();
        if dt <= 0.0 {
            return;
        }
        let models = track.models(config);
        let survival = config.survival(dt);
        let height_known = track.height_known;
        track.at = to;
        track.existence *= survival;
        track.best.modes.predict(&models, dt, height_known);
        track.best.existence *= survival;
        if let Some(cluster) = track.cluster.and_then(|c| self.clusters.get_mut(c)) {
            for hypothesis in cluster.hypotheses_of(slot) {
                hypothesis.modes.predict(&models, dt, height_known);
                hypothesis.existence *= survival;
            }
        }
    }

    /// Files a track where it is now, and moves it to another region when it has left its own.
    pub(crate) fn settle(&mut self, slot: u32, ctx: &mut Context<'_>) {
        let Some(track) = self.tracks.get_mut(slot) else { return };
        track.judge(ctx.config);
        let mean = track.best.modes.mean();
        if Regions::is_far(&mean) {
            let place = ctx.regions.about(track.region, mean[0], mean[1]);
            let to = ctx.regions.at(place);
            if to != track.region {
                let (from, to_frame) = (*ctx.regions.frame(track.region), *ctx.regions.frame(to));
                crate::region::move_modes(&from, &to_frame, &mut track.best.modes, track.height_known);
                move_point(&from, &to_frame, &mut track.origin);
                track.region = to;
                let known = track.height_known;
                if let Some(cluster) = track.cluster.and_then(|c| self.clusters.get_mut(c)) {
                    for hypothesis in cluster.hypotheses_of(slot) {
                        crate::region::move_modes(&from, &to_frame, &mut hypothesis.modes, known);
                    }
                }
            }
        }
        self.file_track(slot, ctx.regions);
        self.touched.push(slot);
    }

    /// A track's best state at a time in the frame of another region.
    pub(crate) fn state_in(
        &self,
        track: &Track,
        at: Time,
        region: RegionId,
        ctx: &Context<'_>,
    ) -> crate::gaussian::Gaussian {
        let state = track.state_at(at, ctx.config);
        if track.region == region {
            return state;
        }
        moved(ctx.regions.frame(track.region), ctx.regions.frame(region), &state, track.height_known)
    }
}

fn move_point(from: &LocalFrame, to: &LocalFrame, point: &mut [f64; 2]) {
    let there = to.ecef_to_enu(from.enu_to_ecef(lapwing_model::Enu::new(point[0], point[1], 0.0)));
    *point = [there.east_m, there.north_m];
}
