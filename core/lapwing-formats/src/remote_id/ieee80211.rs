//! 802.11 frames: radiotap header, beacons with the ASD-STAN vendor element, and Wi-Fi NaN service discovery frames.
//!
//! Sources: IEEE 802.11-2020 clauses 9.2.4, 9.3.3.2, 9.4.2.25; radiotap.org "Defined fields"; Wi-Fi Alliance Neighbor
//! Awareness Networking 3.1 clauses 9.3, 9.5.4; the Wi-Fi
//! beacon and Wi-Fi NaN methods of F3411-22a clause 5.4. Checked against opendroneid-core-c.

use super::bytes::{Cursor, crc32};
use super::carrier::{Carrier, Found, FrameError, Mac, Payload, mac_be};
use lapwing_model::{AirText, Protocol};

/// The vendor of the Remote ID element: ASD-STAN.
const OUI_ASD_STAN: [u8; 3] = [0xFA, 0x0B, 0xBC];
/// Parrot's own number, used by its first Remote ID firmware with the same content.
const OUI_PARROT: [u8; 3] = [0x90, 0x3A, 0xE6];
/// The vendor type and Bluetooth application code of Open Drone ID.
pub(super) const ODID_CODE: u8 = 0x0D;
const OUI_WIFI_ALLIANCE: [u8; 3] = [0x50, 0x6F, 0x9A];
const NAN_TYPE: u8 = 0x13;
/// First six bytes of SHA-256("org.opendroneid.remoteid").
const NAN_SERVICE_ID: [u8; 6] = [0x88, 0x69, 0x19, 0x9D, 0x92, 0x09];
const NAN_NETWORK: Mac = Mac([0x51, 0x6F, 0x9A, 0x01, 0x00, 0x00]);
/// Fixed for Remote ID by F3411.
const NAN_CLUSTER: Mac = Mac([0x50, 0x6F, 0x9A, 0x01, 0x00, 0xFF]);

const ELEMENT_SSID: u8 = 0;
const ELEMENT_VENDOR: u8 = 221;
const FRAME_BEACON: u8 = 0x80;
const FRAME_ACTION: u8 = 0xD0;
const NAN_ATTRIBUTE_SERVICE_DESCRIPTOR: u8 = 3;

/// What the capture says of how a frame was heard.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Radio {
    receiver_clock_us: Option<u64>,
    frequency_mhz: Option<u16>,
    rssi_dbm: Option<f64>,
    has_fcs: bool,
    /// The receiver found the check sequence wrong.
    bad_fcs: bool,
}

/// The first radiotap namespace, up to the antenna signal; what follows it says nothing of use here.
fn radiotap(frame: &[u8]) -> Option<(Radio, usize)> {
    let mut head = Cursor::new(frame);
    let version = head.u8()?;
    head.u8()?;
    let length = usize::from(head.u16_le()?);
    if version != 0 {
        return None;
    }
    let header = frame.get(..length)?;
    let mut c = Cursor::new(header);
    c.take(4)?;
    let present = c.u32_le()?;
    let mut word = present;
    // Bit 31: another word of presence bits follows (further antennas, vendor fields).
    while word & (1 << 31) != 0 {
        word = c.u32_le()?;
    }
    let has = |bit: u32| present & (1 << bit) != 0;
    let mut radio = Radio::default();
    if has(0) {
        c.align(8)?;
        radio.receiver_clock_us = Some(c.u64_le()?);
    }
    if has(1) {
        let flags = c.u8()?;
        radio.has_fcs = flags & 0x10 != 0;
        radio.bad_fcs = flags & 0x40 != 0;
    }
    if has(2) {
        c.u8()?;
    }
    if has(3) {
        c.align(2)?;
        radio.frequency_mhz = Some(c.u16_le()?).filter(|mhz| *mhz != 0);
        c.u16_le()?;
    }
    if has(4) {
        c.take(2)?;
    }
    if has(5) {
        radio.rssi_dbm = Some(f64::from(c.u8()? as i8));
    }
    Some((radio, length))
}

/// The channel number of a centre frequency (IEEE 802.11-2020 annex E).
fn channel(mhz: u16) -> Option<u16> {
    match mhz {
        2484 => Some(14),
        2412..=2472 if (mhz - 2407).is_multiple_of(5) => Some((mhz - 2407) / 5),
        5955..=7115 if (mhz - 5950).is_multiple_of(5) => Some((mhz - 5950) / 5),
        5005..=5895 if mhz.is_multiple_of(5) => Some((mhz - 5000) / 5),
        _ => None,
    }
}

