//! Bluetooth LE advertisements: link layer packets out of captures, legacy and extended.
//!
//! Sources: Bluetooth Core 5.4 volume 6 part B (2.1 packet, 2.3 advertising PDUs, 3.1.1 CRC), volume 3 part C 11
//! (advertising data); tcpdump.org link types 251, 256; the packet description in Wireshark's dissector for the nRF
//! sniffer (272); the Bluetooth methods of F3411-22a clause 5.4 (service data of UUID 0xFFFA, application code 0x0D).

use super::bytes::{Cursor, crc24};
use super::carrier::{Carrier, Found, FrameError, Mac, Payload, mac_le};
use super::ieee80211::ODID_CODE;
use lapwing_model::Protocol;

const ACCESS_ADDRESS: [u8; 4] = [0xD6, 0xBE, 0x89, 0x8E];
const UUID_ASTM: [u8; 2] = [0xFA, 0xFF];
const AD_SERVICE_DATA_16: u8 = 0x16;

const PDU_ADV_IND: u8 = 0;
const PDU_ADV_NONCONN_IND: u8 = 2;
const PDU_SCAN_RSP: u8 = 4;
const PDU_ADV_SCAN_IND: u8 = 6;
const PDU_EXTENDED: u8 = 7;

const BAD_CRC: FrameError =
    FrameError::malformed("bad-crc", "a Bluetooth advertisement with Remote ID whose CRC is wrong");

/// What the capture says of how a packet was heard.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Radio {
    rssi_dbm: Option<f64>,
    /// Channel index 0 to 39.
    channel: Option<u16>,
    receiver_clock_us: Option<u64>,
    /// LE Coded: a coding indicator stands behind the access address.
    coded: bool,
    crc: Crc,
}

/// What is known of the CRC.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
enum Crc {
    /// Nobody has looked: it stands behind the PDU and is checked here.
    #[default]
    Unchecked,
    Good,
    Bad,
}

/// The channel index of an RF channel (volume 6 part B 1.4.1): the three primary ones lie between the others.
fn channel_index(rf_channel: u8) -> Option<u16> {
    match rf_channel {
        0 => Some(37),
        1..=11 => Some(u16::from(rf_channel) - 1),
        12 => Some(38),
        13..=38 => Some(u16::from(rf_channel) - 2),
        39 => Some(39),
        _ => None,
    }
}

fn rf_channel(index: u16) -> u8 {
    match index {
        37 => 0,
        38 => 12,
        39 => 39,
        0..=10 => index as u8 + 1,
        _ => index.min(36) as u8 + 2,
    }
}

fn frequency_mhz(channel_index: u16) -> u16 {
    2402 + 2 * u16::from(rf_channel(channel_index))
}

/// Reads a frame of `LINKTYPE_BLUETOOTH_LE_LL` (251): access address, PDU, CRC.
pub(super) fn decode_ll(frame: &[u8]) -> Result<Found<'_>, FrameError> {
    decode(frame, 0, Radio::default())
}

/// Reads a frame of `LINKTYPE_BLUETOOTH_LE_LL_WITH_PHDR` (256).
pub(super) fn decode_ll_with_phdr(frame: &[u8]) -> Result<Found<'_>, FrameError> {
    let Some((&[rf_channel, signal, _noise, _offenses, _, _, _, _, f0, f1], _)) = frame.split_first_chunk::<10>()
    else {
        return Err(FrameError::malformed("bad-pseudo-header", "a Bluetooth pseudo-header that is cut"));
    };
    let flags = u16::from_le_bytes([f0, f1]);
    if flags & 0x0001 == 0 {
        return Err(FrameError::unsupported("whitened", "a Bluetooth packet that is still whitened"));
    }
    let radio = Radio {
        rssi_dbm: (flags & 0x0002 != 0).then(|| f64::from(signal as i8)),
        channel: channel_index(rf_channel).filter(|_| flags & 0x0040 == 0),
        receiver_clock_us: None,
        coded: flags >> 14 == 2,
        crc: match (flags & 0x0400 != 0, flags & 0x0800 != 0) {
            (false, _) => Crc::Unchecked,
            (true, true) => Crc::Good,
            (true, false) => Crc::Bad,
        },
    };
    decode(frame, 10, radio)
}

