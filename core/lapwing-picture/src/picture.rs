//! The air picture: everything between two transports, as one pure machine.

mod absent;
mod agree;
mod dirty;
mod heights;
mod judge;
mod listed;
mod receive;
mod save;
mod tell;
mod tracks;
mod voices;

use crate::alert::AlertBook;
use crate::emitters::Emitters;
use crate::geoid::Geoid;
use crate::health::HealthBook;
use crate::zone::{Outline, ZoneIndex};
pub(crate) use agree::Support;
use dirty::Dirty;
use lapwing_model::{
    AlertId, AlertState, AuthorisedFlight, Classification, Command, Event, EventBody, Fault, Identity, InputId, Ledger,
    Link, Name, Order, Position, Report, SensorId, Site, Snapshot, Span, Time, TrackId, ZoneId,
};
use lapwing_track::{Bias, Config, Estimate, Observation, Outcome, Tracker};
pub use save::SaveError;
use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use tracks::Entry;

/// The picture looks at everything once a second, on the second, as long as there is anything to look at.
const GRID: Span = Span::from_seconds(1);

/// What comes in. Closed: everything that can change the picture stands here.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// What one reception decoded to. `books` holds units received, used and rejected of this reception.
    Decoded {
        /// The input it came by.
        input: InputId,
        /// When it was received.
        received_at: Time,
        /// What it said.
        reports: Vec<Report>,
        /// What of it could not be used.
        faults: Vec<Fault>,
        /// Its units. A report that the picture refuses moves one unit from used to rejected.
        books: Ledger,
    },
    /// An input's transport changed.
    Link {
        /// Which.
        input: InputId,
        /// How it is now.
        link: Link,
    },
    /// Receptions were dropped under load before they were decoded; each counts as one unit.
    Shed {
        /// Of which input.
        input: InputId,
        /// How many.
        units: u64,
        /// Why.
        reason: Cow<'static, str>,
    },
    /// An operator's order, checked by [`Picture::check_command`] before it was journalled.
    Command(Command),
    /// A new configuration.
    Configure(Box<Site>),
    /// The server has started again and goes on with what it knew: links and sensors are as yet unheard.
    Restart {
        /// Its configuration now.
        site: Box<Site>,
        /// Ids given from now on are greater than this; see [`Picture::continuing`].
        first: u64,
        /// What was passed over to get here, by input.
        faults: Vec<(InputId, Fault)>,
    },
    /// Time has come: nothing but deadlines.
    Tick,
}

/// Why an order cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandRefusal {
    /// There is no such alert.
    UnknownAlert(AlertId),
    /// The alert has been cleared: there is nothing to acknowledge.
    AlertCleared(AlertId),
}

impl fmt::Display for CommandRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownAlert(id) => write!(f, "there is no alert {id}"),
            Self::AlertCleared(id) => write!(f, "alert {id} has already been cleared"),
        }
    }
}

impl std::error::Error for CommandRefusal {}

/// A live track at a time.
#[derive(Debug, Clone)]
pub struct TrackAt<'a> {
    /// Which.
    pub id: TrackId,
    /// Its state.
    pub estimate: Estimate,
    /// Its names in order of first appearance, and how well they are supported.
    pub identity: &'a Identity,
    /// What it is taken for; what nobody said anything of is silent.
    pub classification: Classification,
}

/// The air picture. Mutate with [`Picture::handle`], drain [`Picture::poll`], repeat.
#[derive(Debug)]
pub struct Picture {
    now: Time,
    site: Site,
    zones: ZoneIndex,
    zone_numbers: BTreeMap<ZoneId, usize>,
    /// Longest lead time of all rules, seconds.
    lead_max_s: f64,
    authorised: BTreeMap<Name, Vec<(AuthorisedFlight, Option<Outline>)>>,
    tracker: Tracker,
    emitters: Emitters,
    health: HealthBook,
    alerts: AlertBook,
    geoid: Geoid,
    tracks: BTreeMap<TrackId, Entry>,
    /// Tracks to look at before this input is done.
    dirty: Dirty,
    /// Pairs of tracks under two names that fly as one, with the seconds they have done so.
    twins: BTreeMap<(TrackId, TrackId), u32>,
    /// Pairs of a claimed and a measured track that fly as one but for the height, with the seconds they have done so.
    lifted: BTreeMap<(TrackId, TrackId), u32>,
    grid_at: Option<Time>,
    /// In the middle of telling of the tracks that changed in a second: those from this one on have yet to be told of.
    telling: Option<TrackId>,
    cause: Option<Position>,
    /// What the tracker took in only now, by the tracks it went to: causes of what follows.
    taken_in: BTreeMap<TrackId, Position>,
    events: VecDeque<Event>,
    sequence: u64,
    scratch: Vec<EventBody>,
    /// Lists of a scan that was given to the tracker, for their memory.
    spare_observations: Vec<Observation>,
    spare_outcomes: Vec<Outcome>,
}

impl Picture {
    /// An empty picture of a site.
    pub fn new(site: Site, now: Time) -> Self {
        Self::continuing(site, now, 0)
    }

