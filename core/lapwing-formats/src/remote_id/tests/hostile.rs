//! Broken and mutated input: no panic, and the books balance to the byte.

use super::{anafi_real, anafi_spoofed, wifi_beacon_sample, wifi_nan_sample};
use crate::remote_id::{
    BluetoothCapture, BluetoothRadio, Mac, RemoteId, RemoteIdConfig, encode_advertisement, ieee80211,
};
use crate::{Decoded, Decoder};
use lapwing_model::{Envelope, Time};

/// A small fixed generator (SplitMix64, Steele et al. 2014), so that a failure repeats.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    /// One to five small changes.
    pub(crate) fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            match self.below(5) {
                0 => bytes.truncate(at),
                1 => bytes.extend((0..self.below(40)).map(|i| i as u8)),
                2 => {
                    let value = self.next() as u8;
                    bytes.insert(at, value);
                }
                _ if bytes.is_empty() => {}
                3 => bytes[at] = self.next() as u8,
                _ => bytes[at] ^= 1 << self.below(8),
            }
        }
    }
}

/// Frames with their check sequence switched off, so that mutations reach the messages.
fn seeds() -> Vec<(Envelope, Vec<u8>)> {
    let mut seeds = Vec::new();
    for (i, frame) in
        [anafi_real(), anafi_spoofed(), wifi_beacon_sample(), wifi_nan_sample()].into_iter().flatten().enumerate()
    {
        if i % 20 != 0 && i < 1140 {
            continue;
        }
        let payload = ieee80211::decode_radiotap(&frame.bytes).ok().map(|f| f.payloads[0].bytes.to_vec());
        for payload in payload.iter() {
            seeds.push((Envelope::Datagram, payload.clone()));
            for capture in [BluetoothCapture::LinkLayer, BluetoothCapture::WithPseudoHeader, BluetoothCapture::Nordic] {
                let radio = BluetoothRadio { channel: 3, rssi_dbm: -9, receiver_clock_us: 1 };
                let advert = encode_advertisement(capture, radio, Mac([1; 6]), true, 1, payload);
                seeds.push((Envelope::Frame { link_type: capture.link_type() }, advert));
            }
        }
        let header = usize::from(frame.bytes[2]);
        seeds.push((Envelope::Frame { link_type: 105 }, frame.bytes[header..].to_vec()));
        seeds.push((Envelope::Frame { link_type: frame.link_type }, frame.bytes));
    }
    seeds
}

#[test]
fn mutated_captures_never_panic_and_every_unit_is_accounted_for() {
    let seeds = seeds();
    let mut random = Random(42);
    let mut decoder = RemoteId::new(RemoteIdConfig::default());
    let mut out = Decoded::with_details();
    let (mut used, mut rejected) = (0, 0);
    for round in 0..200_000_u64 {
        let (envelope, seed) = &seeds[random.below(seeds.len())];
        let mut bytes = seed.clone();
        random.mutate(&mut bytes);
        out.clear();
        decoder.decode(Time::from_millis(round as i64), envelope, &bytes, &mut out);
        assert!(out.account.balances(), "{:?} {envelope:?} {bytes:02x?}", out.account);
        assert!(out.account.units_received > 0, "nothing is passed over in silence");
        assert_eq!(
            out.account.bytes_used + out.account.bytes_rejected,
            bytes.len() as u64,
            "{envelope:?} {bytes:02x?}"
        );
        assert_eq!(out.reports.is_empty(), out.account.units_used == 0);
        for (offset, length) in out.faults.iter().map(|f| (f.offset, f.length)) {
            assert!(offset + length <= bytes.len() as u64, "{envelope:?} {bytes:02x?}");
        }
        used += out.account.units_used;
        rejected += out.account.rejected_total();
    }
    assert!(used > 50_000 && rejected > 50_000, "the mutations must hit both: {used} used, {rejected} rejected");
}

#[test]
fn random_bytes_never_panic() {
    let mut random = Random(7);
    let mut decoder = RemoteId::new(RemoteIdConfig::default());
    let mut out = Decoded::with_details();
    for round in 0..200_000 {
        let bytes: Vec<u8> = (0..random.below(300)).map(|_| random.next() as u8).collect();
        let link_type = [105, 127, 251, 256, 272, 1][random.below(6)];
        let envelope = if round % 3 == 0 { Envelope::Datagram } else { Envelope::Frame { link_type } };
        out.clear();
        decoder.decode(Time::from_nanos(random.next() as i64), &envelope, &bytes, &mut out);
        assert!(out.account.balances());
        assert_eq!(out.account.bytes_used + out.account.bytes_rejected, bytes.len() as u64);
    }
}
