//! Whether each sensor is heard, and the books of each input.
//!
//! A sensor's word is any report of it, any status or scan header, and any bytes of its own input, sound or not: bytes
//! that cannot be used show a sensor that talks, and is faulty. Silence begins at exactly the last word plus
//! [`Sensor::SILENT_AFTER_INTERVALS`] intervals, or as much later as its words have come less evenly ([`Rhythm`]): a sensor that is
//! told silent between any two words that come late is believed no more when it is. One that was never heard has as long from when
//! it was configured, and what its reports usually take besides. Whoever speaks is heard, at once: that it is not told silent and
//! heard by turns is not by waiting with the one, but by patience with what proved a pause.

use crate::rhythm::Rhythm;
use lapwing_model::report::SensorHealth;
use lapwing_model::snapshot::Health;
use lapwing_model::{
    AirText, EventBody, Fault, FaultKind, InputId, InputState, Ledger, Link, Sensor, SensorId, SensorState, Site, Span,
    Time, limits,
};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Usable and unusable units are compared over the current and the last whole bucket of this length.
const BUCKET: Span = Span::from_seconds(10);
/// Fewer units in that time say nothing: one damaged beacon among three is weather.
const UNITS_MIN: u64 = 20;

#[derive(Debug, Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
struct Bucket {
    number: i64,
    good: u64,
    bad: u64,
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Input {
    state: InputState,
    faults: VecDeque<Fault>,
    /// Faults not yet told, by reason.
    untold: BTreeMap<Cow<'static, str>, (Fault, u64)>,
    buckets: [Bucket; 2],
    unusable: bool,
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Post {
    state: SensorState,
    rhythm: Rhythm,
    /// When silence begins; `None` when it has.
    due: Option<Time>,
    silent_why: Option<AirText>,
    declared: Option<(SensorHealth, Option<AirText>)>,
    /// Inputs it was heard by, beside those configured for it.
    heard_by: BTreeSet<InputId>,
}

/// Sensors and inputs.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct HealthBook {
    posts: Vec<Post>,
    post_by_id: BTreeMap<SensorId, usize>,
    inputs: Vec<Input>,
    input_by_id: BTreeMap<InputId, usize>,
    /// Inputs most of which cannot be used: mostly none, and then none is looked for.
    unusable: usize,
    due: BTreeSet<(Time, usize)>,
}

impl HealthBook {
    /// Takes over a configuration: what goes on under the same name keeps its state and its books.
    pub(crate) fn configure(&mut self, site: &Site, now: Time) {
        let mut old: BTreeMap<SensorId, Post> = self.posts.drain(..).map(|p| (p.state.sensor.id.clone(), p)).collect();
        for sensor in site.sensors.iter().take(limits::SENSORS_MAX) {
            let post = match old.remove(&sensor.id) {
                Some(mut post) => {
                    if post.state.sensor.interval != sensor.interval {
                        post.rhythm = Rhythm::new();
                    }
                    post.state.sensor = sensor.clone();
                    if post.due.is_some() {
                        post.due = Some(post.silent_at(now));
                    }
                    post
                }
                None => {
                    let mut post = Post {
                        state: SensorState {
                            sensor: sensor.clone(),
                            health: Health::Waiting,
                            why: None,
                            last_at: None,
                            since: now,
                            reports: 0,
                        },
                        rhythm: Rhythm::new(),
                        due: None,
                        silent_why: None,
                        declared: None,
                        heard_by: BTreeSet::new(),
                    };
                    post.due = Some(post.silent_at(now));
                    post
                }
            };
            self.posts.push(post);
        }
        self.post_by_id = self.posts.iter().enumerate().map(|(i, p)| (p.state.sensor.id.clone(), i)).collect();
        self.due = self.posts.iter().enumerate().filter_map(|(i, p)| p.due.map(|t| (t, i))).collect();

        let mut old: BTreeMap<InputId, Input> = self.inputs.drain(..).map(|i| (i.state.input.clone(), i)).collect();
        for info in &site.inputs {
            let mut input = old.remove(&info.id).unwrap_or_else(|| Input {
                state: InputState {
                    input: info.id.clone(),
                    sensor: info.sensor.clone(),
                    format: info.format.clone(),
                    transport: info.transport.clone(),
                    link: Link::Starting,
                    ledger: Ledger::default(),
                    faults: Vec::new(),
                },
                faults: VecDeque::new(),
                untold: BTreeMap::new(),
                buckets: [Bucket::default(); 2],
                unusable: false,
            });
            input.state.sensor = info.sensor.clone();
            input.state.format = info.format.clone();
            input.state.transport = info.transport.clone();
            self.inputs.push(input);
        }
        self.input_by_id = self.inputs.iter().enumerate().map(|(i, p)| (p.state.input.clone(), i)).collect();
        self.count_unusable();
    }