/// Reads a frame of `LINKTYPE_NORDIC_BLE` (272): what the nRF sniffer writes, protocol versions 1 to 3.
pub(super) fn decode_nordic(frame: &[u8]) -> Result<Found<'_>, FrameError> {
    const CUT: FrameError = FrameError::malformed("bad-sniffer-header", "an nRF sniffer header that is cut");
    let mut c = Cursor::new(frame);
    let [_board, _l0, _l1, version] = c.array().ok_or(CUT)?;
    if !(1..=3).contains(&version) {
        return Err(FrameError::unsupported("sniffer-version", "an nRF sniffer packet of an unknown version"));
    }
    let [_c0, _c1, packet_id] = c.array().ok_or(CUT)?;
    // 2 = advertising PDU (version 3), 6 = any packet; the others hold no packet.
    if !matches!(packet_id, 2 | 6) {
        return Err(FrameError::NO_REMOTE_ID);
    }
    let [_length, flags, channel, rssi, _e0, _e1] = c.array().ok_or(CUT)?;
    let clock = c.u32_le().ok_or(CUT)?;
    let radio = Radio {
        rssi_dbm: (rssi != 0).then(|| -f64::from(rssi)),
        channel: (channel < 40).then_some(channel.into()),
        // Before version 3 this is the time since the packet before.
        receiver_clock_us: (version == 3).then_some(clock.into()),
        coded: (flags >> 4) & 7 == 2,
        crc: if flags & 1 == 1 { Crc::Good } else { Crc::Bad },
    };
    decode(frame, c.offset(), radio)
}

fn decode(frame: &[u8], start: usize, radio: Radio) -> Result<Found<'_>, FrameError> {
    let mut c = Cursor::new(frame.get(start..).unwrap_or_default());
    if c.array() != Some(ACCESS_ADDRESS) || (radio.coded && c.u8().is_none()) {
        return Err(FrameError::NO_REMOTE_ID);
    }
    let pdu_at = start + c.offset();
    let Some([head, length]) = c.array::<2>() else { return Err(FrameError::NO_REMOTE_ID) };
    let rest = c.rest();
    let (payload, whole) = match c.take(length.into()) {
        Some(payload) => (payload, true),
        None => (rest, false),
    };
    let mut found = advertisement(head, payload, pdu_at + 2).ok_or(FrameError::NO_REMOTE_ID)?;
    let bad_crc = match radio.crc {
        Crc::Good => false,
        Crc::Bad => true,
        // A packet cut by the capture has no CRC to check; what its messages lack is said for each.
        Crc::Unchecked => {
            let pdu = frame.get(pdu_at..pdu_at + 2 + payload.len()).unwrap_or_default();
            whole && c.array().is_some_and(|crc| crc != crc24(pdu))
        }
    };
    if bad_crc {
        return Err(BAD_CRC);
    }
    found.carrier.rssi_dbm = radio.rssi_dbm;
    found.carrier.channel = radio.channel;
    found.carrier.frequency_mhz = radio.channel.map(frequency_mhz);
    found.carrier.receiver_clock_us = radio.receiver_clock_us;
    Ok(found)
}

/// Sender and payloads of an advertising PDU; `None` when there is no Remote ID in it.
fn advertisement(head: u8, payload: &[u8], at: usize) -> Option<Found<'_>> {
    let mut c = Cursor::new(payload);
    let random = head & 0x40 != 0;
    let (protocol, mac, data_at) = match head & 0x0F {
        PDU_ADV_IND | PDU_ADV_NONCONN_IND | PDU_SCAN_RSP | PDU_ADV_SCAN_IND => {
            let mac = mac_le(&mut c)?;
            (Protocol::RemoteIdBluetoothLegacy, Some(mac), c.offset())
        }
        PDU_EXTENDED => {
            let header_length = usize::from(c.u8()? & 0x3F);
            let header = c.take(header_length)?;
            let mut h = Cursor::new(header);
            let flags = h.u8().unwrap_or(0);
            let mac = if flags & 1 != 0 { Some(mac_le(&mut h)?) } else { None };
            (Protocol::RemoteIdBluetoothLongRange, mac, c.offset())
        }
        _ => return None,
    };
    let payloads = service_data(payload.get(data_at..)?, at + data_at);
    let mut carrier = Carrier::new(protocol);
    carrier.mac_is_random = mac.is_some().then_some(random);
    carrier.mac = mac;
    (!payloads.is_empty()).then_some(Found { carrier, payloads })
}