    /// An empty picture of a site whose track and alert ids begin at `first` + 1, so that none returns that an earlier run
    /// gave. `first` must not be less than any id given before. The journal position of a run's first entry is such a
    /// number: every track and every alert begins with an event of its own, and every event is an entry.
    pub fn continuing(site: Site, now: Time, first: u64) -> Self {
        Self::tuned(site, now, first, Config::default())
    }

    /// The same with other settings of the tracker than its defaults; `first` stands, whatever `config` says of it.
    pub fn tuned(site: Site, now: Time, first: u64, config: Config) -> Self {
        let tracker = Tracker::new(Config { first_track_id: first, ..config });
        let mut picture = Self { alerts: AlertBook::after(first), ..Self::empty(site.clone(), now, tracker) };
        picture.configure(site);
        picture
    }

    /// A picture around a tracker, its site not read yet.
    fn empty(site: Site, now: Time, tracker: Tracker) -> Self {
        Self {
            now,
            site,
            zones: ZoneIndex::new(&[]),
            zone_numbers: BTreeMap::new(),
            lead_max_s: 0.0,
            authorised: BTreeMap::new(),
            tracker,
            emitters: Emitters::default(),
            health: HealthBook::default(),
            alerts: AlertBook::default(),
            geoid: Geoid::default(),
            tracks: BTreeMap::new(),
            dirty: Dirty::default(),
            twins: BTreeMap::new(),
            lifted: BTreeMap::new(),
            grid_at: None,
            telling: None,
            cause: None,
            taken_in: BTreeMap::new(),
            events: VecDeque::new(),
            sequence: 0,
            scratch: Vec::new(),
            spare_observations: Vec::new(),
            spare_outcomes: Vec::new(),
        }
    }

    /// Takes in one thing. Deadlines up to and including `now` are handled first, each at exactly its own time, so that
    /// live running (which wakes at each) and replay (which does not) agree. `position` is the journal entry.
    ///
    /// Events of many tracks are made as they are polled: with [`Input::Tick`] at each [`Picture::deadline`], and every event
    /// polled after it, there are never many at a time. Else there are more; they are the same.
    pub fn handle(&mut self, now: Time, position: Option<Position>, input: Input) {
        while let Some(at) = self.deadline().filter(|at| *at <= now) {
            match self.telling {
                Some(_) => self.tell_out(),
                None => self.deadlines_at(at),
            }
        }
        let tick = matches!(input, Input::Tick);
        // What has yet to be told is of the time it was found at.
        if !tick || now > self.now {
            self.tell_out();
        }
        // The run loop never goes back; if it did, standing still is the least wrong.
        self.now = self.now.max(now);
        if tick {
            return;
        }
        self.cause = position;
        match input {
            Input::Decoded { input, received_at, reports, faults, books } => {
                self.tracker.advance(self.now);
                self.decoded(&input, received_at, reports, faults, books);
            }
            Input::Link { input, link } => {
                let (now, mut out) = (self.now, std::mem::take(&mut self.scratch));
                self.health.link(&input, link, now, &mut out);
                self.emit_all(out);
            }
            Input::Shed { input, units, reason } => self.health.shed(&input, units, reason),
            Input::Command(command) => self.command(&command),
            Input::Configure(site) => self.configure(*site),
            Input::Restart { site, first, faults } => self.restart(*site, first, faults),
            Input::Tick => {}
        }
        self.settle();
        self.cause = None;
    }

    /// The next event, oldest first. Drain after each [`Picture::handle`].
    pub fn poll(&mut self) -> Option<Event> {
        while self.events.is_empty() && self.telling.is_some() {
            self.tell_on();
        }
        self.events.pop_front()
    }

    /// When something next happens of itself.
    pub fn deadline(&self) -> Option<Time> {
        // While tracks are told of there are tracks, and a next second.
        let grid_at = self.telling.map_or(self.grid_at, |_| Some(self.next_second()));
        [self.tracker.deadline(), self.health.deadline(), grid_at].into_iter().flatten().min()
    }

