//! Reads pcap and pcapng.
//!
//! Sources: draft-ietf-opsawg-pcap-04 (libpcap's format: sections 4 "General File Structure" and 5 "Packet Record") and
//! draft-ietf-opsawg-pcapng-03 (section 3 general block structure, 4.1 Section Header, 4.2 Interface Description, 4.3
//! Enhanced Packet, 4.4 Simple Packet, A the obsolete Packet Block). Captures come from anywhere: no length in them is
//! believed before the bytes are there.

use lapwing_model::{Span, Time, limits};
use std::fmt;
use std::io::{self, BufReader, Read};

/// One captured packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// When it was captured; `None` when the capture does not say (pcapng Simple Packet Blocks).
    pub time: Option<Time>,
    /// Its link type, a `LINKTYPE_` number of the tcpdump group.
    pub link_type: u16,
    /// The captured bytes, from the link layer's first.
    pub bytes: Vec<u8>,
    /// Where these bytes begin in the file.
    pub offset: u64,
    /// How long the packet was on the wire, bytes; more than `bytes` when the capture cut it.
    pub original_length: u32,
}

/// What is wrong with a capture, and where. The packets before it are good.
#[derive(Debug, thiserror::Error)]
#[error("at byte {offset}: {kind}")]
pub struct PcapError {
    /// Where the header, record or block begins that could not be read.
    pub offset: u64,
    /// What.
    pub kind: PcapErrorKind,
}

/// What is wrong with a capture.
#[derive(Debug)]
pub enum PcapErrorKind {
    /// The file could not be read.
    Io(io::Error),
    /// The file ends inside a header, record or block.
    Cut {
        /// Bytes that should be there from the offset on.
        needed: u64,
        /// Bytes that are.
        present: u64,
    },
    /// Neither pcap nor pcapng.
    NotACapture,
    /// A length beyond every bound.
    TooLong {
        /// The length it gives.
        length: u64,
        /// The greatest taken.
        max: u64,
    },
    /// A header, record or block against the format.
    Malformed(&'static str),
}

impl fmt::Display for PcapErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::Cut { needed, present } => {
                write!(f, "the file is cut: {needed} bytes should follow, {present} do")
            }
            Self::NotACapture => f.write_str("neither a pcap nor a pcapng file"),
            Self::TooLong { length, max } => {
                write!(f, "a length of {length} bytes, more than the {max} that are taken")
            }
            Self::Malformed(what) => f.write_str(what),
        }
    }
}

/// The longest pcapng block read: one packet and room for its options.
const BLOCK_BYTES_MAX: u64 = 4 * limits::RECEPTION_BYTES_MAX as u64;
/// The most interfaces of one section.
const INTERFACES_MAX: usize = 4_096;

const BLOCK_SECTION: u32 = 0x0A0D_0D0A;
const BLOCK_INTERFACE: u32 = 1;
const BLOCK_PACKET_OBSOLETE: u32 = 2;
const BLOCK_SIMPLE_PACKET: u32 = 3;
const BLOCK_ENHANCED_PACKET: u32 = 6;
const OPTION_END: u16 = 0;
const OPTION_IF_TSRESOL: u16 = 9;
const OPTION_IF_TSOFFSET: u16 = 14;

#[derive(Debug, Clone, Copy)]
enum Endian {
    Little,
    Big,
}

impl Endian {
    fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }
}

/// Numbers from the front of bytes.
struct Cursor<'a> {
    endian: Endian,
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*head)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(|b| self.endian.u16(b))
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(|b| self.endian.u32(b))
    }

    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(head)
    }
}

/// Length of one tick of an interface's clock.
#[derive(Debug, Clone, Copy)]
enum Resolution {
    /// 10 to the minus this, seconds.
    Decimal(u8),
    /// 2 to the minus this, seconds.
    Binary(u8),
}

impl Resolution {
    fn time(self, ticks: u64, offset: Span) -> Time {
        let ticks = i128::from(ticks);
        let nanos = match self {
            Self::Decimal(n @ 0..=9) => ticks * 10_i128.pow(9 - u32::from(n)),
            // Beyond 10^-38 s every count of ticks is less than a nanosecond.
            Self::Decimal(n) => 10_i128.checked_pow(u32::from(n) - 9).map_or(0, |d| ticks / d),
            Self::Binary(n) => (ticks * 1_000_000_000) >> n.min(126),
        };
        Time::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX)) + offset
    }
}

