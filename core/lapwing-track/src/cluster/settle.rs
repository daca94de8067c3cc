//! What a look makes of tracks that share readings or hypotheses.

use super::*;
use crate::imm::Foresight;
use crate::project::Projection;
use crate::reading::Reading;

/// What a member does under a child hypothesis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Deed {
    Miss,
    Take(u32),
    /// Shares a reading with a partner the sensor cannot tell from it.
    Share(u32),
}

/// What each member does under a child, with the local hypothesis of its parent; and the child with the logarithm of its weight.
type Deeds = Short<(u16, Deed), 8>;
pub(crate) type Child = (f64, Deeds);
type Members = Short<Member, 4>;

/// One member of a group while it is settled.
struct Member {
    slot: u32,
    /// In the list of what the look may see; `None` for one out of sight.
    visible: Option<u32>,
    detection: f64,
    partner: Option<u32>,
    /// Whether it is the less sure of the two.
    hides: bool,
}

/// A reading on its way into a local hypothesis.
struct Taken {
    /// Variances to add, where it is of two aircraft the sensor could not tell apart.
    merged: Option<[f64; 4]>,
    /// How well it was foreseen, where it lies in the gate.
    known: Option<Foresight>,
    ahead_s: f64,
}

/// What one claim may speak against a hypothesis at most, nats.
const CLAIM_NATS_MAX: f64 = 3.0;

impl Filter {
    /// Takes a track out of its cluster, summed over the others.
    pub(crate) fn leave_cluster(&mut self, slot: u32) {
        let Some(id) = self.tracks.get(slot).and_then(|t| t.cluster) else { return };
        if let Some(track) = self.tracks.get_mut(slot) {
            track.cluster = None;
        }
        let Some(cluster) = self.clusters.get_mut(id) else { return };
        if let Some(index) = cluster.position(slot) {
            cluster.drop_member(index);
        }
        if cluster.members.is_empty() {
            self.clusters.remove(id);
        }
    }

    /// Settles tracks that share readings or hypotheses.
    pub(crate) fn together(&mut self, group: &[(u32, u32)], look: &Corrected<'_>, ctx: &mut Context<'_>) {
        let config = ctx.config;
        // The cluster of all: those there are, and a new one for each track that was alone.
        let mut joint: Option<Cluster> = None;
        let mut known: Short<u32, 8> = Short::new();
        let most = config.hypotheses_max.max(1);
        for (_, v) in group {
            let slot = ctx.work.visible[*v as usize].slot;
            let Some(track) = self.tracks.get(slot) else { continue };
            let own = match track.cluster {
                Some(id) if known.contains(&id) => continue,
                Some(id) => {
                    known.push(id);
                    match self.clusters.remove(id) {
                        Some(cluster) => cluster,
                        None => continue,
                    }
                }
                None => Cluster::single(slot, track.best),
            };
            joint = Some(match joint {
                None => own,
                Some(so_far) => so_far.product(own, most),
            });
        }
        let Some(cluster) = joint else { return };
        let members: Members = cluster
            .members
            .iter()
            .map(|slot| {
                let visible = group.iter().map(|(_, v)| *v).find(|v| ctx.work.visible[*v as usize].slot == *slot);
                let seen = visible.map(|v| ctx.work.visible[v as usize].detection).unwrap_or(0.0);
                let detection = if look.complete { seen.max(0.0) } else { 0.0 };
                let partner = visible.and_then(|v| self.partner(v, ctx));
                let rank = |slot: u32| self.tracks.get(slot).map_or((0.0, 0), |t| (t.existence, t.plots));
                let other = partner.and_then(|p| ctx.work.visible.get(p as usize)).map(|v| v.slot);
                let hides = other.is_some_and(|other| (rank(*slot), other) < (rank(other), *slot));
                Member { slot: *slot, visible, detection, partner, hides }
            })
            .collect();
        if cluster.members.len() > config.cluster_tracks_max {
            self.crowd(cluster, &members, look, ctx);
        } else {
            self.branch(cluster, &members, look, ctx);
        }
    }