/// Every Remote ID payload in advertising data (length, type, value).
fn service_data(data: &[u8], at: usize) -> Vec<Payload<'_>> {
    let mut c = Cursor::new(data);
    let mut payloads = Vec::new();
    while let Some(length) = c.u8() {
        let start = c.offset();
        let rest = c.rest();
        let content = c.take(length.into()).unwrap_or(rest);
        if let [AD_SERVICE_DATA_16, a, b, ODID_CODE, odid @ ..] = content
            && [*a, *b] == UUID_ASTM
        {
            payloads.push(Payload::behind_code(at + start + 4, odid));
        }
        if length == 0 || content.len() < usize::from(length) {
            // Zero ends the data; a structure that runs over the end is the last.
            break;
        }
    }
    payloads
}

/// Which link type a simulated Bluetooth receiver writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BluetoothCapture {
    /// 251: link layer packets alone.
    LinkLayer,
    /// 256: with signal strength and channel.
    WithPseudoHeader,
    /// 272: the nRF sniffer, version 3.
    Nordic,
}

impl BluetoothCapture {
    /// The `LINKTYPE_` number.
    pub fn link_type(self) -> u16 {
        match self {
            Self::LinkLayer => super::LINKTYPE_BLUETOOTH_LE_LL,
            Self::WithPseudoHeader => super::LINKTYPE_BLUETOOTH_LE_LL_WITH_PHDR,
            Self::Nordic => super::LINKTYPE_NORDIC_BLE,
        }
    }
}

/// How a simulated receiver heard a Bluetooth packet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BluetoothRadio {
    /// Channel index: 37 to 39 for legacy, 0 to 36 for the auxiliary packet of an extended advertisement.
    pub channel: u16,
    /// Signal strength, whole dBm, negative.
    pub rssi_dbm: i8,
    /// The receiver's clock, microseconds.
    pub receiver_clock_us: u32,
}

