//! Finding every entry that holds a personal value of somebody.
//!
//! The operator's id stands in few messages; the operator's place comes in others, that say by serial number or by the radio's
//! address whose it is. So the values are gathered in rounds, until a round finds nothing new: from the id to the serials,
//! addresses and tracks it came with, from those to the places that came with them. An entry goes when what it decodes to holds
//! one of the values, or when its bytes do in any of their forms, whether they can be decoded or not.

use super::patterns::{Patterns, Searcher};
use crate::decoders::Decoders;
use crate::quarantine::Quarantine;
use lapwing_journal::{Entry, Reader};
use lapwing_model::{
    Claim, ClaimedOperator, Envelope, Event, EventBody, InputId, Name, NameKind, Place, Report, Track, TrackId,
    Transmitter,
};
use lapwing_picture::Input;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

/// Shortest name that is searched for: a shorter one stands by chance in anything.
const NAME_BYTES_MIN: usize = 4;
/// Rounds of gathering; each has to find something new.
const ROUNDS_MAX: usize = 8;
/// The largest message of a stream that a decoder puts together: the list of a receiver's aircraft.
const MESSAGE_BYTES_MAX: usize = 2 << 20;

/// Whose values they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject {
    id: Option<String>,
    serial: Option<String>,
}

impl Subject {
    pub(super) fn operator(id: &str) -> anyhow::Result<Self> {
        Self::checked(id).map(|id| Self { id: Some(id), serial: None })
    }

    pub(super) fn serial(serial: &str) -> anyhow::Result<Self> {
        Self::checked(serial).map(|serial| Self { id: None, serial: Some(serial) })
    }

    fn checked(text: &str) -> anyhow::Result<String> {
        let text = text.trim();
        anyhow::ensure!(
            text.len() >= NAME_BYTES_MIN,
            "`{text}` is too short to be searched for: {NAME_BYTES_MIN} bytes at least"
        );
        Ok(text.to_owned())
    }

    /// Whether a text would give the person away.
    pub(super) fn is_named_in(&self, text: &str) -> bool {
        [&self.id, &self.serial].into_iter().flatten().any(|name| text.contains(name.as_str()))
    }
}

/// What was found.
pub(super) struct Found {
    /// The entries.
    pub(super) positions: Vec<u64>,
    /// What searches for the values in all their forms.
    pub(super) searcher: Searcher,
    /// Places of the journal that could not be read.
    pub(super) damages: u64,
}

/// What is known to be somebody's.
#[derive(Debug, Clone, Default, PartialEq)]
struct Known {
    /// The serial that was asked for: whoever comes with it is whom it is about.
    asked: Option<String>,
    ids: BTreeSet<String>,
    serials: BTreeSet<String>,
    transmitters: BTreeSet<Transmitter>,
    tracks: BTreeSet<TrackId>,
    /// Latitude and longitude as bits.
    places: BTreeSet<(u64, u64)>,
}

impl Known {
    fn has_place(&self, place: Place) -> bool {
        self.places.contains(&(place.latitude_deg.to_bits(), place.longitude_deg.to_bits()))
    }

    fn serial_of(names: &[Name]) -> impl Iterator<Item = &str> {
        names.iter().filter(|n| n.kind == NameKind::Serial).map(|n| n.value.as_str())
    }

    fn is_asked(&self, names: &[Name]) -> bool {
        Self::serial_of(names).any(|s| self.asked.as_deref() == Some(s))
    }

    /// Whether what was said of an operator is of somebody else.
    fn is_other(&self, operator: Option<&ClaimedOperator>) -> bool {
        operator.and_then(|o| o.id.as_ref()).is_some_and(|id| !self.ids.contains(id.reveal().as_str()))
    }