#[derive(Debug, Clone, Copy)]
struct Interface {
    link_type: u16,
    snap_length: u32,
    resolution: Resolution,
    offset: Span,
}

enum Kind {
    Unknown,
    Pcap { endian: Endian, nanos: bool, link_type: u16 },
    PcapNg { endian: Endian, interfaces: Vec<Interface> },
}

/// The packets of a capture, in the order of the file. After an error it gives nothing more.
pub struct Reader<R> {
    source: BufReader<R>,
    offset: u64,
    kind: Kind,
    done: bool,
}

impl<R: Read> Reader<R> {
    /// Reads a capture from a file, from bytes (`&[u8]`), or from any other reader. Nothing is read yet.
    pub fn new(source: R) -> Self {
        Self { source: BufReader::with_capacity(64 << 10, source), offset: 0, kind: Kind::Unknown, done: false }
    }

    /// Reads exactly `length` bytes of what begins at `start`; `None` at the end of the file when nothing of it is there.
    fn read(&mut self, start: u64, length: u64) -> Result<Option<Vec<u8>>, PcapError> {
        let mut bytes = Vec::new();
        // `take` and `read_to_end` allocate for what is there, not for what a length claims.
        let read = self.source.by_ref().take(length).read_to_end(&mut bytes);
        self.offset += bytes.len() as u64;
        read.map_err(|error| PcapError { offset: start, kind: PcapErrorKind::Io(error) })?;
        if bytes.len() as u64 == length {
            return Ok(Some(bytes));
        }
        if self.offset == start {
            return Ok(None);
        }
        let needed = self.offset - bytes.len() as u64 - start + length;
        Err(PcapError { offset: start, kind: PcapErrorKind::Cut { needed, present: self.offset - start } })
    }

    /// [`Reader::read`] of what must be there because something of it was.
    fn read_rest(&mut self, start: u64, length: u64) -> Result<Vec<u8>, PcapError> {
        match self.read(start, length)? {
            Some(bytes) => Ok(bytes),
            None => Err(PcapError { offset: start, kind: PcapErrorKind::Cut { needed: length, present: 0 } }),
        }
    }

    fn next_packet(&mut self) -> Result<Option<Packet>, PcapError> {
        if matches!(self.kind, Kind::Unknown) {
            self.open()?;
        }
        loop {
            match &self.kind {
                Kind::Unknown => return Ok(None),
                Kind::Pcap { endian, nanos, link_type } => return self.record(*endian, *nanos, *link_type),
                Kind::PcapNg { .. } => {
                    let start = self.offset;
                    let Some(head) = self.read(start, 4)? else { return Ok(None) };
                    if let Some(packet) = self.block(start, &head)? {
                        return Ok(Some(packet));
                    }
                }
            }
        }
    }

    fn open(&mut self) -> Result<(), PcapError> {
        let not_a_capture = || PcapError { offset: 0, kind: PcapErrorKind::NotACapture };
        let magic = self.read_rest(0, 4)?;
        let (endian, nanos) = match magic.as_slice() {
            [0xD4, 0xC3, 0xB2, 0xA1] => (Endian::Little, false),
            [0xA1, 0xB2, 0xC3, 0xD4] => (Endian::Big, false),
            [0x4D, 0x3C, 0xB2, 0xA1] => (Endian::Little, true),
            [0xA1, 0xB2, 0x3C, 0x4D] => (Endian::Big, true),
            [0x0A, 0x0D, 0x0D, 0x0A] => {
                self.section(0)?;
                return Ok(());
            }
            _ => return Err(not_a_capture()),
        };
        let rest = self.read_rest(0, 20)?;
        let mut cursor = Cursor { endian, rest: rest.get(16..).unwrap_or_default() };
        let network = cursor.u32().ok_or_else(not_a_capture)?;
        // The upper bits tell of a frame check sequence, not of the link type.
        self.kind = Kind::Pcap { endian, nanos, link_type: (network & 0xFFFF) as u16 };
        Ok(())
    }

