use super::*;
use crate::testing::{TestDirectory, TestInput, testdata, within};
use crate::{Delivery, clock, mailbox};
use lapwing_model::{Envelope, Link, Span, Time};
use pcap_parser::{Block, PcapBlockOwned, PcapError as OracleError};
use std::time::{Duration, Instant};

const CAPTURES: [&str; 4] =
    ["asterix_udp.pcap", "asterix_udp.pcapng", "odid_wifi_bcn_sample.pcap", "parrot_anafi_spoofed.pcapng"];

fn capture(name: &str) -> Vec<u8> {
    std::fs::read(testdata("formats/pcap").join(name)).unwrap()
}

fn read(bytes: &[u8]) -> (Vec<Packet>, Option<PcapError>) {
    let mut packets = Vec::new();
    for next in Reader::new(bytes) {
        match next {
            Ok(packet) => packets.push(packet),
            Err(error) => return (packets, Some(error)),
        }
    }
    (packets, None)
}

fn read_well(bytes: &[u8]) -> Vec<Packet> {
    let (packets, error) = read(bytes);
    assert!(error.is_none(), "{error:?}");
    packets
}

/// Times in nanoseconds and frames, as the crate pcap-parser reads them (microsecond captures only).
fn oracle(bytes: &[u8]) -> Vec<(i64, Vec<u8>)> {
    let mut reader = pcap_parser::create_reader(1 << 20, bytes).unwrap();
    let mut found = Vec::new();
    loop {
        match reader.next() {
            Ok((length, block)) => {
                match block {
                    PcapBlockOwned::Legacy(b) => {
                        let time = i64::from(b.ts_sec) * 1_000_000_000 + i64::from(b.ts_usec) * 1_000;
                        found.push((time, b.data[..b.caplen as usize].to_vec()));
                    }
                    PcapBlockOwned::NG(Block::EnhancedPacket(b)) => {
                        let ticks = u64::from(b.ts_high) << 32 | u64::from(b.ts_low);
                        found.push((ticks as i64, b.data[..b.caplen as usize].to_vec()));
                    }
                    _ => {}
                }
                reader.consume(length);
            }
            Err(OracleError::Eof) => return found,
            Err(OracleError::Incomplete(_)) => reader.refill().unwrap(),
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[test]
fn captures_read_as_another_reader_reads_them() {
    for (name, count, link_type) in
        [(CAPTURES[0], 0, 1), (CAPTURES[1], 0, 1), (CAPTURES[2], 21, 127), (CAPTURES[3], 26, 127)]
    {
        let bytes = capture(name);
        let packets = read_well(&bytes);
        let expected = oracle(&bytes);
        assert!(!expected.is_empty() && (count == 0 || packets.len() == count), "{name}: {}", packets.len());
        assert_eq!(packets.len(), expected.len(), "{name}");
        // The pcapng captures' clocks tick in nanoseconds or in microseconds: their first time tells which.
        let scale = if expected[0].0 < 1_000_000_000_000_000_000 { 1_000 } else { 1 };
        for (packet, (time, frame)) in packets.iter().zip(&expected) {
            assert_eq!(packet.link_type, link_type, "{name}");
            assert_eq!(packet.bytes, *frame, "{name}");
            assert_eq!(packet.time, Some(Time::from_nanos(time * scale)), "{name}");
            let offset = packet.offset as usize;
            assert_eq!(bytes[offset..offset + frame.len()], frame[..], "{name}: the offset is where the bytes are");
        }
    }
}

#[test]
fn a_capture_cut_anywhere_gives_what_was_whole_and_says_where_it_ends() {
    for name in [CAPTURES[1], CAPTURES[2]] {
        let bytes = capture(name);
        let all = read_well(&bytes);
        let mut clean_ends = 0;
        for length in 0..bytes.len() {
            let (packets, error) = read(&bytes[..length]);
            assert_eq!(packets[..], all[..packets.len()]);
            match error {
                None => clean_ends += 1,
                Some(PcapError { offset, kind: PcapErrorKind::Cut { needed, present } }) => {
                    assert_eq!(offset + present, length as u64, "{name} cut at {length}");
                    assert!(needed > present, "{name} cut at {length}");
                }
                Some(other) => panic!("{name} cut at {length}: {other:?}"),
            }
        }
        assert!(clean_ends >= all.len(), "between two packets nothing is missing");
    }
}

#[test]
fn no_damage_panics_hangs_or_takes_memory_without_end() {
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    let captures: Vec<_> = CAPTURES.iter().map(|name| capture(name)).collect();
    for round in 0..40_000 {
        let mut bytes = captures[round % captures.len()].clone();
        bytes.truncate(1 + random(3_000));
        for _ in 0..=random(6) {
            let at = random(bytes.len());
            bytes[at] = [0, 1, 0x7F, 0x80, 0xFF, random(256) as u8][random(6)];
        }
        let (packets, error) = read(&bytes);
        assert!(packets.iter().map(|p| p.bytes.len()).sum::<usize>() <= bytes.len());
        if let Some(error) = error {
            assert!(error.offset <= bytes.len() as u64);
        }
        for packet in &packets {
            let _ = unpack_udp([1, 101, 113, 276, 0][random(5)], &packet.bytes);
        }
    }
}

#[test]
fn lengths_beyond_every_bound_are_refused_where_they_stand() {
    let mut bytes = capture(CAPTURES[2]);
    bytes[32..36].copy_from_slice(&u32::MAX.to_le_bytes());
    let (packets, error) = read(&bytes);
    let error = error.unwrap();
    assert!(packets.is_empty());
    assert_eq!(error.offset, 24);
    assert!(matches!(error.kind, PcapErrorKind::TooLong { length, .. } if length == u64::from(u32::MAX)));
    assert!(error.to_string().starts_with("at byte 24: "), "{error}");
    let (_, error) = read(b"PK\x03\x04 this is no capture");
    assert!(matches!(error.unwrap().kind, PcapErrorKind::NotACapture));
}

/// Writes captures in either byte order.
struct Writer {
    big: bool,
    bytes: Vec<u8>,
}

impl Writer {
    fn u16(&mut self, n: u16) {
        self.bytes.extend(if self.big { n.to_be_bytes() } else { n.to_le_bytes() });
    }

    fn u32(&mut self, n: u32) {
        self.bytes.extend(if self.big { n.to_be_bytes() } else { n.to_le_bytes() });
    }

    fn pcap(big: bool, magic: u32, link_type: u16) -> Self {
        let mut w = Self { big, bytes: Vec::new() };
        w.u32(magic);
        w.u16(2);
        w.u16(4);
        for n in [0, 0, 65_535, u32::from(link_type)] {
            w.u32(n);
        }
        w
    }

    fn record(&mut self, seconds: u32, fraction: u32, frame: &[u8]) {
        for n in [seconds, fraction, frame.len() as u32, frame.len() as u32 + 7] {
            self.u32(n);
        }
        self.bytes.extend(frame);
    }

    fn block(&mut self, kind: u32, body: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.u32(kind);
        self.u32(0);
        body(self);
        while !self.bytes.len().is_multiple_of(4) {
            self.bytes.push(0);
        }
        let length = (self.bytes.len() - start + 4) as u32;
        self.u32(length);
        let length = if self.big { length.to_be_bytes() } else { length.to_le_bytes() };
        self.bytes[start + 4..start + 8].copy_from_slice(&length);
    }

    fn section(&mut self) {
        self.block(0x0A0D_0D0A, |w| {
            w.u32(0x1A2B_3C4D);
            w.u16(1);
            w.u16(0);
            w.u32(u32::MAX);
            w.u32(u32::MAX);
        });
    }

    fn interface(&mut self, link_type: u16, snap: u32, resolution: Option<u8>, offset_s: Option<i64>) {
        self.block(1, |w| {
            w.u16(link_type);
            w.u16(0);
            w.u32(snap);
            if let Some(resolution) = resolution {
                w.u16(9);
                w.u16(1);
                w.bytes.extend([resolution, 0, 0, 0]);
            }
            if let Some(offset) = offset_s {
                w.u16(14);
                w.u16(8);
                w.bytes.extend(if w.big { offset.to_be_bytes() } else { offset.to_le_bytes() });
            }
            w.u32(0);
        });
    }

    fn enhanced(&mut self, interface: u32, ticks: u64, frame: &[u8]) {
        self.block(6, |w| {
            for n in [interface, (ticks >> 32) as u32, ticks as u32, frame.len() as u32, 99] {
                w.u32(n);
            }
            w.bytes.extend(frame);
        });
    }
}

#[test]
fn pcap_in_both_byte_orders_and_both_resolutions() {
    for big in [false, true] {
        for (magic, fraction, nanos) in [(0xA1B2_C3D4, 123_456, 123_456_000), (0xA1B2_3C4D, 123_456_789, 123_456_789)] {
            let mut w = Writer::pcap(big, magic, 127);
            w.record(1_700_000_000, fraction, b"frame");
            w.record(4_000_000_000, 0, b"");
            let packets = read_well(&w.bytes);
            assert_eq!(packets.len(), 2);
            assert_eq!(packets[0].time, Some(Time::from_seconds(1_700_000_000) + Span::from_nanos(nanos)));
            assert_eq!((packets[0].bytes.as_slice(), packets[0].original_length), (&b"frame"[..], 12));
            assert_eq!((packets[0].link_type, packets[0].offset), (127, 40));
            assert_eq!(packets[1].time, Some(Time::from_seconds(4_000_000_000)), "after 2038");
        }
    }
}

#[test]
fn pcapng_with_several_interfaces_clocks_and_sections_of_either_byte_order() {
    let mut w = Writer { big: false, bytes: Vec::new() };
    for big in [true, false] {
        w.big = big;
        w.section();
        w.interface(1, 0, None, None);
        w.interface(127, 4, Some(9), None);
        w.interface(272, 0, Some(0x80 | 10), Some(1_000));
        w.interface(276, 0, Some(0), None);
        w.enhanced(0, 1_700_000_000_123_456, b"micro");
        w.enhanced(1, 1_700_000_000_123_456_789, b"nano");
        w.enhanced(2, 3 << 10 | 1, b"binary");
        w.enhanced(3, 1_700_000_000, b"second");
        // Statistics, and a vendor's own block: no packets.
        w.block(5, |w| w.u32(0));
        w.block(0x8000_0001, |w| w.bytes.extend(b"whatever"));
        w.block(2, |w| {
            w.u16(1);
            w.u16(3);
            for n in [0, 1_000, 3, 3] {
                w.u32(n);
            }
            w.bytes.extend(b"old");
        });
    }
    let packets = read_well(&w.bytes);
    assert_eq!(packets.len(), 10);
    for half in packets.chunks(5) {
        let found: Vec<_> =
            half.iter().map(|p| (p.link_type, p.time.unwrap().as_nanos(), p.bytes.as_slice())).collect();
        assert_eq!(
            found,
            [
                (1, 1_700_000_000_123_456_000, &b"micro"[..]),
                (127, 1_700_000_000_123_456_789, b"nano"),
                (272, 1_003_000_976_562, b"binary"),
                (276, 1_700_000_000_000_000_000, b"second"),
                (127, 1_000, b"old"),
            ]
        );
    }
}

#[test]
fn a_simple_packet_has_no_time_and_is_cut_to_what_the_interface_captures() {
    let mut w = Writer { big: false, bytes: Vec::new() };
    w.section();
    w.interface(1, 4, None, None);
    w.block(3, |w| {
        w.u32(10);
        w.bytes.extend(b"abcd");
    });
    let packets = read_well(&w.bytes);
    assert_eq!((packets[0].time, packets[0].bytes.as_slice(), packets[0].original_length), (None, &b"abcd"[..], 10));
    let offset = packets[0].offset as usize;
    assert_eq!(&w.bytes[offset..offset + 4], b"abcd");
}

#[test]
fn blocks_against_the_format_are_named() {
    let section = || {
        let mut w = Writer { big: false, bytes: Vec::new() };
        w.section();
        w
    };
    let mut unknown_interface = section();
    unknown_interface.enhanced(0, 0, b"x");
    let mut lengths_differ = section();
    lengths_differ.interface(1, 0, None, None);
    let last = lengths_differ.bytes.len() - 4;
    lengths_differ.bytes[last] ^= 4;
    let mut too_long = section();
    too_long.interface(1, 0, None, None);
    too_long.block(6, |w| {
        for n in [0, 0, 0, 1_000, 1_000] {
            w.u32(n);
        }
    });
    for (w, part) in
        [(unknown_interface, "not described"), (lengths_differ, "two lengths"), (too_long, "longer than its block")]
    {
        let (_, error) = read(&w.bytes);
        let error = error.unwrap().to_string();
        assert!(error.contains(part) && error.starts_with("at byte "), "{error}");
    }
}

fn udp(payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x10, 0x01, 0x21, 0x98];
    bytes.extend((payload.len() as u16 + 8).to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(payload);
    bytes
}

fn ipv4(protocol: u8, flags: u16, body: &[u8]) -> Vec<u8> {
    // With four bytes of options.
    let mut bytes = vec![0x46, 0];
    bytes.extend((24 + body.len() as u16).to_be_bytes());
    bytes.extend([0, 1]);
    bytes.extend(flags.to_be_bytes());
    bytes.extend([64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 1, 1, 1, 1]);
    bytes.extend(body);
    bytes
}

fn ipv6(next: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x60, 0, 0, 0];
    bytes.extend((body.len() as u16).to_be_bytes());
    bytes.extend([next, 64]);
    bytes.extend([0; 32]);
    bytes.extend(body);
    bytes
}

fn frame(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

#[test]
fn datagrams_are_found_in_every_link_type() {
    let macs = [0_u8; 12];
    let v4 = ipv4(17, 0x4000, &udp(b"payload"));
    let v6 = ipv6(17, &udp(b"payload"));
    let hop = frame(&[&[17, 0, 1, 4, 0, 0, 0, 0], &udp(b"payload")]);
    let whole_fragment = frame(&[&[17, 0, 0, 0, 0, 0, 0, 9], &udp(b"payload")]);
    for (link_type, bytes) in [
        (1, frame(&[&macs, &[0x08, 0x00], &v4, &[0; 9]])),
        (1, frame(&[&macs, &[0x86, 0xDD], &v6])),
        (1, frame(&[&macs, &[0x81, 0x00, 0, 5, 0x08, 0x00], &v4])),
        (1, frame(&[&macs, &[0x88, 0xA8, 0, 5, 0x81, 0x00, 0, 6, 0x86, 0xDD], &v6])),
        (12, v4.clone()),
        (101, v4.clone()),
        (101, v6.clone()),
        (228, v4.clone()),
        (229, ipv6(0, &hop)),
        (229, ipv6(44, &whole_fragment)),
        (0, frame(&[&[2, 0, 0, 0], &v4])),
        (108, frame(&[&[0, 0, 0, 30], &v6])),
        (113, frame(&[&[0; 14], &[0x08, 0x00], &v4])),
        (276, frame(&[&[0x86, 0xDD], &[0; 18], &v6])),
    ] {
        assert!(carries_ip(link_type));
        let found = unpack_udp(link_type, &bytes).unwrap_or_else(|e| panic!("{link_type}: {e}"));
        let expected = Datagram { source_port: 4097, destination_port: 8600, payload: b"payload" };
        assert_eq!(found, expected, "{link_type}");
        // Cut anywhere it is refused, never half a payload.
        let end = bytes.windows(7).position(|w| w == b"payload").unwrap() + 7;
        for length in 0..end {
            assert!(unpack_udp(link_type, &bytes[..length]).is_err(), "{link_type} cut to {length}");
        }
    }
}

#[test]
fn what_is_no_whole_datagram_is_refused_with_its_reason() {
    let fragment6 = frame(&[&[17, 0, 0, 1, 0, 0, 0, 9], &udp(b"x")]);
    for (link_type, bytes, part) in [
        (101, ipv4(17, 0x2000, &udp(b"x")), "fragment"),
        (101, ipv4(17, 0x0010, &udp(b"x")), "fragment"),
        (101, ipv6(44, &fragment6), "fragment"),
        (101, ipv4(6, 0, &[0; 20]), "not a UDP datagram"),
        (101, ipv6(58, &[0; 20]), "not a UDP datagram"),
        (1, frame(&[&[0; 12], &[0x08, 0x06], &[0; 28]]), "not an IP packet"),
        (101, ipv4(17, 0, &[0, 1, 0, 2, 0, 7, 0, 0]), "impossible length"),
        (101, ipv6(0, &[0; 200]), "extension headers"),
        (127, vec![0; 100], "carries no IP"),
    ] {
        let why = unpack_udp(link_type, &bytes).unwrap_err();
        assert!(why.contains(part), "{why}");
    }
    assert!(!carries_ip(127) && !carries_ip(272));
}

#[test]
fn the_asterix_captures_are_datagrams_throughout() {
    for name in &CAPTURES[..2] {
        let packets = read_well(&capture(name));
        for packet in &packets {
            let datagram = unpack_udp(packet.link_type, &packet.bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
            // An ASTERIX data block: category, and its own length.
            let length = usize::from(u16::from_be_bytes([datagram.payload[1], datagram.payload[2]]));
            assert!((3..=datagram.payload.len()).contains(&length), "{name}");
        }
    }
}

fn config(path: &std::path::Path, more: &str) -> String {
    format!("path = {:?}\n{more}", path.to_str().unwrap())
}

async fn all(input: &mut TestInput) -> Vec<lapwing_model::Reception> {
    let mut receptions = Vec::new();
    loop {
        match input.next().await {
            Delivery::Reception(reception) => receptions.push(reception),
            Delivery::Link { link: Link::Finished, .. } => return receptions,
            Delivery::Link { link: Link::Down { why }, .. } => panic!("{why:?}"),
            Delivery::Link { .. } => {}
            Delivery::Shed { units, reason, .. } => panic!("{units} {reason}"),
        }
    }
}

#[tokio::test]
async fn a_replay_gives_datagrams_or_frames_with_the_recorded_times() {
    let path = testdata("formats/pcap").join(CAPTURES[0]);
    let packets = read_well(&capture(CAPTURES[0]));
    let mut input = TestInput::open("pcap", &config(&path, "pace = \"fast\"\nstamp = \"recorded\""));
    let receptions = all(&mut input).await;
    assert_eq!(receptions.len(), packets.len());
    for (reception, packet) in receptions.iter().zip(&packets) {
        assert_eq!(reception.envelope, Envelope::Datagram);
        assert_eq!(Some(reception.received_at), packet.time);
        assert_eq!(reception.bytes, unpack_udp(1, &packet.bytes).unwrap().payload);
    }
    let path = testdata("formats/pcap").join(CAPTURES[3]);
    let mut input = TestInput::open("pcap", &config(&path, "pace = \"fast\"\nstamp = \"recorded\""));
    let receptions = all(&mut input).await;
    assert_eq!(receptions.len(), 26);
    assert!(receptions.iter().all(|r| r.envelope == Envelope::Frame { link_type: 127 }));
}

/// Eleven datagrams 50 ms apart, to alternating ports, with something else between them.
fn spaced() -> Writer {
    let mut w = Writer::pcap(false, 0xA1B2_C3D4, 101);
    for n in 0..11_u32 {
        w.record(1_700_000_000 + n / 20, n % 20 * 50_000, &ipv4(17, 0, &udp(&[n as u8])));
    }
    w.record(1_700_000_000, 550_000, &ipv4(6, 0, &[0; 20]));
    w
}

#[tokio::test]
async fn the_original_pace_is_kept_and_scaled() {
    let directory = TestDirectory::new();
    let path = directory.file("spaced.pcap");
    std::fs::write(&path, &spaced().bytes).unwrap();
    for (speed, seconds) in [("1.0", 0.5), ("5.0", 0.1)] {
        let began = Instant::now();
        let mut input = TestInput::open("pcap", &config(&path, &format!("speed = {speed}")));
        let mut times = Vec::new();
        for _ in 0..11 {
            times.push(input.reception().await.received_at);
        }
        assert!(began.elapsed() >= Duration::from_secs_f64(seconds), "{:?}", began.elapsed());
        // Stamped now: by this clock, and never before they are due.
        assert!(clock::now().since(times[0]).as_seconds_f64() < 30.0);
        let last = times[10].since(times[0]).as_seconds_f64();
        assert!(last >= seconds * 0.9, "{last}");
        // What is no datagram is counted, not hidden.
        assert!(
            matches!(input.next().await, Delivery::Shed { units: 1, reason, .. } if reason == "not a UDP datagram")
        );
        assert_eq!(input.link().await, Link::Finished);
    }
}

#[tokio::test]
async fn a_capture_repeats_and_a_port_selects() {
    let directory = TestDirectory::new();
    let path = directory.file("spaced.pcap");
    let mut w = spaced();
    w.record(1_700_000_000, 560_000, &ipv4(17, 0, &[0, 1, 0, 2, 0, 9, 0, 0, 77]));
    std::fs::write(&path, &w.bytes).unwrap();
    let mut input = TestInput::open("pcap", &config(&path, "speed = 1000.0\nrepeat = true\nudp_port = 8600"));
    for n in 0..33_u8 {
        assert_eq!(input.reception().await.bytes, [n % 11]);
    }
    let (inbox, _) = mailbox::channel();
    drop(std::mem::replace(&mut input.inbox, inbox));
    within("the task's end", &mut input.task).await.unwrap();
}

#[tokio::test]
async fn a_damaged_capture_gives_what_is_good_once_and_says_what_is_not() {
    let directory = TestDirectory::new();
    let path = directory.file("cut.pcap");
    let bytes = spaced().bytes;
    std::fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
    let mut input = TestInput::open("pcap", &config(&path, "pace = \"fast\""));
    for n in 0..11_u8 {
        assert_eq!(input.reception().await.bytes, [n]);
    }
    match input.next().await {
        Delivery::Shed { units: 1, reason, .. } => {
            assert!(reason.contains("at byte") && reason.contains("cut"), "{reason}")
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(input.link().await, Link::Finished);

    std::fs::write(&path, "no capture at all").unwrap();
    let mut input = TestInput::open("pcap", &config(&path, ""));
    assert!(input.down().await.contains("neither a pcap nor a pcapng file"));
    std::fs::write(&path, &bytes).unwrap();
    input.up().await;
    assert_eq!(input.reception().await.bytes, [0]);
}