    /// The readings of a group, ascending.
    fn readings_of(members: &[Member], ctx: &Context<'_>) -> Short<u32, 16> {
        let mut out: Short<u32, 16> = members
            .iter()
            .filter_map(|m| m.visible)
            .flat_map(|v| ctx.work.pairs_of(v))
            .map(|pair| pair.reading)
            .collect();
        out.sort_unstable();
        out.dedup();
        out
    }

    /// Each global hypothesis branches into its best pairings.
    fn branch(&mut self, cluster: Cluster, members: &[Member], look: &Corrected<'_>, ctx: &mut Context<'_>) {
        let config = ctx.config;
        let readings = Self::readings_of(members, ctx);
        let columns = readings.len();
        let span = -math::log(config.hypothesis_min.clamp(1e-12, 0.5));
        let mut solver = std::mem::take(&mut ctx.work.solver);
        let mut cost = std::mem::take(&mut ctx.work.cost);
        let mut choices = std::mem::take(&mut ctx.work.assignments);
        let mut children = std::mem::take(&mut ctx.work.children);
        children.clear();
        let most = config.hypotheses_max.max(1);
        for global in &cluster.globals {
            cost.clear();
            cost.resize(members.len() * columns, crate::assign::INFEASIBLE);
            let mut log_missed = 0.0;
            for (row, member) in members.iter().enumerate() {
                let pick = global.picks[row];
                let r = cluster.locals_of(row)[usize::from(pick)].existence;
                let detection = self.unseen(member, ctx);
                let missed = (1.0 - r * detection).max(1e-9);
                log_missed += math::log(missed);
                let Some(v) = member.visible else { continue };
                for pair in ctx.work.pairs_of(v) {
                    if pair.hypothesis != u32::from(pick) {
                        continue;
                    }
                    if let Ok(column) = readings.binary_search(&pair.reading) {
                        cost[row * columns + column] = math::log(missed) - math::log(r.max(1e-12)) - pair.log_ratio;
                    }
                }
            }
            let k = ((most as f64 * global.weight) as usize + 1).min(most);
            solver.k_best(members.len(), columns, &cost, k, span, &mut choices);
            for (sum, choice) in &choices {
                let log_weight = math::log(global.weight.max(1e-300)) + log_missed - sum;
                let deed = |c: Option<u16>| c.map_or(Deed::Miss, |c| Deed::Take(readings[usize::from(c)]));
                let mut deeds: Deeds = global.picks.iter().zip(choice).map(|(pick, c)| (*pick, deed(*c))).collect();
                share(&mut deeds, members);
                children.push((log_weight, deeds));
            }
        }
        (ctx.work.solver, ctx.work.cost, ctx.work.assignments) = (solver, cost, choices);
        children.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        children.truncate(most);
        let best = children.first().map_or(0.0, |c| c.0);
        children.retain(|c| c.0 >= best - span);
        self.adopt(cluster, members, &children, best, look, ctx);
        ctx.work.children = children;
    }

    /// The probability that a member would have given a plot of its own: less where a partner's plot may be its.
    fn unseen(&self, member: &Member, _ctx: &Context<'_>) -> f64 {
        // Only the weaker of two hides behind the other's plot: else a ghost beside an aircraft would live on its plots.
        if member.hides { 0.25 * member.detection } else { member.detection }
    }