/// The centre frequency of a channel number; 2.4 GHz for 1 to 14, else 5 GHz.
fn frequency_mhz(channel: u16) -> u16 {
    match channel {
        14 => 2484,
        1..=13 => 2407 + 5 * channel,
        _ => 5000u16.saturating_add(channel.saturating_mul(5)),
    }
}

/// Reads a frame of `LINKTYPE_IEEE802_11_RADIOTAP` (127).
pub(super) fn decode_radiotap(frame: &[u8]) -> Result<Found<'_>, FrameError> {
    let Some((radio, start)) = radiotap(frame) else {
        return Err(FrameError::malformed("bad-radiotap", "a radiotap header that is cut or of another version"));
    };
    decode(frame, start, radio)
}

/// Reads a frame of `LINKTYPE_IEEE802_11` (105): no radio header, and no word on whether a check sequence follows.
pub(super) fn decode_bare(frame: &[u8]) -> Result<Found<'_>, FrameError> {
    decode(frame, 0, Radio::default())
}

fn decode(frame: &[u8], start: usize, radio: Radio) -> Result<Found<'_>, FrameError> {
    let whole = frame.get(start..).unwrap_or_default();
    let (body, fcs) = match whole.split_last_chunk::<4>() {
        Some((body, fcs)) if radio.has_fcs => (body, Some(u32::from_le_bytes(*fcs))),
        _ => (whole, None),
    };
    // Most frames on the air are not ours: look first, check the sum of what is found.
    let mut found = read(body, start).ok_or(FrameError::NO_REMOTE_ID)?;
    if radio.bad_fcs || fcs.is_some_and(|fcs| fcs != crc32(body)) {
        return Err(FrameError::malformed("bad-fcs", "a frame with Remote ID whose check sequence is wrong"));
    }
    found.carrier.rssi_dbm = radio.rssi_dbm;
    found.carrier.receiver_clock_us = radio.receiver_clock_us;
    found.carrier.frequency_mhz = radio.frequency_mhz;
    found.carrier.channel = radio.frequency_mhz.and_then(channel);
    Ok(found)
}

/// `None` for every frame in which no Remote ID payload begins, sound or not: of those there are thousands a second.
fn read(body: &[u8], start: usize) -> Option<Found<'_>> {
    let mut c = Cursor::new(body);
    let [kind, flags] = c.array::<2>()?;
    // Duration, receiver.
    c.take(2 + 6)?;
    let transmitter = mac_be(&mut c)?;
    // BSSID, sequence.
    c.take(6 + 2)?;
    if flags & 0x40 != 0 {
        return None;
    }
    if flags & 0x80 != 0 {
        // High-throughput control.
        c.take(4)?;
    }
    let found = match kind {
        FRAME_BEACON => beacon(c, start),
        FRAME_ACTION => nan(c, start),
        _ => None,
    };
    found.map(|mut found| {
        found.carrier.mac = Some(transmitter);
        found
    })
}

fn beacon(mut c: Cursor<'_>, start: usize) -> Option<Found<'_>> {
    let mut carrier = Carrier::new(Protocol::RemoteIdWifiBeacon);
    carrier.beacon_clock_us = Some(c.u64_le()?);
    // Interval, capabilities.
    c.take(4)?;
    let mut payloads = Vec::new();
    while let (Some(id), Some(length)) = (c.u8(), c.u8()) {
        // An element that runs over the end of the frame is read as far as it goes, so that what is there is used and
        // the message that is not there is named.
        let at = c.offset();
        let rest = c.rest();
        let content = c.take(length.into()).unwrap_or(rest);
        match (id, content) {
            (ELEMENT_SSID, ssid) => carrier.ssid = AirText::from_padded(ssid),
            (ELEMENT_VENDOR, [a, b, d, ODID_CODE, odid @ ..])
                if [*a, *b, *d] == OUI_ASD_STAN || [*a, *b, *d] == OUI_PARROT =>
            {
                payloads.push(Payload::behind_code(start + at + 4, odid));
            }
            _ => {}
        }
        if content.len() < usize::from(length) {
            break;
        }
    }
    (!payloads.is_empty()).then_some(Found { carrier, payloads })
}

fn nan(mut c: Cursor<'_>, start: usize) -> Option<Found<'_>> {
    // Public action, vendor specific.
    let head = c.array::<2>()?;
    let oui = c.array::<3>()?;
    if head != [4, 9] || oui != OUI_WIFI_ALLIANCE || c.u8()? != NAN_TYPE {
        return None;
    }
    let mut payloads = Vec::new();
    while let (Some(id), Some(length)) = (c.u8(), c.u16_le()) {
        let at = start + c.offset();
        let rest = c.rest();
        let content = c.take(length.into()).unwrap_or(rest);
        if id == NAN_ATTRIBUTE_SERVICE_DESCRIPTOR {
            payloads.extend(service_info(content, at));
        }
        if content.len() < usize::from(length) {
            break;
        }
    }
    (!payloads.is_empty()).then_some(Found { carrier: Carrier::new(Protocol::RemoteIdWifiNan), payloads })
}

/// The service info of a service descriptor, when the service is Remote ID and there is one.
fn service_info(attribute: &[u8], at: usize) -> Option<Payload<'_>> {
    let mut c = Cursor::new(attribute);
    if c.array::<6>()? != NAN_SERVICE_ID {
        return None;
    }
    // Instance, requestor instance.
    c.take(2)?;
    let control = c.u8()?;
    if control & 0x40 != 0 {
        // Binding bitmap.
        c.take(2)?;
    }
    for bit in [0x04, 0x08] {
        // Matching filter, service response filter.
        if control & bit != 0 {
            let length = c.u8()?;
            c.take(length.into())?;
        }
    }
    if control & 0x10 == 0 {
        return None;
    }
    let length = c.u8()?;
    let offset = at + c.offset();
    let rest = c.rest();
    Some(Payload::behind_code(offset, c.take(length.into()).unwrap_or(rest)))
}

/// How a simulated receiver heard a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WifiRadio {
    /// 802.11 channel number.
    pub channel: u16,
    /// Signal strength, whole dBm.
    pub rssi_dbm: i8,
    /// The receiver's clock, microseconds.
    pub receiver_clock_us: u64,
}

