//! Files of received bytes as receptions with times: packet captures, raw streams, text lines; gzip is opened.

use crate::line;
use anyhow::{Context, anyhow, bail};
use flate2::read::MultiGzDecoder;
use lapwing_formats::Decoded;
use lapwing_model::{Envelope, InputId, Reception, Span, Time, limits};
use lapwing_transports::pcap;
use std::io::Read;
use std::path::Path;

/// A capture is held in memory up to this many bytes (after gzip).
const CAPTURE_BYTES_MAX: u64 = 4 << 30;
/// Pieces a raw stream without times is cut into.
const PIECE_BYTES: usize = 64 << 10;

/// First bytes of pcap (microseconds and nanoseconds, both byte orders) and pcapng files.
const CAPTURE_MAGICS: [[u8; 4]; 5] = [
    [0xd4, 0xc3, 0xb2, 0xa1],
    [0xa1, 0xb2, 0xc3, 0xd4],
    [0x4d, 0x3c, 0xb2, 0xa1],
    [0xa1, 0xb2, 0x3c, 0x4d],
    [0x0a, 0x0d, 0x0d, 0x0a],
];

/// The bytes of a capture file, unpacked.
pub(crate) struct Capture {
    /// File name for messages.
    pub(crate) name: String,
    bytes: Vec<u8>,
}

/// One reception of a capture.
pub(crate) struct Piece {
    /// When it was received, as far as the file says.
    pub(crate) received_at: Option<Time>,
    /// How it was delimited.
    pub(crate) envelope: Envelope,
    /// First byte in the file (after gzip).
    pub(crate) offset: u64,
    /// The bytes.
    pub(crate) bytes: Vec<u8>,
}

impl Capture {
    /// Reads a file; `-` is standard input.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let source: Box<dyn Read> = if name == "-" {
            Box::new(std::io::stdin().lock())
        } else {
            Box::new(std::fs::File::open(path).with_context(|| format!("cannot read {name}"))?)
        };
        let mut bytes = Vec::new();
        source.take(CAPTURE_BYTES_MAX + 1).read_to_end(&mut bytes).with_context(|| format!("cannot read {name}"))?;
        if bytes.starts_with(&[0x1f, 0x8b]) {
            let mut unpacked = Vec::new();
            let mut gzip = MultiGzDecoder::new(bytes.as_slice()).take(CAPTURE_BYTES_MAX + 1);
            // What came before a damaged end of the gzip file is still used.
            if let Err(error) = gzip.read_to_end(&mut unpacked) {
                eprintln!("warning: {name}: gzip: {error}; {} bytes before that are used", unpacked.len());
            }
            bytes = unpacked;
        }
        if bytes.len() as u64 > CAPTURE_BYTES_MAX {
            bail!("{name}: larger than {} GiB; split it", CAPTURE_BYTES_MAX >> 30);
        }
        Ok(Self { name, bytes })
    }

    /// Whether it is a pcap or pcapng file.
    pub(crate) fn is_pcap(&self) -> bool {
        CAPTURE_MAGICS.iter().any(|m| self.bytes.starts_with(m))
    }

    /// The format its name and content speak for, for want of a better word.
    pub(crate) fn likely_format(&self) -> Option<&'static str> {
        let name = self.name.trim_end_matches(".gz").to_ascii_lowercase();
        let ends = |endings: &[&str]| endings.iter().any(|e| name.ends_with(e));
        if self.is_pcap() {
            Some("remote-id")
        } else if ends(&[".beast", ".avr"]) {
            Some("mode-s")
        } else if ends(&[".sbs"]) {
            Some("sbs")
        } else if ends(&["aircraft.json"]) {
            Some("aircraft-json")
        } else if ends(&[".jsonl", ".ndjson"]) {
            Some("json")
        } else {
            None
        }
    }

    /// The receptions of the file, in its order. A damaged capture gives what can be read and one message of what can't.
    pub(crate) fn pieces(&self) -> (Vec<Piece>, Option<String>) {
        if self.is_pcap() {
            return self.packets();
        }
        let mut pieces: Vec<Piece> = Vec::new();
        let mut offset = 0_u64;
        for chunk in self.bytes.chunks(PIECE_BYTES.min(limits::RECEPTION_BYTES_MAX)) {
            pieces.push(stream_piece(offset, None, chunk));
            offset += chunk.len() as u64;
        }
        pieces.push(end_piece(offset, None));
        (pieces, None)
    }

    fn packets(&self) -> (Vec<Piece>, Option<String>) {
        let mut pieces = Vec::new();
        let mut damage = None;
        for packet in pcap::Reader::new(self.bytes.as_slice()) {
            match packet {
                Ok(packet) => {
                    let (envelope, bytes) = match pcap::unpack_udp(packet.link_type, &packet.bytes) {
                        Ok(datagram) => (Envelope::Datagram, datagram.payload.to_vec()),
                        Err(_) => (Envelope::Frame { link_type: packet.link_type }, packet.bytes),
                    };
                    pieces.push(Piece { received_at: packet.time, envelope, offset: packet.offset, bytes });
                }
                Err(error) => damage = Some(format!("{}: {error}", self.name)),
            }
        }
        (pieces, damage)
    }

    /// The receptions of a raw stream cut at its messages, each with the time its format gives it: the decoder runs once
    /// ahead to find them. `start` is when the first message was received, for formats that only count from there.
    pub(crate) fn timed_pieces(
        &self,
        format: &str,
        options: &str,
        start: Option<Time>,
    ) -> anyhow::Result<(Vec<Piece>, Option<String>)> {
        let (pieces, damage) = self.pieces();
        if self.is_pcap() {
            return Ok((pieces, damage));
        }
        let base = start.unwrap_or_default();
        let mut decoder = line::decoder(format, options)?;
        let (mut decoded, mut marks) = (Decoded::new(), Vec::new());
        for piece in &pieces {
            decoded.clear();
            decoder.decode(base, &piece.envelope, &piece.bytes, &mut decoded);
            marks.extend(decoded.reports.iter().filter_map(|f| Some((f.offset, report_time(&f.report)?))));
        }
        if marks.is_empty() {
            // A stream without stamps is all of its start.
            let Some(start) = start else {
                bail!("{}: nothing in it says when it was received; give --timestamps or --start", self.name);
            };
            marks.push((0, start));
        }
        Ok((self.cut(&marks), damage))
    }

    /// The receptions of a raw stream cut at its messages, the n-th received at the n-th time of a list.
    pub(crate) fn pieces_at(&self, format: &str, options: &str, times: &[Time]) -> anyhow::Result<Vec<Piece>> {
        let (pieces, _) = self.pieces();
        let mut decoder = line::decoder(format, options)?;
        let (mut decoded, mut offsets) = (Decoded::with_details(), Vec::new());
        for piece in &pieces {
            decoded.clear();
            decoder.decode(times.first().copied().unwrap_or_default(), &piece.envelope, &piece.bytes, &mut decoded);
            offsets.extend(decoded.details.iter().map(|d| d.offset));
        }
        if offsets.len() != times.len() {
            bail!("{}: {} messages, but {} times", self.name, offsets.len(), times.len());
        }
        let marks: Vec<(u64, Time)> = offsets.into_iter().zip(times.iter().copied()).collect();
        Ok(self.cut(&marks))
    }

    /// Cuts the stream before each marked offset; each piece bears the time of its mark, and none goes back.
    fn cut(&self, marks: &[(u64, Time)]) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut last = marks.first().map_or(Time::default(), |(_, t)| *t);
        let mut from = 0_usize;
        let ends = marks.iter().skip(1).map(|(offset, _)| usize::try_from(*offset).unwrap_or(usize::MAX));
        for ((_, time), end) in marks.iter().zip(ends.chain([self.bytes.len()])) {
            last = last.max(*time);
            let end = end.clamp(from, self.bytes.len());
            for chunk in self.bytes.get(from..end).unwrap_or_default().chunks(limits::RECEPTION_BYTES_MAX) {
                pieces.push(stream_piece(from as u64, Some(last), chunk));
                from += chunk.len();
            }
        }
        pieces.push(end_piece(from as u64, Some(last)));
        pieces
    }
}