    /// Makes the children's hypotheses, merges those that agree, and puts the cluster back, split where it falls apart.
    fn adopt(
        &mut self,
        mut cluster: Cluster,
        members: &[Member],
        children: &[Child],
        best: f64,
        look: &Corrected<'_>,
        ctx: &mut Context<'_>,
    ) {
        let mut locals = std::mem::take(&mut ctx.work.locals);
        locals.clear();
        let mut globals = Vec::with_capacity(children.len());
        let blank = |(log_weight, _): &Child| Global { weight: math::exp(log_weight - best), picks: Picks::new() };
        globals.extend(children.iter().map(blank));
        for (row, member) in members.iter().enumerate() {
            let first = locals.len();
            // What made each of its local hypotheses, in their order.
            let mut made: Short<(u16, Deed), 8> = Short::new();
            for (global, (_, deeds)) in globals.iter_mut().zip(children) {
                let Some(cause) = deeds.get(row).copied() else { continue };
                let known = made.iter().position(|m| *m == cause);
                global.picks.push(known.unwrap_or(made.len()) as u16);
                if known.is_none() {
                    made.push(cause);
                    locals.push(cluster.locals_of(row)[usize::from(cause.0)]);
                    if let Some(child) = locals.last_mut() {
                        self.make_child(child, cause, member, look, ctx);
                    }
                }
            }
            cluster.firsts[row] = first as u32;
        }
        cluster.locals.clone_from(&locals);
        ctx.work.locals = locals;
        cluster.globals = globals;
        cluster.normalise();
        // What each reading went to, over all hypotheses.
        for (global, (_, deeds)) in cluster.globals.iter().zip(children) {
            for (_, deed) in deeds {
                if let Deed::Take(reading) = deed {
                    ctx.work.taken[*reading as usize] += global.weight;
                }
            }
        }
        cluster.merge();
        self.put_back(cluster);
        if let Some((_, first)) = children.first() {
            for (member, (parent, deed)) in members.iter().zip(first) {
                self.finish(member, *parent, *deed, look, ctx);
            }
        }
    }

    /// Makes of a local hypothesis what it is after a deed.
    fn make_child(
        &mut self,
        out: &mut Hypothesis,
        (parent, deed): (u16, Deed),
        member: &Member,
        look: &Corrected<'_>,
        ctx: &mut Context<'_>,
    ) {
        let (reading, shared) = match deed {
            Deed::Miss => {
                let detection = self.unseen(member, ctx);
                let missed = 1.0 - out.existence * detection;
                out.existence = if missed > 0.0 { out.existence * (1.0 - detection) / missed } else { 0.0 };
                return;
            }
            Deed::Take(reading) => (reading, false),
            Deed::Share(reading) => (reading, true),
        };
        let Some(v) = member.visible else { return };
        let visible = ctx.work.visible[v as usize];
        let merged = self.shared_variance(member, look, ctx).filter(|_| shared || member.partner.is_some());
        let merged = merged.filter(|_| shared || self.is_shared(member, reading, ctx));
        let known = ctx
            .work
            .pairs_of(v)
            .iter()
            .find(|p| p.reading == reading && p.hypothesis == u32::from(parent))
            .map(|p| p.foresight);
        let Some(track) = self.tracks.get(member.slot) else { return };
        let (region, height_known) = (track.region, track.height_known);
        // Lent for as long as they are read.
        let projections = std::mem::take(&mut ctx.work.projections);
        let projection = projections.get((visible.first + u32::from(parent)) as usize);
        if let Some(value) = look.readings.get(reading as usize) {
            let taken = Taken { merged, known, ahead_s: visible.ahead_s };
            if Self::child_takes(out, value, projection, &taken, look, (region, height_known), ctx) && !shared {
                out.existence = 1.0;
            }
        }
        ctx.work.projections = projections;
    }

    /// A local hypothesis takes a reading. Whether it could.
    fn child_takes(
        out: &mut Hypothesis,
        value: &Reading,
        projection: Option<&Projection>,
        taken: &Taken,
        look: &Corrected<'_>,
        (region, height_known): (u16, bool),
        ctx: &mut Context<'_>,
    ) -> bool {
        let foresight = match taken.known {
            Some(foresight) => foresight,
            None => {
                // A shared reading may lie outside the gate: then it says nothing of this one.
                let Some(projection) = projection else { return false };
                let scene = ctx.scene(look.sensor, region, height_known);
                let (y, mut variance) = scene.innovations(value, &projection.rows);
                for (v, m) in variance.iter_mut().zip(&taken.merged.unwrap_or_default()) {
                    *v += m;
                }
                let Some(foresight) = projection.foresight(&y, &variance) else { return false };
                foresight
            }
        };
        crate::look::update_modes(
            &mut out.modes,
            value,
            projection,
            &foresight,
            taken.ahead_s,
            taken.merged,
            look,
            (region, height_known),
            ctx,
        );
        true
    }

    /// Whether a member's partner has no likely reading of its own: then this one is of both.
    fn is_shared(&self, member: &Member, reading: u32, ctx: &Context<'_>) -> bool {
        let Some(partner) = member.partner else { return false };
        !ctx.work.pairs_of(partner).iter().any(|p| p.reading != reading && p.log_ratio > 3.0)
    }

