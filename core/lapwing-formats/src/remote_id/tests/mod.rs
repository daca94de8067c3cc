//! Tests on real captures, golden and malformed cases, round trips and hostile input.

mod captures;
mod golden;
mod hostile;
mod round_trip;

pub(crate) use golden::golden;
pub(crate) use hostile::Random;

use super::{RemoteId, RemoteIdConfig};
use crate::{Decoded, Decoder};
use lapwing_model::{Claim, Envelope, Report, Time};
use std::io::Read;

/// A frame of a capture.
pub(super) struct Captured {
    pub(super) received_at: Time,
    pub(super) link_type: u16,
    pub(super) bytes: Vec<u8>,
}

fn u16_at(b: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(b[at..at + 2].try_into().unwrap())
}

fn u32_at(b: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(b[at..at + 4].try_into().unwrap())
}

/// The frames of a little-endian pcap or pcapng file with default clocks: the container as simply as it can be read, so
/// that these tests depend on nothing but the decoder.
pub(super) fn frames(file: &[u8]) -> Vec<Captured> {
    let mut out = Vec::new();
    if file.starts_with(&[0x0A, 0x0D, 0x0D, 0x0A]) {
        let (mut at, mut link_types) = (0, Vec::new());
        while at < file.len() {
            let (kind, length) = (u32_at(file, at), u32_at(file, at + 4) as usize);
            match kind {
                1 => link_types.push((u16_at(file, at + 8), nanoseconds(&file[at + 16..at + length - 4]))),
                6 => {
                    let (link_type, nanos) = link_types[u32_at(file, at + 8) as usize];
                    let ticks = (i64::from(u32_at(file, at + 12)) << 32) | i64::from(u32_at(file, at + 16));
                    let bytes = file[at + 28..at + 28 + u32_at(file, at + 20) as usize].to_vec();
                    let received_at = Time::from_nanos(if nanos { ticks } else { ticks * 1000 });
                    out.push(Captured { received_at, link_type, bytes });
                }
                _ => {}
            }
            at += length;
        }
    } else {
        let link_type = u16_at(file, 20);
        let mut at = 24;
        while at < file.len() {
            let nanos = i64::from(u32_at(file, at)) * 1_000_000_000 + i64::from(u32_at(file, at + 4)) * 1000;
            let length = u32_at(file, at + 8) as usize;
            let bytes = file[at + 16..at + 16 + length].to_vec();
            out.push(Captured { received_at: Time::from_nanos(nanos), link_type, bytes });
            at += 16 + length;
        }
    }
    out
}

/// Whether an interface's options say nanoseconds (option 9, value 9).
fn nanoseconds(mut options: &[u8]) -> bool {
    while options.len() >= 4 {
        let (code, length) = (u16_at(options, 0), usize::from(u16_at(options, 2)));
        if code == 9 {
            return options[4] == 9;
        }
        options = options.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
    }
    false
}

pub(super) fn anafi_real() -> Vec<Captured> {
    let packed = include_bytes!("../../../../../testdata/formats/remote-id/parrot_anafi_real.pcapng.gz");
    let mut file = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut file).unwrap();
    frames(&file)
}

pub(super) fn anafi_spoofed() -> Vec<Captured> {
    frames(include_bytes!("../../../../../testdata/formats/remote-id/parrot_anafi_spoofed.pcapng"))
}

pub(super) fn wifi_beacon_sample() -> Vec<Captured> {
    frames(include_bytes!("../../../../../testdata/formats/remote-id/odid_wifi_bcn_sample.pcap"))
}

pub(super) fn wifi_nan_sample() -> Vec<Captured> {
    frames(include_bytes!("../../../../../testdata/formats/remote-id/odid_wifi_sample.pcap"))
}

/// All frames through one decoder.
pub(super) fn decode_all(frames: &[Captured]) -> Decoded {
    let mut decoder = RemoteId::new(RemoteIdConfig::default());
    let mut out = Decoded::with_details();
    for f in frames {
        decoder.decode(f.received_at, &Envelope::Frame { link_type: f.link_type }, &f.bytes, &mut out);
    }
    out
}

pub(super) fn claims(out: &Decoded) -> Vec<&Claim> {
    out.reports
        .iter()
        .map(|found| match &found.report {
            Report::Claim(claim) => claim.as_ref(),
            other => panic!("{other:?}"),
        })
        .collect()
}

/// Opens a decoder from a TOML text, as a configuration file does.
pub(crate) fn open_with(format: &crate::Format, text: &str) -> Result<Box<dyn Decoder>, String> {
    let table = toml::de::DeTable::parse(text).map_err(|e| e.to_string())?;
    let table = toml::Spanned::new(table.span(), toml::de::DeValue::Table(table.into_inner()));
    format.decoder.unwrap()(table).map_err(|e| e.to_string())
}

#[test]
fn the_sample_opens_and_an_unknown_key_does_not() {
    assert!(open_with(&super::FORMAT, super::FORMAT.sample).is_ok());
    assert!(open_with(&super::FORMAT, "chanel = 6").err().unwrap().contains("chanel"));
}