    fn record(&mut self, endian: Endian, nanos: bool, link_type: u16) -> Result<Option<Packet>, PcapError> {
        let start = self.offset;
        let Some(head) = self.read(start, 16)? else { return Ok(None) };
        let malformed = || PcapError { offset: start, kind: PcapErrorKind::Malformed("a record without a header") };
        let mut cursor = Cursor { endian, rest: &head };
        let (seconds, fraction) = (cursor.u32().ok_or_else(malformed)?, cursor.u32().ok_or_else(malformed)?);
        let (length, original_length) = (cursor.u32().ok_or_else(malformed)?, cursor.u32().ok_or_else(malformed)?);
        bound(start, u64::from(length), limits::RECEPTION_BYTES_MAX as u64)?;
        let offset = self.offset;
        let bytes = self.read_rest(start, u64::from(length))?;
        let fraction = i64::from(fraction) * if nanos { 1 } else { 1_000 };
        let time = Time::from_seconds(i64::from(seconds)) + Span::from_nanos(fraction);
        Ok(Some(Packet { time: Some(time), link_type, bytes, offset, original_length }))
    }

    /// The rest of a Section Header Block, after its type.
    fn section(&mut self, start: u64) -> Result<(), PcapError> {
        let malformed = |what| PcapError { offset: start, kind: PcapErrorKind::Malformed(what) };
        let head = self.read_rest(start, 8)?;
        let (length, order) = head.split_at_checked(4).ok_or_else(|| malformed("a section without a header"))?;
        let endian = match order {
            [0x4D, 0x3C, 0x2B, 0x1A] => Endian::Little,
            [0x1A, 0x2B, 0x3C, 0x4D] => Endian::Big,
            _ => return Err(malformed("a section header without its byte-order magic")),
        };
        let length = Cursor { endian, rest: length }.u32().ok_or_else(|| malformed("a section without a length"))?;
        self.block_rest(start, endian, length, 12)?;
        self.kind = Kind::PcapNg { endian, interfaces: Vec::new() };
        Ok(())
    }

    /// Reads what follows the first `read` bytes of a block of `length` bytes, and checks the length repeated at its end.
    fn block_rest(&mut self, start: u64, endian: Endian, length: u32, read: u64) -> Result<Vec<u8>, PcapError> {
        let malformed = |what| PcapError { offset: start, kind: PcapErrorKind::Malformed(what) };
        bound(start, u64::from(length), BLOCK_BYTES_MAX)?;
        if !length.is_multiple_of(4) || u64::from(length) < read + 4 {
            return Err(malformed("a block whose length cannot be"));
        }
        let mut body = self.read_rest(start, u64::from(length) - read)?;
        let end = body.split_off(body.len().saturating_sub(4));
        if (Cursor { endian, rest: &end }).u32() != Some(length) {
            return Err(malformed("a block whose two lengths differ"));
        }
        Ok(body)
    }