/// A radiotap header in front of `frame`, with a check sequence behind it: what a monitor-mode capture holds.
fn with_radiotap(radio: WifiRadio, frame: Vec<u8>) -> Vec<u8> {
    let mhz = frequency_mhz(radio.channel);
    let mut out = vec![0, 0, 23, 0];
    // TSFT, flags, rate, channel, antenna signal.
    out.extend(0b10_1111u32.to_le_bytes());
    out.extend(radio.receiver_clock_us.to_le_bytes());
    out.extend([0x10, 12]);
    out.extend(mhz.to_le_bytes());
    out.extend(if mhz < 3000 { 0x00A0u16 } else { 0x0140 }.to_le_bytes());
    out.push(radio.rssi_dbm as u8);
    let fcs = crc32(&frame);
    out.extend(frame);
    out.extend(fcs.to_le_bytes());
    out
}

fn management(kind: u8, receiver: Mac, transmitter: Mac, bssid: Mac, sequence: u16) -> Vec<u8> {
    let mut out = vec![kind, 0, 0, 0];
    for mac in [receiver, transmitter, bssid] {
        out.extend(mac.0);
    }
    out.extend((sequence << 4).to_le_bytes());
    out
}

/// A whole captured beacon (`LINKTYPE_IEEE802_11_RADIOTAP`) with Remote ID: `payload` is a message or a pack, at most
/// 250 bytes.
pub fn encode_beacon(radio: WifiRadio, transmitter: Mac, ssid: &str, counter: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = management(FRAME_BEACON, Mac([0xFF; 6]), transmitter, transmitter, counter.into());
    out.extend(radio.receiver_clock_us.to_le_bytes());
    // Interval of 100 time units; short preamble, short slot time.
    out.extend([100, 0, 0x20, 0x04]);
    let ssid = ssid.as_bytes();
    let ssid = ssid.get(..32).unwrap_or(ssid);
    out.extend([ELEMENT_SSID, ssid.len() as u8]);
    out.extend(ssid);
    out.extend([1, 1, 0x8C]);
    let payload = payload.get(..250).unwrap_or(payload);
    out.extend([ELEMENT_VENDOR, payload.len() as u8 + 5]);
    out.extend(OUI_ASD_STAN);
    out.extend([ODID_CODE, counter]);
    out.extend(payload);
    with_radiotap(radio, out)
}