    fn claim(&mut self, claim: &Claim) {
        let operator = claim.operator.as_ref();
        let named = operator.and_then(|o| o.id.as_ref()).is_some_and(|id| self.ids.contains(id.reveal().as_str()));
        let serial = Self::serial_of(&claim.names).any(|s| self.serials.contains(s));
        let radio = claim.transmitter.as_ref().is_some_and(|t| self.transmitters.contains(t));
        let asked = self.is_asked(&claim.names);
        if !(named || asked || ((serial || radio) && !self.is_other(operator))) {
            return;
        }
        self.serials.extend(Self::serial_of(&claim.names).map(str::to_owned));
        self.transmitters.extend(claim.transmitter.iter().cloned());
        self.operator(operator);
    }

    fn track(&mut self, track: &Track) {
        let operator = track.operator.as_ref();
        let named = operator.and_then(|o| o.id.as_ref()).is_some_and(|id| self.ids.contains(id.reveal().as_str()));
        let serial = Self::serial_of(&track.identity.names).any(|s| self.serials.contains(s));
        let asked = self.is_asked(&track.identity.names);
        if !(named || asked || ((serial || self.tracks.contains(&track.id)) && !self.is_other(operator))) {
            return;
        }
        self.tracks.insert(track.id);
        self.serials.extend(Self::serial_of(&track.identity.names).map(str::to_owned));
        self.transmitters.extend(track.transmitters.iter().cloned());
        self.operator(operator);
    }

    fn operator(&mut self, operator: Option<&ClaimedOperator>) {
        let Some(operator) = operator else { return };
        if let Some(place) = &operator.place {
            let place = place.reveal();
            self.places.insert((place.latitude_deg.to_bits(), place.longitude_deg.to_bits()));
        }
        if let Some(id) = &operator.id {
            self.ids.insert(id.reveal().to_string());
        }
    }

    /// Whether what was said of an operator holds a value that is known to be somebody's.
    fn holds(&self, operator: Option<&ClaimedOperator>) -> bool {
        operator.is_some_and(|o| {
            o.place.as_ref().is_some_and(|p| self.has_place(*p.reveal()))
                || o.id.as_ref().is_some_and(|id| self.ids.contains(id.reveal().as_str()))
        })
    }

    fn event(&mut self, event: &Event) {
        match &event.body {
            EventBody::TrackBegan { track } | EventBody::TrackUpdated { track } => self.track(track),
            EventBody::ClaimWithoutPlace { claim } => self.claim(claim),
            _ => {}
        }
    }
}

/// Reads a journal and hands on each entry with its position and the reports it decodes to.
fn each(directory: &Path, mut take: impl FnMut(u64, &Entry, &[Report])) -> anyhow::Result<u64> {
    let (mut decoders, mut damages) = (Decoders::default(), 0);
    let quarantine = Quarantine::load(directory);
    let mut reports = Vec::new();
    for item in Reader::open(directory)? {
        let Ok((position, _, entry)) = item else {
            damages += 1;
            continue;
        };
        reports.clear();
        // Only what comes in decodes to anything; a configuration opens other decoders. What ends the program when it is decoded
        // is searched as it is.
        if matches!(entry, Entry::Site { .. } | Entry::Reception(_))
            && quarantine.skipped(position).is_none()
            && let Input::Decoded { reports: decoded, .. } =
                decoders.input_of(Some(position), entry.clone(), &mut Vec::new())
        {
            reports = decoded;
        }
        take(position.0, &entry, &reports);
    }
    Ok(damages)
}

/// The pieces of each connection that may hold the beginning of the message that the next one ends: a stream is cut anywhere,
/// also within a value.
#[derive(Default)]
struct Pieces {
    of: BTreeMap<(InputId, u64), Begun>,
}

/// What came by one connection since it last came to something.
#[derive(Default)]
struct Begun {
    /// Positions and lengths, and the sum of these.
    pieces: VecDeque<(u64, usize)>,
    bytes: usize,
}

impl Pieces {
    /// The connection that an entry came by, and whether it ends it.
    fn connection(entry: &Entry) -> Option<((InputId, u64), bool)> {
        let Entry::Reception(reception) = entry else { return None };
        match reception.envelope {
            Envelope::Stream { connection, .. } => Some(((reception.input.clone(), connection), false)),
            Envelope::StreamEnd { connection } => Some(((reception.input.clone(), connection), true)),
            _ => None,
        }
    }

