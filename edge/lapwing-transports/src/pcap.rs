//! Packet captures (pcap and pcapng): a reader for everyone, and a replay of a capture as an input.

mod reader;
mod replay;
mod unpack;

pub use reader::{Packet, PcapError, PcapErrorKind, Reader};
pub(crate) use replay::TRANSPORT;
pub use unpack::{Datagram, carries_ip, unpack_udp};

#[cfg(test)]
mod tests;