    /// One pcapng block after its type; a packet if it holds one.
    fn block(&mut self, start: u64, head: &[u8]) -> Result<Option<Packet>, PcapError> {
        let malformed = |what| PcapError { offset: start, kind: PcapErrorKind::Malformed(what) };
        if head == BLOCK_SECTION.to_le_bytes() {
            return self.section(start).map(|()| None);
        }
        let Kind::PcapNg { endian, .. } = self.kind else { return Ok(None) };
        let block_type = Cursor { endian, rest: head }.u32().ok_or_else(|| malformed("a block without a type"))?;
        let length = self.read_rest(start, 4)?;
        let length = Cursor { endian, rest: &length }.u32().ok_or_else(|| malformed("a block without a length"))?;
        let body = self.block_rest(start, endian, length, 8)?;
        let Kind::PcapNg { interfaces, .. } = &mut self.kind else { return Ok(None) };
        let mut cursor = Cursor { endian, rest: &body };
        match block_type {
            BLOCK_INTERFACE => {
                if interfaces.len() >= INTERFACES_MAX {
                    return Err(malformed("more interfaces than are taken"));
                }
                interfaces
                    .push(interface(cursor).ok_or_else(|| malformed("an interface description that is too short"))?);
                Ok(None)
            }
            BLOCK_ENHANCED_PACKET | BLOCK_PACKET_OBSOLETE => {
                let found = timed_packet(&mut cursor, block_type == BLOCK_PACKET_OBSOLETE);
                let (interface, ticks, original_length, bytes) =
                    found.ok_or_else(|| malformed("a packet longer than its block"))?;
                let interface =
                    interfaces.get(interface).ok_or_else(|| malformed("a packet of an interface not described"))?;
                packet(
                    start + 28,
                    Some(interface.resolution.time(ticks, interface.offset)),
                    interface,
                    bytes,
                    original_length,
                )
            }
            BLOCK_SIMPLE_PACKET => {
                let interface =
                    interfaces.first().ok_or_else(|| malformed("a packet of an interface not described"))?;
                let original_length = cursor.u32().ok_or_else(|| malformed("a packet without a header"))?;
                // It does not say how much was captured: the least of what it was and what the interface captures.
                let snap = if interface.snap_length == 0 { u32::MAX } else { interface.snap_length };
                let bytes = cursor
                    .bytes(original_length.min(snap) as usize)
                    .ok_or_else(|| malformed("a packet longer than its block"))?;
                packet(start + 12, None, interface, bytes, original_length)
            }
            // Name resolution, statistics, decryption secrets, comments, what a vendor adds: no packets.
            _ => Ok(None),
        }
    }
}

fn packet(
    offset: u64,
    time: Option<Time>,
    interface: &Interface,
    bytes: &[u8],
    original_length: u32,
) -> Result<Option<Packet>, PcapError> {
    bound(offset, bytes.len() as u64, limits::RECEPTION_BYTES_MAX as u64)?;
    Ok(Some(Packet { time, link_type: interface.link_type, bytes: bytes.to_vec(), offset, original_length }))
}

/// Interface number, ticks, original length and bytes of an Enhanced or an obsolete Packet Block: they differ in their
/// first four bytes only (an interface number, or a shorter one and a count of drops).
fn timed_packet<'a>(cursor: &mut Cursor<'a>, obsolete: bool) -> Option<(usize, u64, u32, &'a [u8])> {
    let interface = if obsolete {
        let interface = u32::from(cursor.u16()?);
        cursor.u16()?;
        interface
    } else {
        cursor.u32()?
    };
    let ticks = u64::from(cursor.u32()?) << 32 | u64::from(cursor.u32()?);
    let (captured, original) = (cursor.u32()?, cursor.u32()?);
    Some((usize::try_from(interface).ok()?, ticks, original, cursor.bytes(usize::try_from(captured).ok()?)?))
}

fn interface(mut cursor: Cursor<'_>) -> Option<Interface> {
    let link_type = cursor.u16()?;
    cursor.u16()?;
    let snap_length = cursor.u32()?;
    let mut interface = Interface { link_type, snap_length, resolution: Resolution::Decimal(6), offset: Span::ZERO };
    // Options may be absent, and may end without their end mark.
    while let (Some(code), Some(length)) = (cursor.u16(), cursor.u16()) {
        let length = usize::from(length);
        let value = cursor.bytes(length)?;
        cursor.bytes(length.next_multiple_of(4) - length)?;
        match (code, value) {
            (OPTION_END, _) => break,
            (OPTION_IF_TSRESOL, [resolution]) => {
                let power = resolution & 0x7F;
                interface.resolution =
                    if resolution & 0x80 == 0 { Resolution::Decimal(power) } else { Resolution::Binary(power) };
            }
            (OPTION_IF_TSOFFSET, value) => {
                let bytes: [u8; 8] = value.try_into().ok()?;
                let seconds = match cursor.endian {
                    Endian::Little => i64::from_le_bytes(bytes),
                    Endian::Big => i64::from_be_bytes(bytes),
                };
                interface.offset = Span::from_seconds(seconds);
            }
            _ => {}
        }
    }
    Some(interface)
}

fn bound(offset: u64, length: u64, max: u64) -> Result<(), PcapError> {
    if length <= max { Ok(()) } else { Err(PcapError { offset, kind: PcapErrorKind::TooLong { length, max } }) }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Packet, PcapError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.next_packet().transpose();
        self.done = !matches!(next, Some(Ok(_)));
        next
    }
}