    /// The picture as it is.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            at: self.now,
            tracks: self.tracks.keys().filter_map(|id| self.track(*id, true)).collect(),
            alerts: self.alerts.all(),
            sensors: self.health.sensors(),
            inputs: self.health.inputs(),
        }
    }

    /// How each input is, with its books.
    pub fn inputs(&self) -> Vec<lapwing_model::snapshot::InputState> {
        self.health.inputs()
    }

    /// Live tracks at a time, oldest first: predicted, where that is later than their last update.
    pub fn tracks_at(&self, at: Time) -> impl Iterator<Item = TrackAt<'_>> {
        self.tracks.iter().filter_map(move |(id, entry)| {
            let live = self.tracker.live(*id)?;
            let classification = self.classification(live.classification(), live.class_is_seen(), entry);
            Some(TrackAt { id: *id, estimate: live.estimate(at), identity: &entry.identity, classification })
        })
    }

    /// What the sensors' systematic errors are estimated to be.
    pub fn biases(&self) -> impl Iterator<Item = (SensorId, Bias)> + '_ {
        self.tracker.biases()
    }

    /// Whether an order can be followed, asked before it is journalled.
    pub fn check_command(&self, command: &Command) -> Result<(), CommandRefusal> {
        match &command.order {
            Order::AcknowledgeAlert { alert, .. } => match self.alerts.state(*alert) {
                None => Err(CommandRefusal::UnknownAlert(*alert)),
                Some(AlertState::Cleared) => Err(CommandRefusal::AlertCleared(*alert)),
                Some(_) => Ok(()),
            },
        }
    }

    fn command(&mut self, command: &Command) {
        match &command.order {
            Order::AcknowledgeAlert { alert, note } => {
                self.alerts.acknowledge(*alert, self.now, &command.by, note.as_ref());
            }
        }
    }

    fn configure(&mut self, site: Site) {
        self.site = site;
        self.read_site();
        self.health.configure(&self.site, self.now);
        let health = &self.health;
        self.emitters.configure(|sensor| health.sensor(sensor).is_some());
        self.alerts.configured(self.now, &self.zone_numbers.keys().cloned().collect());
        self.dirty.extend(self.tracks.keys().copied());
    }

    /// Makes ready what the site says.
    fn read_site(&mut self) {
        let site = &self.site;
        self.zones = ZoneIndex::new(&site.zones);
        self.zone_numbers = site.zones.iter().enumerate().map(|(i, z)| (z.id.clone(), i)).collect();
        self.lead_max_s = site.rules.iter().map(|r| r.lead.as_seconds_f64()).fold(0.0, f64::max);
        self.authorised = BTreeMap::new();
        for flight in &site.authorised {
            let area = flight.area.as_ref().and_then(Outline::new);
            self.authorised.entry(flight.name.clone()).or_default().push((flight.clone(), area));
        }
    }

    /// The server has started again, at `now`, with `site`: no link is up and no sensor has been heard until it says so. Ids
    /// given from now on are greater than `first`, which may have been given in a part of the record that was lost.
    fn restart(&mut self, site: Site, first: u64, faults: Vec<(InputId, Fault)>) {
        self.tracker.ids_after(first);
        self.alerts.ids_after(first);
        let mut out = std::mem::take(&mut self.scratch);
        self.health.restart(self.now, &mut out);
        self.emit_all(out);
        self.configure(site);
        self.health.faults(faults);
    }

    /// Everything that is due at `at`, in a fixed order: tracks, sensors, then the once-a-second look.
    fn deadlines_at(&mut self, at: Time) {
        self.now = self.now.max(at);
        if self.tracker.deadline().is_some_and(|d| d <= at) {
            self.tracker.advance(at);
        }
        let mut out = std::mem::take(&mut self.scratch);
        self.health.expire(at, &mut out);
        self.emit_all(out);
        self.drain_tracker();
        if self.grid_at.is_some_and(|g| g <= at) {
            self.grid_at = None;
            self.on_grid();
        } else {
            self.settle();
        }
    }

    /// Once a second. What changed of the tracks is told as events are polled; [`Picture::end_second`] comes after it.
    fn on_grid(&mut self) {
        let now = self.now;
        self.join_twins();
        self.compare_lifted();
        self.compare_slants();
        self.forget_voices();
        self.refresh_by_time();
        // Where alerts stand or may come, time alone moves the prediction.
        let watched: Vec<TrackId> = self.alerts.tracks().collect();
        self.dirty.extend(watched.into_iter().filter(|id| self.tracks.contains_key(id)));
        self.look_at_dirty();
        let tracks = &self.tracks;
        self.alerts.expire(now, |id| !tracks.contains_key(&id));
        match self.tracks.keys().next() {
            Some(first) => self.telling = Some(*first),
            None => self.end_second(),
        }
    }

    /// What is left of a second when the tracks have been told of.
    fn end_second(&mut self) {
        let mut out = std::mem::take(&mut self.scratch);
        self.health.tell(&mut out);
        self.emit_all(out);
        self.emitters.forget(self.now);
        self.settle();
    }

    fn next_second(&self) -> Time {
        (self.now + Span::from_nanos(1)).round_up(GRID)
    }

    /// Brings everything an input touched up to date and tells of it.
    fn settle(&mut self) {
        self.drain_tracker();
        self.look_at_dirty();
        for alert in self.alerts.drain() {
            self.emit(EventBody::AlertChanged { alert: Box::new(alert) });
        }
        self.taken_in.clear();
        let busy = !self.tracks.is_empty() || self.alerts.is_busy() || self.health.has_untold();
        if busy && self.grid_at.is_none() {
            self.grid_at = Some(self.next_second());
        }
    }

    fn emit(&mut self, body: EventBody) {
        let taken_in = || self.taken_in.get(&body.track()?).copied();
        let cause = self.cause.or_else(taken_in);
        self.events.push_back(Event { sequence: self.sequence, at: self.now, cause, body });
        self.sequence += 1;
    }

    /// Emits a borrowed list and gives it back for the next use.
    fn emit_all(&mut self, mut bodies: Vec<EventBody>) {
        for body in bodies.drain(..) {
            self.emit(body);
        }
        self.scratch = bodies;
    }
}

#[cfg(test)]
mod tests;