    fn count_unusable(&mut self) {
        self.unusable = self.inputs.iter().filter(|i| i.unusable).count();
    }

    /// The server has started again: no link is up, and a sensor that was heard is not known to be there. One that was silent
    /// still is. The books go on. The configuration is to follow.
    pub(crate) fn restart(&mut self, now: Time, out: &mut Vec<EventBody>) {
        for input in &mut self.inputs {
            (input.buckets, input.unusable) = ([Bucket::default(); 2], false);
            if input.state.link != Link::Starting {
                input.state.link = Link::Starting;
                out.push(EventBody::InputChanged { input: input.state.input.clone(), link: Link::Starting });
            }
        }
        self.unusable = 0;
        for index in 0..self.posts.len() {
            let Some(post) = self.posts.get_mut(index) else { continue };
            post.heard_by.clear();
            post.rhythm.interrupted();
            if post.silent_why.is_none() {
                (post.state.last_at, post.declared) = (None, None);
                post.due = Some(post.silent_at(now));
            }
            self.judge(index, now, out);
        }
    }

    /// The configured sensor of this name.
    pub(crate) fn sensor(&self, id: &SensorId) -> Option<&Sensor> {
        self.post_by_id.get(id).and_then(|i| self.posts.get(*i)).map(|p| &p.state.sensor)
    }

    /// The sensor an input belongs to.
    pub(crate) fn sensor_of(&self, input: &InputId) -> Option<&SensorId> {
        self.input_by_id.get(input).and_then(|i| self.inputs.get(*i)).map(|i| &i.state.sensor)
    }

    /// Whether a sensor is heard and well: only then does its not seeing mean anything.
    pub(crate) fn is_live(&self, id: &SensorId) -> bool {
        self.post_by_id.get(id).and_then(|i| self.posts.get(*i)).is_some_and(|p| p.state.health == Health::Live)
    }

    /// A word of a sensor, with how many reports of it were used.
    pub(crate) fn heard(&mut self, id: &SensorId, by: &InputId, now: Time, used: u64, out: &mut Vec<EventBody>) {
        let Some(index) = self.post_by_id.get(id).copied() else { return };
        let Some(post) = self.posts.get_mut(index) else { return };
        if let Some(due) = post.due {
            self.due.remove(&(due, index));
        }
        post.rhythm.heard(now, &post.state.sensor);
        post.state.last_at = Some(now);
        let due = post.silent_at(now);
        post.due = Some(due);
        self.due.insert((due, index));
        post.state.reports += used;
        post.silent_why = None;
        if !post.heard_by.contains(by) {
            post.heard_by.insert(by.clone());
        }
        self.judge(index, now, out);
    }

    /// What a sensor says of itself.
    pub(crate) fn declared(
        &mut self,
        id: &SensorId,
        health: SensorHealth,
        text: Option<&AirText>,
        now: Time,
        out: &mut Vec<EventBody>,
    ) {
        let Some(index) = self.post_by_id.get(id).copied() else { return };
        let Some(post) = self.posts.get_mut(index) else { return };
        post.declared = (health != SensorHealth::Ok).then(|| (health, text.cloned()));
        self.judge(index, now, out);
    }