/// A whole captured Wi-Fi NaN service discovery frame (`LINKTYPE_IEEE802_11_RADIOTAP`) with Remote ID: `payload` is a
/// message or a pack, at most 254 bytes.
pub fn encode_nan(radio: WifiRadio, transmitter: Mac, counter: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = management(FRAME_ACTION, NAN_NETWORK, transmitter, NAN_CLUSTER, counter.into());
    out.extend([4, 9]);
    out.extend(OUI_WIFI_ALLIANCE);
    out.push(NAN_TYPE);
    let payload = payload.get(..254).unwrap_or(payload);
    let info = payload.len() as u8 + 1;
    out.push(NAN_ATTRIBUTE_SERVICE_DESCRIPTOR);
    out.extend((10 + u16::from(info)).to_le_bytes());
    out.extend(NAN_SERVICE_ID);
    // Instance 1, no requestor, follow-up with service info.
    out.extend([1, 0, 0x10, info, counter]);
    out.extend(payload);
    // Service descriptor extension: instance 1, no range limit, update indicator.
    out.extend([0x0E, 4, 0, 1, 0, 2, counter]);
    with_radiotap(radio, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_and_frequencies_agree() {
        for (number, mhz) in [(1, 2412), (6, 2437), (13, 2472), (14, 2484), (36, 5180), (149, 5745)] {
            assert_eq!(channel(mhz), Some(number));
            assert_eq!(frequency_mhz(number), mhz);
        }
        assert_eq!(channel(2413), None);
    }

    const RADIO: WifiRadio = WifiRadio { channel: 6, rssi_dbm: -61, receiver_clock_us: 123_456 };
    const MAC: Mac = Mac([0x90, 0x3A, 0xE6, 1, 2, 3]);

    #[test]
    fn what_is_built_is_read() {
        let payload = [7; 28];
        for (frame, protocol) in [
            (encode_beacon(RADIO, MAC, "drone", 42, &payload), Protocol::RemoteIdWifiBeacon),
            (encode_nan(RADIO, MAC, 42, &payload), Protocol::RemoteIdWifiNan),
        ] {
            let found = decode_radiotap(&frame).unwrap();
            assert_eq!(found.carrier.protocol, protocol);
            assert_eq!(found.carrier.mac, Some(MAC));
            assert_eq!(found.carrier.rssi_dbm, Some(-61.0));
            assert_eq!(found.carrier.channel, Some(6));
            assert_eq!(found.carrier.receiver_clock_us, Some(123_456));
            let [one] = found.payloads.as_slice() else { panic!("{:?}", found.payloads) };
            assert_eq!((one.counter, one.bytes), (Some(42), payload.as_slice()));
            assert_eq!(frame.get(one.offset..one.offset + 28), Some(payload.as_slice()), "the offset is true");
            // The same without radio header: no signal strength, same content.
            let bare = frame.get(23..frame.len() - 4).unwrap();
            assert_eq!(decode_bare(bare).unwrap().payloads.first().unwrap().bytes, payload);
        }
    }

    #[test]
    fn radiotap_fields_stand_at_their_alignment() {
        // Two words of presence (the second one for another antenna), so the clock moves from byte 12 to 16.
        let mut header = vec![0, 0, 36, 0];
        header.extend((0b10_1011u32 | (1 << 31)).to_le_bytes());
        header.extend(0x20u32.to_le_bytes());
        header.extend([0; 4]);
        header.extend(77u64.to_le_bytes());
        // Flags, a byte of padding, channel, antenna signal, then the other antenna's.
        header.extend([0x10, 0xEE]);
        header.extend(5745u16.to_le_bytes());
        header.extend([0, 0, 0xB0, 0xA0]);
        header.resize(36, 0);
        let (radio, length) = radiotap(&header).unwrap();
        assert_eq!(length, 36);
        assert_eq!(
            radio,
            Radio {
                receiver_clock_us: Some(77),
                frequency_mhz: Some(5745),
                rssi_dbm: Some(-80.0),
                has_fcs: true,
                bad_fcs: false,
            }
        );
        for end in 0..36 {
            assert_eq!(radiotap(&header[..end]), None);
        }
    }

    #[test]
    fn a_wrong_check_sequence_is_a_fault_only_where_there_is_one() {
        let mut frame = encode_beacon(RADIO, MAC, "drone", 42, &[7; 28]);
        let last = frame.len() - 10;
        frame[last] ^= 1;
        assert_eq!(decode_radiotap(&frame).unwrap_err().reason, "bad-fcs");
        // Flags say that no check sequence follows.
        frame[16] = 0;
        assert!(decode_radiotap(&frame).is_ok());
    }

    #[test]
    fn every_cut_is_an_error_or_less_data() {
        for frame in [encode_beacon(RADIO, MAC, "drone", 42, &[7; 28]), encode_nan(RADIO, MAC, 42, &[7; 28])] {
            for end in 0..frame.len() {
                let cut = &frame[..end];
                // The check sequence of a cut frame cannot be right.
                assert!(decode_radiotap(cut).is_err(), "{end}");
                let _ = decode_bare(cut.get(23..).unwrap_or_default());
            }
        }
    }
}