    /// Those before an entry that may hold a part of what it came to.
    fn before(&self, entry: &Entry) -> impl Iterator<Item = u64> {
        let begun = Self::connection(entry).and_then(|(connection, _)| self.of.get(&connection));
        begun.into_iter().flat_map(|begun| &begun.pieces).map(|(position, _)| *position)
    }

    /// Takes note of an entry and of whether it came to something.
    fn note(&mut self, position: u64, entry: &Entry, reports: &[Report]) {
        let (Some((connection, ends)), Entry::Reception(reception)) = (Self::connection(entry), entry) else { return };
        if ends {
            self.of.remove(&connection);
            return;
        }
        let begun = self.of.entry(connection).or_default();
        // What came to a message ended those that had begun before; one may have begun behind it.
        if !reports.is_empty() {
            *begun = Begun::default();
        }
        begun.pieces.push_back((position, reception.bytes.len()));
        begun.bytes += reception.bytes.len();
        while let Some((_, length)) = begun.pieces.front().filter(|(_, l)| begun.bytes - l >= MESSAGE_BYTES_MAX) {
            begun.bytes -= length;
            begun.pieces.pop_front();
        }
    }
}

/// Finds the entries that hold personal values of a subject.
pub(super) fn find(directory: &Path, subject: &Subject) -> anyhow::Result<Found> {
    let mut known = Known::default();
    known.ids.extend(subject.id.clone());
    known.serials.extend(subject.serial.clone());
    known.asked.clone_from(&subject.serial);
    for _ in 0..ROUNDS_MAX {
        let before = known.clone();
        each(directory, |_, entry, reports| {
            for report in reports {
                if let Report::Claim(claim) = report {
                    known.claim(claim);
                }
            }
            if let Entry::Event(event) = entry {
                known.event(event);
            }
        })?;
        if known == before {
            break;
        }
    }
    let mut patterns = Patterns::default();
    known.ids.iter().for_each(|id| patterns.text(id));
    subject.serial.iter().for_each(|serial| patterns.text(serial));
    for (lat, lon) in &known.places {
        patterns.place(Place { latitude_deg: f64::from_bits(*lat), longitude_deg: f64::from_bits(*lon) });
    }
    let searcher = patterns.ready()?;
    let mut positions = BTreeSet::new();
    let mut bytes = Vec::new();
    let mut pieces = Pieces::default();
    let damages = each(directory, |position, entry, reports| {
        let said = reports.iter().any(|r| matches!(r, Report::Claim(claim) if known.holds(claim.operator.as_ref())));
        let told = match entry {
            Entry::Event(event) => match &event.body {
                EventBody::TrackBegan { track } | EventBody::TrackUpdated { track } => {
                    known.holds(track.operator.as_ref())
                }
                EventBody::ClaimWithoutPlace { claim } => known.holds(claim.operator.as_ref()),
                _ => false,
            },
            _ => false,
        };
        bytes.clear();
        let named = match entry {
            Entry::Erased(_) => false,
            Entry::Reception(reception) => searcher.found_in(&reception.bytes),
            entry => entry.write_json(&mut bytes).is_ok() && searcher.found_in(&bytes),
        };
        // The name of the aircraft is personal only where it was asked for: then it is among the patterns, but a report may
        // hold it in a form of its own.
        let serial = subject.serial.as_ref().is_some_and(|serial| {
            reports.iter().any(|r| matches!(r, Report::Claim(c) if Known::serial_of(&c.names).any(|s| s == serial)))
        });
        if said || told || named || serial {
            positions.insert(position);
            positions.extend(pieces.before(entry));
        }
        pieces.note(position, entry, reports);
    })?;
    Ok(Found { positions: positions.into_iter().collect(), searcher, damages })
}