    /// An input's transport changed. When all inputs of a sensor are down it is silent at once.
    pub(crate) fn link(&mut self, id: &InputId, link: Link, now: Time, out: &mut Vec<EventBody>) {
        let Some(input) = self.input_by_id.get(id).and_then(|i| self.inputs.get_mut(*i)) else { return };
        if input.state.link == link {
            return;
        }
        input.state.link = link.clone();
        out.push(EventBody::InputChanged { input: id.clone(), link: link.clone() });
        let why = match &link {
            Link::Down { why } => AirText::new(&format!("input {id} is down: {why}")),
            Link::Finished => AirText::new(&format!("input {id} came to its end")),
            Link::Up | Link::Starting => return,
        };
        let own = input.state.sensor.clone();
        for index in 0..self.posts.len() {
            let Some(post) = self.posts.get(index) else { continue };
            let concerns = |i: &Input| i.state.sensor == post.state.sensor.id || post.heard_by.contains(&i.state.input);
            let touched = post.state.sensor.id == own || post.heard_by.contains(id);
            let all_down = self
                .inputs
                .iter()
                .filter(|i| concerns(i))
                .all(|i| matches!(i.state.link, Link::Down { .. } | Link::Finished));
            if touched && all_down {
                if let Some(post) = self.posts.get_mut(index) {
                    post.rhythm.interrupted();
                }
                self.fall_silent(index, why.clone(), now, out);
            }
        }
    }

    /// Books of a reception: units, and faults to show. Faults that are irrelevant on purpose are counted only.
    pub(crate) fn books(
        &mut self,
        id: &InputId,
        books: &Ledger,
        faults: Vec<Fault>,
        now: Time,
        out: &mut Vec<EventBody>,
    ) {
        let Some(input) = self.input_by_id.get(id).and_then(|i| self.inputs.get_mut(*i)) else { return };
        let ledger = &mut input.state.ledger;
        ledger.received += books.received;
        ledger.used += books.used;
        books.rejected.iter().for_each(|(reason, units)| ledger.reject(reason.clone(), *units));
        books.shed.iter().for_each(|(reason, units)| ledger.shed(reason.clone(), *units));
        let irrelevant = |reason: &str| faults.iter().any(|f| f.kind == FaultKind::Irrelevant && f.reason == reason);
        let bad: u64 = books.rejected.iter().filter(|(reason, _)| !irrelevant(reason)).map(|(_, n)| *n).sum();
        input.count(books.used, bad, now);
        let changed = input.judge();
        for fault in faults {
            input.note(fault);
        }
        if changed {
            let sensor = input.state.sensor.clone();
            self.count_unusable();
            if let Some(index) = self.post_by_id.get(&sensor).copied() {
                self.judge(index, now, out);
            }
        }
    }

    /// Faults to show that are no unit's.
    pub(crate) fn faults(&mut self, faults: Vec<(InputId, Fault)>) {
        for (id, fault) in faults {
            if let Some(input) = self.input_by_id.get(&id).and_then(|i| self.inputs.get_mut(*i)) {
                input.note(fault);
            }
        }
    }

    /// Units shed before they were decoded: received, and not used.
    pub(crate) fn shed(&mut self, id: &InputId, units: u64, reason: Cow<'static, str>) {
        if let Some(input) = self.input_by_id.get(id).and_then(|i| self.inputs.get_mut(*i)) {
            input.state.ledger.received += units;
            input.state.ledger.shed(reason, units);
        }
    }