fn stream_piece(offset: u64, received_at: Option<Time>, bytes: &[u8]) -> Piece {
    Piece { received_at, envelope: Envelope::Stream { connection: 0, offset }, offset, bytes: bytes.to_vec() }
}

fn end_piece(offset: u64, received_at: Option<Time>) -> Piece {
    Piece { received_at, envelope: Envelope::StreamEnd { connection: 0 }, offset, bytes: Vec::new() }
}

fn report_time(report: &lapwing_model::Report) -> Option<Time> {
    use lapwing_model::Report;
    match report {
        Report::Plot(r) => r.measured_at,
        Report::SensorTrack(r) => r.plot.measured_at,
        Report::Claim(r) => r.measured_at,
        Report::Sighting(r) => r.measured_at,
        Report::SensorStatus(r) => r.measured_at,
    }
}

/// A list of times, one a line: RFC 3339, or seconds since 1970 with a fraction.
pub(crate) fn read_times(path: &Path) -> anyhow::Result<Vec<Time>> {
    let capture = Capture::read(path)?;
    let text = String::from_utf8(capture.bytes)
        .map_err(|e| anyhow!("{}: byte {} is not text", capture.name, e.utf8_error().valid_up_to()))?;
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(i, line)| {
            parse_time(line.trim()).ok_or_else(|| anyhow!("{}: line {}: `{line}` is not a time", capture.name, i + 1))
        })
        .collect()
}

/// RFC 3339, or seconds since 1970 with up to nine decimals, read exactly.
pub(crate) fn parse_time(text: &str) -> Option<Time> {
    if let Ok(time) = text.parse() {
        return Some(time);
    }
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nanos: i64 = format!("{fraction:0<9}").parse().ok()?;
    Some(Time::from_seconds(seconds.parse().ok()?) + Span::from_nanos(nanos))
}

impl Piece {
    /// As a reception of `input`, `shift` later than recorded.
    pub(crate) fn into_reception(self, input: &InputId, shift: Span) -> Option<Reception> {
        let received_at = self.received_at? + shift;
        Some(Reception { input: input.clone(), received_at, envelope: self.envelope, bytes: self.bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_to_the_nanosecond() {
        assert_eq!(parse_time("1698140962.119813"), Some(Time::from_nanos(1_698_140_962_119_813_000)));
        assert_eq!(parse_time("2023-10-24T09:49:22Z"), Some(Time::from_seconds(1_698_140_962)));
        assert_eq!(parse_time("soon"), None);
    }
}
