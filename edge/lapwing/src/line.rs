//! The straight line between the journal and the outputs: decode, handle, drain. No I/O and no clock, so that running
//! live, replaying a journal and playing a capture are one thing.

pub(crate) use crate::decoders::{Reply, decoder};

use crate::decoders::{Decoders, SavedInput};
use anyhow::Context;
use lapwing_journal::Entry;
use lapwing_model::{Event, Position, Site, Snapshot, Span, Time};
use lapwing_picture::{Input, Picture};
use lapwing_track::Config;

/// How long looks wait for what belongs with them: longer than the datagrams of one scan or the hops of one network lie apart,
/// and little beside the second that a warning is worth.
const GATHER: Span = Span::from_millis(5);

/// The settings of a server's tracker. Another version may have others, and its snapshots are not for this one.
fn tracker_config() -> Config {
    Config { gather: GATHER, ..Config::default() }
}

/// Decoders and picture of one site.
pub(crate) struct Line {
    picture: Picture,
    decoders: Decoders,
    at: Time,
}

impl Line {
    /// The line of `site` from `now` on. `position` is that of the run's first journal entry: every track and alert stands
    /// in the journal once at least, so numbers counted from there have never been used in it.
    pub(crate) fn new(site: Site, now: Time, position: Position) -> anyhow::Result<Self> {
        let decoders = Decoders::new(&site)?;
        Ok(Self { decoders, ..Self::without_decoders(site, now, position) })
    }

    /// The same for what has been decoded before.
    pub(crate) fn without_decoders(site: Site, now: Time, position: Position) -> Self {
        let picture = Picture::tuned(site, now, position.0, tracker_config());
        Self::over(picture, now)
    }

    /// A line over a picture with settings of its own, for what has been decoded before.
    pub(crate) fn over(picture: Picture, now: Time) -> Self {
        Self { picture, decoders: Decoders::default(), at: now }
    }

    /// The same line without its decoders, and these: for decoding elsewhere.
    pub(crate) fn split(self) -> (Self, Decoders) {
        (Self::over(self.picture, self.at), self.decoders)
    }

    /// Version of what [`Line::save`] gives. Raise it whenever anything in the picture, the tracker or a decoder that is saved
    /// changes its form: the state says nothing of itself. A test restores a state of an earlier build and tells.
    pub(crate) const SAVE_VERSION: u32 = 20;

    /// Everything that the future of this line depends on: going on from there gives the same events, byte for byte.
    /// `size` is about how much that is.
    pub(crate) fn save(&self, size: usize) -> anyhow::Result<Vec<u8>> {
        let state: (Time, Vec<SavedInput>) = (self.at, self.decoders.save());
        let out = postcard::to_extend(&state, Vec::with_capacity(size))?;
        Ok(self.picture.save(out)?)
    }

    /// The line that was saved.
    pub(crate) fn restore(bytes: &[u8]) -> anyhow::Result<Self> {
        let ((at, saved), picture): ((Time, Vec<SavedInput>), _) =
            postcard::take_from_bytes(bytes).context("the decoders' states cannot be read")?;
        let picture = Picture::restore(picture, tracker_config())?;
        let decoders = Decoders::restore(picture.site(), &saved)?;
        Ok(Self { picture, decoders, at })
    }

    /// The time for an entry that comes when the clock says `clock`: it never goes back.
    pub(crate) fn time_for(&self, clock: Time) -> Time {
        clock.max(self.at)
    }

    /// The time of what was handled last.
    pub(crate) fn now(&self) -> Time {
        self.at
    }

    /// Takes one journal entry. Events are added to `events`, replies to `replies`.
    pub(crate) fn take(
        &mut self,
        at: Time,
        position: Option<Position>,
        entry: Entry,
        events: &mut impl Extend<Event>,
        replies: &mut Vec<Reply>,
    ) {
        let input = self.decoders.input_of(position, entry, replies);
        self.take_decoded(at, position, input, events);
    }

    /// Takes in what has been decoded before. Events are added to `events`.
    pub(crate) fn take_decoded(
        &mut self,
        at: Time,
        position: Option<Position>,
        input: Input,
        events: &mut impl Extend<Event>,
    ) {
        self.tick(at, events);
        self.picture.handle(self.at, position, input);
        self.drain(events);
    }

    /// Lets time pass: deadlines up to `at` are handled, each at its own time, and what it says taken before the next.
    pub(crate) fn tick(&mut self, at: Time, events: &mut impl Extend<Event>) {
        self.at = self.time_for(at);
        while let Some(due) = self.picture.deadline().filter(|due| *due <= self.at) {
            self.picture.handle(due, None, Input::Tick);
            self.drain(events);
        }
        self.picture.handle(self.at, None, Input::Tick);
    }

    /// When the picture next wants to be ticked.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.picture.deadline()
    }

    /// The picture behind the line.
    pub(crate) fn picture(&self) -> &Picture {
        &self.picture
    }

    /// The picture now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.picture.snapshot()
    }

    fn drain(&mut self, events: &mut impl Extend<Event>) {
        events.extend(std::iter::from_fn(|| self.picture.poll()));
    }
}

#[cfg(test)]
mod tests;
