//! From a captured frame to the payload of its UDP datagram.
//!
//! Sources: IEEE 802.3 and 802.1Q, RFC 791 (IPv4), RFC 8200 (IPv6), RFC 768 (UDP), and the link-layer header types of the
//! tcpdump group. Checksums are not checked: captures on the sending machine hold them unfinished.

/// A UDP datagram found in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
    /// What it carries.
    pub payload: &'a [u8],
}

const LINK_NULL: u16 = 0;
const LINK_ETHERNET: u16 = 1;
const LINK_RAW_BSD: u16 = 12;
const LINK_RAW_OPENBSD: u16 = 14;
const LINK_RAW: u16 = 101;
const LINK_LOOP: u16 = 108;
const LINK_LINUX_COOKED: u16 = 113;
const LINK_IPV4: u16 = 228;
const LINK_IPV6: u16 = 229;
const LINK_LINUX_COOKED_2: u16 = 276;

const ETHER_IPV4: u16 = 0x0800;
const ETHER_IPV6: u16 = 0x86DD;
/// 802.1Q, 802.1ad, and what was used for stacked tags before it.
const ETHER_TAGS: [u16; 3] = [0x8100, 0x88A8, 0x9100];
/// More stacked tags than any network has.
const TAGS_MAX: usize = 4;
/// More IPv6 extension headers than any honest packet has.
const EXTENSIONS_MAX: usize = 8;
const PROTOCOL_UDP: u8 = 17;

const CUT: &str = "frame cut before the end of its headers";

/// Whether captures of this link type carry IP packets, so that [`unpack_udp`] can be used on them.
pub fn carries_ip(link_type: u16) -> bool {
    matches!(
        link_type,
        LINK_NULL
            | LINK_ETHERNET
            | LINK_RAW_BSD
            | LINK_RAW_OPENBSD
            | LINK_RAW
            | LINK_LOOP
            | LINK_LINUX_COOKED
            | LINK_IPV4
            | LINK_IPV6
            | LINK_LINUX_COOKED_2
    )
}

/// The UDP datagram in a frame of this link type, or why there is none. A fragment of an IP packet is refused: its
/// datagram is not whole.
pub fn unpack_udp(link_type: u16, frame: &[u8]) -> Result<Datagram<'_>, &'static str> {
    match link_type {
        LINK_ETHERNET => {
            let (_, rest) = frame.split_at_checked(12).ok_or(CUT)?;
            ether(rest)
        }
        LINK_LINUX_COOKED => {
            let (_, rest) = frame.split_at_checked(14).ok_or(CUT)?;
            ether(rest)
        }
        LINK_LINUX_COOKED_2 => {
            let (protocol, _) = frame.split_first_chunk::<2>().ok_or(CUT)?;
            let (_, packet) = frame.split_at_checked(20).ok_or(CUT)?;
            by_ether_type(u16::from_be_bytes(*protocol), packet)
        }
        LINK_NULL | LINK_LOOP => {
            // The address family's number differs between systems; the packet itself says which IP it is.
            let (_, packet) = frame.split_at_checked(4).ok_or(CUT)?;
            ip(packet)
        }
        LINK_RAW_BSD | LINK_RAW_OPENBSD | LINK_RAW | LINK_IPV4 | LINK_IPV6 => ip(frame),
        _ => Err("link type carries no IP"),
    }
}

/// From an EtherType on, tags skipped.
fn ether(mut rest: &[u8]) -> Result<Datagram<'_>, &'static str> {
    for _ in 0..=TAGS_MAX {
        let (kind, after) = rest.split_first_chunk::<2>().ok_or(CUT)?;
        let kind = u16::from_be_bytes(*kind);
        if !ETHER_TAGS.contains(&kind) {
            return by_ether_type(kind, after);
        }
        rest = after.split_at_checked(2).ok_or(CUT)?.1;
    }
    Err("more VLAN tags than are taken")
}

fn by_ether_type(kind: u16, packet: &[u8]) -> Result<Datagram<'_>, &'static str> {
    match kind {
        ETHER_IPV4 | ETHER_IPV6 => ip(packet),
        _ => Err("not an IP packet"),
    }
}

fn ip(packet: &[u8]) -> Result<Datagram<'_>, &'static str> {
    match packet.first().map(|b| b >> 4) {
        Some(4) => ipv4(packet),
        Some(6) => ipv6(packet),
        Some(_) => Err("not an IP packet"),
        None => Err(CUT),
    }
}

fn ipv4(packet: &[u8]) -> Result<Datagram<'_>, &'static str> {
    let (&[version_ihl, _, l1, l2, _, _, f1, f2, _, protocol, ..], _) = packet.split_first_chunk::<20>().ok_or(CUT)?;
    let header = usize::from(version_ihl & 0x0F) * 4;
    let total = usize::from(u16::from_be_bytes([l1, l2]));
    // More fragments follow, or this is not the first.
    if u16::from_be_bytes([f1, f2]) & 0x3FFF != 0 {
        return Err("fragment of an IP packet");
    }
    if protocol != PROTOCOL_UDP {
        return Err("not a UDP datagram");
    }
    // Captured before the network card filled it in (segmentation offload): all that is there.
    let total = if total == 0 { packet.len() } else { total };
    if header < 20 || total < header {
        return Err("IPv4 header with impossible lengths");
    }
    // What is beyond the total length is padding of the link. What is missing of it is missed by the datagram's length.
    let packet = packet.get(..total).unwrap_or(packet);
    udp(packet.get(header..).ok_or(CUT)?)
}

fn ipv6(packet: &[u8]) -> Result<Datagram<'_>, &'static str> {
    let (&[_, _, _, _, l1, l2, first, ..], rest) = packet.split_first_chunk::<40>().ok_or(CUT)?;
    let length = usize::from(u16::from_be_bytes([l1, l2]));
    let mut rest = if length == 0 { rest } else { rest.get(..length).unwrap_or(rest) };
    let mut next = first;
    for _ in 0..=EXTENSIONS_MAX {
        let skip = match next {
            PROTOCOL_UDP => return udp(rest),
            // Hop-by-hop options, routing, destination options: length in units of 8 bytes after the first 8.
            0 | 43 | 60 => (usize::from(*rest.get(1).ok_or(CUT)?) + 1) * 8,
            // Authentication: in units of 4 bytes after the first 8.
            51 => (usize::from(*rest.get(1).ok_or(CUT)?) + 2) * 4,
            // Fragment: one that is first and last is whole (RFC 6946).
            44 => {
                let (&[_, _, f1, f2, ..], _) = rest.split_first_chunk::<8>().ok_or(CUT)?;
                if u16::from_be_bytes([f1, f2]) & 0xFFF9 != 0 {
                    return Err("fragment of an IP packet");
                }
                8
            }
            _ => return Err("not a UDP datagram"),
        };
        next = *rest.first().ok_or(CUT)?;
        rest = rest.get(skip..).ok_or(CUT)?;
    }
    Err("more IPv6 extension headers than are taken")
}

fn udp(bytes: &[u8]) -> Result<Datagram<'_>, &'static str> {
    let (&[s1, s2, d1, d2, l1, l2, _, _], rest) = bytes.split_first_chunk::<8>().ok_or(CUT)?;
    let length =
        usize::from(u16::from_be_bytes([l1, l2])).checked_sub(8).ok_or("UDP header with an impossible length")?;
    let payload = rest.get(..length).ok_or("datagram cut by the capture")?;
    let (source_port, destination_port) = (u16::from_be_bytes([s1, s2]), u16::from_be_bytes([d1, d2]));
    Ok(Datagram { source_port, destination_port, payload })
}