    /// What the mean of two unresolved aircraft may be off each of them: up to half a resolution cell, as variances of range,
    /// azimuth, elevation and range rate.
    fn shared_variance(&self, member: &Member, look: &Corrected<'_>, ctx: &Context<'_>) -> Option<[f64; 4]> {
        member.visible?;
        let resolution = ctx.work.resolution?;
        let range = resolution.range_m.map_or(0.0, |r| r / 2.0);
        let angle = resolution.azimuth_deg.map_or(0.0, |a| math::rad(a) / 2.0);
        let bearing = look.readings.first().is_some_and(|r| matches!(r.kind, crate::reading::Kind::Bearing { .. }));
        Some(if bearing {
            [angle * angle, angle * angle, 0.0, 0.0]
        } else {
            [range * range, angle * angle, angle * angle, 4.0]
        })
    }

    /// Notes with a member what happened to it under the best hypothesis.
    fn finish(&mut self, member: &Member, parent: u16, deed: Deed, look: &Corrected<'_>, ctx: &mut Context<'_>) {
        match deed {
            Deed::Miss => {
                if ctx.posts.get(look.sensor as usize).is_some_and(|p| p.listens)
                    && let Some(track) = self.tracks.get_mut(member.slot)
                {
                    track.heard.silent();
                }
                if member.detection > 0.0
                    && !member.hides
                    && let Some(track) = self.tracks.get_mut(member.slot)
                {
                    track.missed(member.detection, ctx.config);
                }
                self.settle(member.slot, ctx);
            }
            Deed::Share(_) => self.settle(member.slot, ctx),
            Deed::Take(reading) => {
                let log_ratio = member
                    .visible
                    .into_iter()
                    .flat_map(|v| ctx.work.pairs_of(v))
                    .find(|p| p.reading == reading && p.hypothesis == u32::from(parent))
                    .map_or(0.0, |p| p.log_ratio);
                if let Some(value) = look.readings.get(reading as usize) {
                    self.credit(member.slot, log_ratio, (reading, value), look, ctx);
                }
                if let Some(took) = ctx.work.took.get_mut(reading as usize) {
                    *took = Took::Track(member.slot);
                }
            }
        }
    }

