//! The straight line between the journal and the outputs: decode, handle, drain. No I/O and no clock, so that running
//! live, replaying a journal and playing a capture are one thing.

use anyhow::{Context, anyhow};
use lapwing_formats::{Decoded, Decoder, FORMATS, OpenDecoder};
use lapwing_journal::Entry;
use lapwing_model::{Envelope, Event, Fault, InputId, Ledger, Position, Reception, Report, Site, Snapshot, Time};
use lapwing_picture::{Input, Picture};
use std::collections::BTreeMap;

/// Bytes to send back on the connection a reception came by.
pub(crate) struct Reply {
    /// The input.
    pub(crate) input: InputId,
    /// The connection, for a stream.
    pub(crate) connection: Option<u64>,
    /// The bytes.
    pub(crate) bytes: Vec<u8>,
}

/// Decoders and picture of one site.
pub(crate) struct Line {
    picture: Picture,
    decoders: BTreeMap<InputId, InputDecoder>,
    decoded: Decoded,
    at: Time,
}

/// The decoder of an input, and one more for each connection of a stream: half a message of one peer must never meet
/// the other half of another's.
struct InputDecoder {
    open: OpenDecoder,
    options: String,
    whole: Box<dyn Decoder>,
    streams: BTreeMap<u64, Box<dyn Decoder>>,
}

/// The decoder of a format by name, with options as TOML text.
pub(crate) fn decoder(format: &str, options: &str) -> anyhow::Result<Box<dyn Decoder>> {
    let open = decoder_of(format)?;
    lapwing_formats::open_with(open, options).with_context(|| format!("options of format `{format}`"))
}

fn decoder_of(format: &str) -> anyhow::Result<OpenDecoder> {
    lapwing_formats::format(format).and_then(|f| f.decoder).ok_or_else(|| {
        let known = FORMATS.iter().filter(|f| f.decoder.is_some()).map(|f| f.name);
        let hint = crate::config::near_miss(format, known.clone());
        let hint = hint.unwrap_or_else(|| format!("expected one of {}", known.collect::<Vec<_>>().join(", ")));
        anyhow!("there is no format `{format}` to decode; {hint}")
    })
}

impl InputDecoder {
    fn new(format: &str, options: &str) -> anyhow::Result<Self> {
        let open = decoder_of(format)?;
        Ok(Self { open, options: options.to_owned(), whole: decoder(format, options)?, streams: BTreeMap::new() })
    }

    fn decode(&mut self, reception: &Reception, out: &mut Decoded) {
        let (at, envelope, bytes) = (reception.received_at, &reception.envelope, reception.bytes.as_slice());
        match envelope {
            Envelope::Stream { connection, .. } => {
                let stream = match self.streams.entry(*connection) {
                    std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
                    std::collections::btree_map::Entry::Vacant(new) => {
                        match lapwing_formats::open_with(self.open, &self.options) {
                            Ok(decoder) => new.insert(decoder),
                            // The same options opened when the line was built, so this cannot be reached; the shared decoder serves.
                            Err(_) => return self.whole.decode(at, envelope, bytes, out),
                        }
                    }
                };
                stream.decode(at, envelope, bytes, out);
            }
            Envelope::StreamEnd { connection } => {
                if let Some(mut stream) = self.streams.remove(connection) {
                    stream.decode(at, envelope, bytes, out);
                }
            }
            _ => self.whole.decode(at, envelope, bytes, out),
        }
    }
}

impl Line {
    /// The line of `site` from `now` on. `position` is that of the run's first journal entry: every track and alert stands
    /// in the journal once at least, so numbers counted from there have never been used in it.
    pub(crate) fn new(site: Site, now: Time, position: Position) -> anyhow::Result<Self> {
        let decoders = Self::decoders(&site)?;
        Ok(Self { picture: Picture::continuing(site, now, position.0), decoders, decoded: Decoded::new(), at: now })
    }

    /// A line over a picture of its own, for what has been decoded before.
    pub(crate) fn without_decoders(picture: Picture, now: Time) -> Self {
        Self { picture, decoders: BTreeMap::new(), decoded: Decoded::new(), at: now }
    }

    fn decoders(site: &Site) -> anyhow::Result<BTreeMap<InputId, InputDecoder>> {
        site.inputs
            .iter()
            .map(|i| {
                let decoder = InputDecoder::new(i.format.as_str(), &i.format_options);
                Ok((i.id.clone(), decoder.with_context(|| format!("input `{}`", i.id))?))
            })
            .collect()
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
        events: &mut Vec<Event>,
        replies: &mut Vec<Reply>,
    ) {
        self.at = self.time_for(at);
        let input = match entry {
            Entry::Reception(reception) => self.decode(&reception, replies),
            Entry::Link { input, link } => Input::Link { input, link },
            Entry::Shed { input, units, reason } => Input::Shed { input, units, reason: reason.into() },
            Entry::Command(command) => Input::Command(command),
            Entry::Site { site, .. } => {
                // A site that opened when it was journalled opens again; if a newer version refuses its options, the old
                // decoders stay and the picture still gets the new site.
                if let Ok(decoders) = Self::decoders(&site) {
                    self.decoders = decoders;
                }
                Input::Configure(Box::new(site))
            }
            Entry::Event(_) | Entry::Audit(_) | Entry::Erased(_) | Entry::Stop => Input::Tick,
        };
        self.picture.handle(self.at, position, input);
        self.drain(events);
    }

    /// Takes in what has been decoded before. Events are added to `events`.
    pub(crate) fn take_decoded(&mut self, at: Time, position: Option<Position>, input: Input, events: &mut Vec<Event>) {
        self.at = self.time_for(at);
        self.picture.handle(self.at, position, input);
        self.drain(events);
    }

    /// Lets time pass: deadlines up to `at` are handled, each at its own time.
    pub(crate) fn tick(&mut self, at: Time, events: &mut Vec<Event>) {
        self.at = self.time_for(at);
        self.picture.handle(self.at, None, Input::Tick);
        self.drain(events);
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

    fn drain(&mut self, events: &mut Vec<Event>) {
        while let Some(event) = self.picture.poll() {
            events.push(event);
        }
    }

    fn decode(&mut self, reception: &Reception, replies: &mut Vec<Reply>) -> Input {
        self.decoded.clear();
        if let Some(decoder) = self.decoders.get_mut(&reception.input) {
            decoder.decode(reception, &mut self.decoded);
        }
        let connection = match reception.envelope {
            Envelope::Stream { connection, .. } => Some(connection),
            _ => None,
        };
        let account = std::mem::take(&mut self.decoded.account);
        replies.extend(self.decoded.replies.drain(..).map(|bytes| Reply {
            input: reception.input.clone(),
            connection,
            bytes,
        }));
        Input::Decoded {
            input: reception.input.clone(),
            received_at: reception.received_at,
            reports: self.decoded.reports.drain(..).map(|f| f.report).collect::<Vec<Report>>(),
            faults: self.decoded.faults.drain(..).collect::<Vec<Fault>>(),
            books: Ledger {
                received: account.units_received,
                used: account.units_used,
                rejected: account.units_rejected,
                shed: BTreeMap::new(),
            },
        }
    }
}
