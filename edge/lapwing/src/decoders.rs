//! The decoders of a site: from journal entries to what the picture takes in. No I/O and no clock; what they give depends
//! on the entries alone, so that they may run ahead of the picture.

use anyhow::{Context, anyhow, bail};
use lapwing_formats::{Decoded, Decoder, FORMATS, OpenDecoder};
use lapwing_journal::{Entry, Resumed};
use lapwing_model::{Envelope, Fault, FaultKind, InputId, Ledger, Position, Reception, Report, Site};
use lapwing_picture::Input;
use serde::{Deserialize, Serialize};
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

/// The decoders of a site's inputs.
#[derive(Default)]
pub(crate) struct Decoders {
    inputs: BTreeMap<InputId, InputDecoder>,
    decoded: Decoded,
}

/// The decoder of an input, and one more for each connection of a stream: half a message of one peer must never meet
/// the other half of another's.
struct InputDecoder {
    open: OpenDecoder,
    options: String,
    whole: Box<dyn Decoder>,
    streams: BTreeMap<u64, Box<dyn Decoder>>,
}

/// What one input's decoders remember: the shared one, and that of each connection.
#[derive(Serialize, Deserialize)]
pub(crate) struct SavedInput {
    input: InputId,
    whole: Vec<u8>,
    streams: Vec<(u64, Vec<u8>)>,
}

/// The decoder of a format by name, with options as TOML text.
pub(crate) fn decoder(format: &str, options: &str) -> anyhow::Result<Box<dyn Decoder>> {
    let open = decoder_of(format)?;
    lapwing_formats::open_with(open, options).with_context(|| format!("options of format `{format}`"))
}

fn decoder_of(format: &str) -> anyhow::Result<OpenDecoder> {
    #[cfg(test)]
    if format == crate::resume::tests::FRAGILE {
        return Ok(crate::resume::tests::open_fragile);
    }
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

    fn save(&self, input: &InputId) -> SavedInput {
        let streams = self.streams.iter().map(|(connection, decoder)| (*connection, decoder.save())).collect();
        SavedInput { input: input.clone(), whole: self.whole.save(), streams }
    }

    fn restore(&mut self, saved: &SavedInput) -> anyhow::Result<()> {
        self.whole.restore(&saved.whole)?;
        for (connection, state) in &saved.streams {
            let mut stream = lapwing_formats::open_with(self.open, &self.options)?;
            stream.restore(state)?;
            self.streams.insert(*connection, stream);
        }
        Ok(())
    }
}

impl Decoders {
    /// The decoders of a site, which have heard nothing.
    pub(crate) fn new(site: &Site) -> anyhow::Result<Self> {
        let open = |i: &lapwing_model::site::InputInfo| {
            let decoder = InputDecoder::new(i.format.as_str(), &i.format_options);
            Ok((i.id.clone(), decoder.with_context(|| format!("input `{}`", i.id))?))
        };
        let inputs: anyhow::Result<_> = site.inputs.iter().map(open).collect();
        Ok(Self { inputs: inputs?, decoded: Decoded::new() })
    }

    /// What they remember.
    pub(crate) fn save(&self) -> Vec<SavedInput> {
        self.inputs.iter().map(|(input, decoder)| decoder.save(input)).collect()
    }

    /// The decoders of a site as they were saved.
    pub(crate) fn restore(site: &Site, saved: &[SavedInput]) -> anyhow::Result<Self> {
        let mut decoders = Self::new(site)?;
        if saved.len() != decoders.inputs.len() {
            bail!("the state of {} inputs, and the site has {}", saved.len(), decoders.inputs.len());
        }
        for one in saved {
            let decoder = decoders.inputs.get_mut(&one.input);
            let decoder =
                decoder.ok_or_else(|| anyhow!("the state of input `{}`, which the site has not", one.input))?;
            decoder.restore(one).with_context(|| format!("input `{}`", one.input))?;
        }
        Ok(decoders)
    }

    /// What the picture is to take in of a journal entry. Bytes to send back are added to `replies`.
    pub(crate) fn input_of(&mut self, position: Option<Position>, entry: Entry, replies: &mut Vec<Reply>) -> Input {
        match entry {
            Entry::Reception(reception) => self.decode(&reception, replies),
            Entry::Link { input, link } => Input::Link { input, link },
            Entry::Shed { input, units, reason } => Input::Shed { input, units, reason: reason.into() },
            Entry::Command(command) => Input::Command(command),
            Entry::Site { site, resumed, .. } => {
                // A site that opened when it was journalled opens again; if a newer version refuses its options, the old
                // decoders stay and the picture still gets the new site.
                if let Ok(decoders) = Self::new(&site) {
                    self.inputs = decoders.inputs;
                }
                let site = Box::new(site);
                match resumed {
                    None => Input::Configure(site),
                    Some(resumed) => {
                        let first = position.unwrap_or_default().0;
                        Input::Restart { site, first, faults: faults_of(&resumed) }
                    }
                }
            }
            Entry::Event(_) | Entry::Stop | Entry::Snapshot(_) | Entry::Audit(_) | Entry::Erased(_) => Input::Tick,
        }
    }

    fn decode(&mut self, reception: &Reception, replies: &mut Vec<Reply>) -> Input {
        self.decoded.clear();
        if let Some(decoder) = self.inputs.get_mut(&reception.input) {
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

/// What was passed over at a restart, as faults of the inputs it came by.
fn faults_of(resumed: &Resumed) -> Vec<(InputId, Fault)> {
    let fault = |reason: &str| Fault {
        kind: FaultKind::Refused,
        reason: "quarantined".into(),
        detail: reason.into(),
        offset: 0,
        length: 0,
    };
    let told = |s: &lapwing_journal::Skipped| {
        let text = format!("journal entry {} is passed over: {}", s.position.0, s.reason);
        s.input.clone().map(|input| (input, fault(&text)))
    };
    resumed.skipped.iter().filter_map(told).collect()
}