/// A whole captured advertisement. `payload` of up to 25 bytes (one message) goes into a Bluetooth 4 ADV_NONCONN_IND;
/// with `extended` a payload of up to 230 bytes goes into a Bluetooth 5 AUX_ADV_IND on the coded PHY.
pub fn encode_advertisement(
    capture: BluetoothCapture,
    radio: BluetoothRadio,
    transmitter: Mac,
    extended: bool,
    counter: u8,
    payload: &[u8],
) -> Vec<u8> {
    let room = if extended { 230 } else { 25 };
    let payload = payload.get(..room).unwrap_or(payload);
    let mut address = transmitter.0;
    address.reverse();
    let mut body = Vec::new();
    if extended {
        // Extended header: AdvA and AdvDataInfo (set 0, data id 0).
        body.extend([9, 0x09]);
        body.extend(address);
        body.extend([0, 0]);
    } else {
        body.extend(address);
    }
    body.extend([payload.len() as u8 + 5, AD_SERVICE_DATA_16]);
    body.extend(UUID_ASTM);
    body.extend([ODID_CODE, counter]);
    body.extend(payload);
    // The address is a random one.
    let kind = 0x40 | if extended { PDU_EXTENDED } else { PDU_ADV_NONCONN_IND };
    let mut pdu = vec![kind, body.len() as u8];
    pdu.extend(body);
    let crc = crc24(&pdu);

    // Without a header that says so, nothing tells a reader of a coding indicator.
    let coded = extended && capture != BluetoothCapture::LinkLayer;
    let mut packet = ACCESS_ADDRESS.to_vec();
    if coded {
        packet.push(0);
    }
    packet.extend(pdu);
    packet.extend(crc);

    let mut out = Vec::with_capacity(packet.len() + 17);
    match capture {
        BluetoothCapture::LinkLayer => {}
        BluetoothCapture::WithPseudoHeader => {
            let flags: u16 = 0x0001 | 0x0002 | 0x0400 | 0x0800 | if coded { 0x8000 } else { 0 };
            out.extend([rf_channel(radio.channel), radio.rssi_dbm as u8, 0, 0]);
            out.extend(ACCESS_ADDRESS);
            out.extend(flags.to_le_bytes());
        }
        BluetoothCapture::Nordic => {
            out.push(1);
            out.extend((packet.len() as u16 + 10).to_le_bytes());
            out.extend([3, counter, 0, 2, 10, 1 | if coded { 0x20 } else { 0 }]);
            out.extend([radio.channel as u8, radio.rssi_dbm.unsigned_abs(), 0, 0]);
            out.extend(radio.receiver_clock_us.to_le_bytes());
        }
    }
    out.extend(packet);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = Mac([0xDF, 0x72, 0x11, 0xD2, 0x6B, 0x95]);
    const RADIO: BluetoothRadio = BluetoothRadio { channel: 37, rssi_dbm: -70, receiver_clock_us: 99 };

    fn decode_as(capture: BluetoothCapture, frame: &[u8]) -> Result<Found<'_>, FrameError> {
        match capture {
            BluetoothCapture::LinkLayer => decode_ll(frame),
            BluetoothCapture::WithPseudoHeader => decode_ll_with_phdr(frame),
            BluetoothCapture::Nordic => decode_nordic(frame),
        }
    }

    const CAPTURES: [BluetoothCapture; 3] =
        [BluetoothCapture::LinkLayer, BluetoothCapture::WithPseudoHeader, BluetoothCapture::Nordic];

    #[test]
    fn what_is_built_is_read() {
        for capture in CAPTURES {
            for (extended, size) in [(false, 25), (true, 228)] {
                let payload = vec![9; size];
                let frame = encode_advertisement(capture, RADIO, MAC, extended, 17, &payload);
                let found = decode_as(capture, &frame).unwrap();
                assert_eq!(found.carrier.mac, Some(MAC));
                assert_eq!(found.carrier.mac_is_random, Some(true));
                let [one] = found.payloads.as_slice() else { panic!("{:?}", found.payloads) };
                assert_eq!((one.counter, one.bytes), (Some(17), payload.as_slice()), "{capture:?} {extended}");
                assert_eq!(frame.get(one.offset..one.offset + size), Some(payload.as_slice()));
                let known = capture != BluetoothCapture::LinkLayer;
                assert_eq!(found.carrier.rssi_dbm, known.then_some(-70.0));
                assert_eq!(found.carrier.channel, known.then_some(37));
                assert_eq!(found.carrier.frequency_mhz, known.then_some(2402));
            }
        }
    }

    /// A Bluetooth 4 advertisement written out by hand from the Core specification and F3411: every byte has
    /// its place in the standard, none comes from the encoder.
    #[test]
    fn a_frame_from_the_specification_is_read() {
        let mut frame = vec![0xD6, 0xBE, 0x89, 0x8E];
        let mut pdu = vec![0x42, 37];
        pdu.extend([0x95, 0x6B, 0xD2, 0x11, 0x72, 0xDF]);
        pdu.extend([0x1E, 0x16, 0xFA, 0xFF, 0x0D, 0x05]);
        pdu.extend([0x02, 0x12]);
        pdu.extend(b"1787F04BM24010011195");
        pdu.extend([0, 0, 0]);
        assert_eq!(pdu.len(), 39);
        frame.extend(&pdu);
        frame.extend(crc24(&pdu));
        let found = decode_ll(&frame).unwrap();
        assert_eq!(found.carrier.mac.unwrap().to_string(), "df:72:11:d2:6b:95");
        let one = found.payloads.first().unwrap();
        assert_eq!(one.counter, Some(5));
        assert_eq!(one.bytes.get(2..22), Some(b"1787F04BM24010011195".as_slice()));
        assert_eq!(encode_advertisement(BluetoothCapture::LinkLayer, RADIO, MAC, false, 5, one.bytes), frame);
    }

    #[test]
    fn a_wrong_crc_is_a_fault() {
        let mut frame = encode_advertisement(BluetoothCapture::LinkLayer, RADIO, MAC, false, 1, &[9; 25]);
        frame[20] ^= 4;
        assert_eq!(decode_ll(&frame).unwrap_err(), BAD_CRC);
        let mut frame = encode_advertisement(BluetoothCapture::WithPseudoHeader, RADIO, MAC, false, 1, &[9; 25]);
        frame[9] &= !0x08;
        assert_eq!(decode_ll_with_phdr(&frame).unwrap_err(), BAD_CRC);
        let mut frame = encode_advertisement(BluetoothCapture::Nordic, RADIO, MAC, false, 1, &[9; 25]);
        frame[8] &= !1;
        assert_eq!(decode_nordic(&frame).unwrap_err(), BAD_CRC);
    }

    #[test]
    fn every_cut_is_an_error_or_less_data() {
        for capture in CAPTURES {
            let frame = encode_advertisement(capture, RADIO, MAC, true, 1, &[9; 228]);
            for end in 0..frame.len() {
                let _ = decode_as(capture, &frame[..end]);
            }
        }
    }

    #[test]
    fn channels_go_there_and_back() {
        for index in 0..40 {
            assert_eq!(channel_index(rf_channel(index)), Some(index));
        }
        assert_eq!((frequency_mhz(37), frequency_mhz(38), frequency_mhz(39)), (2402, 2426, 2480));
        assert_eq!(frequency_mhz(0), 2404);
    }
}