    /// Weighs the hypotheses of a cluster by how well those of one member foresaw what it claims. A claim is evidence and no
    /// proof: none is weighed down by more than a bound, or a forged one could decide who is who.
    pub(crate) fn reweigh(&mut self, slot: u32, log_likelihoods: &[f64]) {
        let Some(id) = self.tracks.get(slot).and_then(|t| t.cluster) else { return };
        let Some(mut cluster) = self.clusters.remove(id) else { return };
        let best = log_likelihoods.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if let Some(index) = cluster.position(slot).filter(|_| best.is_finite()) {
            for global in &mut cluster.globals {
                let log = log_likelihoods.get(usize::from(global.picks[index])).copied().unwrap_or(best);
                global.weight *= math::exp((log - best).max(-CLAIM_NATS_MAX));
            }
            cluster.normalise();
            cluster.globals.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.picks.cmp(&b.picks)));
        }
        self.put_back(cluster);
    }

    /// Puts a cluster's members back: those with one hypothesis are alone again, the rest stay together as far as they depend
    /// on each other.
    fn put_back(&mut self, mut cluster: Cluster) {
        let mut index = 0;
        while index < cluster.members.len() {
            let slot = cluster.members[index];
            let best = cluster.globals.first().map_or(0, |g| usize::from(g.picks[index]));
            let locals = cluster.locals_of(index);
            let existence: f64 = locals.iter().zip(&cluster.weights(index)).map(|(h, w)| h.existence * w).sum();
            if let (Some(track), Some(hypothesis)) = (self.tracks.get_mut(slot), locals.get(best)) {
                track.best = *hypothesis;
                track.existence = existence;
                track.cluster = None;
            }
            if locals.len() <= 1 {
                cluster.drop_member(index);
            } else {
                index += 1;
            }
        }
        cluster.split(|part| {
            let slots = part.members.clone();
            let id = self.clusters.insert(part);
            for slot in slots {
                if let Some(track) = self.tracks.get_mut(slot) {
                    track.cluster = Some(id);
                }
            }
        });
    }

    /// Too many tracks to keep several hypotheses. The rule: probabilities of all pairs by belief propagation, pairs fixed
    /// greedily from the most probable on, each track's existence from the marginals. Costs in proportion to the pairs.
    fn crowd(&mut self, cluster: Cluster, members: &[Member], look: &Corrected<'_>, ctx: &mut Context<'_>) {
        let readings = Self::readings_of(members, ctx);
        let picks = cluster.globals.first().map_or_else(|| smallvec![0; members.len()], |g| g.picks.clone());
        let mut edges: Vec<Edge> = Vec::new();
        let mut before = Vec::with_capacity(members.len());
        for (row, member) in members.iter().enumerate() {
            let r = cluster.locals_of(row)[usize::from(picks[row])].existence;
            before.push(r);
            let missed = (1.0 - r * self.unseen(member, ctx)).max(1e-9);
            let Some(v) = member.visible else { continue };
            for pair in ctx.work.pairs_of(v) {
                if pair.hypothesis != u32::from(picks[row]) {
                    continue;
                }
                if let Ok(plot) = readings.binary_search(&pair.reading) {
                    let weight = r * math::exp(pair.log_ratio) / missed;
                    edges.push(Edge { track: row as u32, plot: plot as u32, weight });
                }
            }
        }
        let mut marginals = std::mem::take(&mut ctx.work.marginals);
        Pairs { tracks: members.len(), plots: readings.len(), edges: &edges }.marginals(&mut marginals);
        let mut order: Vec<usize> = (0..edges.len()).collect();
        order.sort_by(|a, b| marginals[*b].total_cmp(&marginals[*a]).then(a.cmp(b)));
        let mut choice: Vec<Option<usize>> = vec![None; members.len()];
        let mut used = vec![false; readings.len()];
        let mut left = vec![1.0; members.len()];
        for i in &order {
            left[edges[*i].track as usize] -= marginals[*i];
        }
        for i in order {
            let (track, plot) = (edges[i].track as usize, edges[i].plot as usize);
            // A track that was more probably missed than of this plot takes none.
            if choice[track].is_none() && !used[plot] && marginals[i] > left[track] {
                choice[track] = Some(plot);
                used[plot] = true;
            }
        }
        let mut deeds: Deeds = choice
            .iter()
            .enumerate()
            .map(|(row, c)| (picks[row], c.map_or(Deed::Miss, |c| Deed::Take(readings[c]))))
            .collect();
        share(&mut deeds, members);
        self.adopt(cluster, members, &[(0.0, deeds)], 0.0, look, ctx);
        for reading in &readings {
            ctx.work.taken[*reading as usize] = 0.0;
        }
        for (edge, p) in edges.iter().zip(&marginals) {
            let taken = &mut ctx.work.taken[readings[edge.plot as usize] as usize];
            *taken = (*taken + p).min(1.0);
        }
        for (row, member) in members.iter().enumerate() {
            let seen = (1.0 - left[row]).clamp(0.0, 1.0);
            let (r, detection) = (before[row], self.unseen(member, ctx));
            let missed = (1.0 - r * detection).max(1e-9);
            let existence = (seen + (1.0 - seen) * r * (1.0 - detection) / missed).clamp(0.0, 1.0);
            if let Some(track) = self.tracks.get_mut(member.slot) {
                track.best.existence = existence;
                track.existence = existence;
                track.judge(ctx.config);
            }
        }
        ctx.work.marginals = marginals;
    }
}

/// A member that was missed shares its partner's reading, and then the partner shares it too.
fn share(deeds: &mut [(u16, Deed)], members: &[Member]) {
    for row in 0..deeds.len() {
        let Some(partner) = members[row].partner.filter(|_| deeds[row].1 == Deed::Miss) else { continue };
        let Some(other) = members.iter().position(|m| m.visible == Some(partner)) else { continue };
        if let Deed::Take(reading) = deeds[other].1 {
            deeds[row].1 = Deed::Share(reading);
        }
    }
}