    /// When the next sensor falls silent unless it is heard.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Sensors whose time has come.
    pub(crate) fn expire(&mut self, now: Time, out: &mut Vec<EventBody>) {
        while let Some((at, index)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, index));
            let why = match self.posts.get(index).map(|p| (p.state.last_at, p.state.sensor.interval)) {
                Some((Some(last), interval)) => format!("not heard since {last}; expected every {}", seconds(interval)),
                Some((None, interval)) => format!("never heard; expected every {}", seconds(interval)),
                None => continue,
            };
            self.fall_silent(index, AirText::new(&why), at, out);
        }
    }

    /// Whether faults wait to be told.
    pub(crate) fn has_untold(&self) -> bool {
        self.inputs.iter().any(|i| !i.untold.is_empty())
    }

    /// Tells the faults gathered since the last time: one event for each input and reason.
    pub(crate) fn tell(&mut self, out: &mut Vec<EventBody>) {
        for input in &mut self.inputs {
            for (_, (fault, count)) in std::mem::take(&mut input.untold) {
                out.push(EventBody::Faulted { input: input.state.input.clone(), fault, count });
            }
        }
    }

    pub(crate) fn sensors(&self) -> Vec<SensorState> {
        self.posts.iter().map(|p| p.state.clone()).collect()
    }

    pub(crate) fn inputs(&self) -> Vec<InputState> {
        self.inputs
            .iter()
            .map(|i| InputState { faults: i.faults.iter().cloned().collect(), ..i.state.clone() })
            .collect()
    }

    fn fall_silent(&mut self, index: usize, why: AirText, now: Time, out: &mut Vec<EventBody>) {
        if let Some(post) = self.posts.get_mut(index) {
            if let Some(due) = post.due.take() {
                self.due.remove(&(due, index));
            }
            post.silent_why = Some(why);
            self.judge(index, now, out);
        }
    }

    fn judge(&mut self, index: usize, now: Time, out: &mut Vec<EventBody>) {
        let Some(post) = self.posts.get_mut(index) else { return };
        let mut inputs = self.inputs.iter().take(if self.unusable > 0 { self.inputs.len() } else { 0 });
        let unusable = inputs.find(|i| i.unusable && i.state.sensor == post.state.sensor.id);
        let (health, why) = if let Some(why) = &post.silent_why {
            (Health::Silent, Some(why.clone()))
        } else if post.state.last_at.is_none() {
            (Health::Waiting, None)
        } else if let Some((health, text)) = &post.declared {
            let word =
                if *health == SensorHealth::Failed { "says that it has failed" } else { "says that it works in part" };
            let text = text.as_ref().map_or_else(|| word.to_owned(), |t| format!("{word}: {t}"));
            (Health::Faulty, Some(AirText::new(&text)))
        } else if let Some(input) = unusable {
            (
                Health::Faulty,
                Some(AirText::new(&format!("most of what input {} receives cannot be used", input.state.input))),
            )
        } else {
            (Health::Live, None)
        };
        let changed = health != post.state.health;
        if changed {
            post.state.since = now;
            out.push(EventBody::SensorChanged { sensor: post.state.sensor.id.clone(), health, why: why.clone() });
        }
        post.state.health = health;
        post.state.why = why;
    }
}

impl Post {
    /// When its silence begins unless it is heard; it has been waited for since `now` if it never was.
    fn silent_at(&self, now: Time) -> Time {
        let sensor = &self.state.sensor;
        let from = self.state.last_at.unwrap_or_else(|| now + sensor.usual_latency());
        from + self.rhythm.patience(sensor)
    }
}

impl Input {
    fn count(&mut self, good: u64, bad: u64, now: Time) {
        let number = now.as_nanos().div_euclid(BUCKET.as_nanos());
        if self.buckets[1].number != number {
            self.buckets[0] = if self.buckets[1].number == number - 1 { self.buckets[1] } else { Bucket::default() };
            self.buckets[1] = Bucket { number, good: 0, bad: 0 };
        }
        self.buckets[1].good += good;
        self.buckets[1].bad += bad;
    }

    /// Whether the judgement changed. It turns at one half and turns back at one quarter.
    fn judge(&mut self) -> bool {
        let (good, bad) = self.buckets.iter().fold((0, 0), |(g, b), x| (g + x.good, b + x.bad));
        let before = self.unusable;
        if good + bad >= UNITS_MIN {
            self.unusable = if before { 4 * bad > good + bad } else { 2 * bad > good + bad };
        }
        before != self.unusable
    }

    fn note(&mut self, fault: Fault) {
        if fault.kind == FaultKind::Irrelevant {
            return;
        }
        if let Some((latest, count)) = self.untold.get_mut(&fault.reason) {
            *count += 1;
            latest.clone_from(&fault);
        } else if self.untold.len() < Ledger::REASONS_MAX {
            self.untold.insert(fault.reason.clone(), (fault.clone(), 1));
        } else {
            self.untold.entry(Cow::Borrowed("other")).or_insert_with(|| (fault.clone(), 0)).1 += 1;
        }
        if self.faults.len() >= limits::FAULTS_PER_INPUT_MAX {
            self.faults.pop_front();
        }
        self.faults.push_back(fault);
    }
}

fn seconds(span: Span) -> String {
    format!("{} s", span.as_seconds_f64())
}
