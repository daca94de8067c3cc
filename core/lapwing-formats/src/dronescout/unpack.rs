//! LZMA payloads with a hard bound on what comes out: `.xz` containers and bare `.lzma` streams.
//!
//! The `.xz` container is walked here (tukaani.org, "The .xz File Format" 1.2.1) and only the LZMA2 data of its one block
//! is given to the codec: so the size is known before anything is unpacked, and no container code sees hostile bytes.

use crate::remote_id::crc32;
use std::io::{self, Write};

const XZ_MAGIC: [u8; 6] = [0xFD, b'7', b'z', b'X', b'Z', 0];

/// Why a payload cannot be unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnpackError {
    /// More than the bound comes out.
    TooLarge,
    /// Not what it claims to be, or a form that receivers do not write.
    Broken(&'static str),
}

/// Refuses to hold more than its bound.
struct Bounded {
    bytes: Vec<u8>,
    max: usize,
}

impl Write for Bounded {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + buf.len() > self.max {
            return Err(io::Error::other("too large"));
        }
        self.bytes.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether these bytes can be LZMA data (JSON is looked for first).
pub(super) fn looks_packed(payload: &[u8]) -> bool {
    // The first byte of a bare stream holds lc, lp, pb as (pb * 5 + lp) * 9 + lc, at most 224; 13 bytes of header.
    payload.starts_with(&XZ_MAGIC) || (payload.len() > 13 && payload.first().is_some_and(|b| *b < 225))
}

/// Unpacks a payload to at most `max` bytes.
pub(super) fn unpack(payload: &[u8], max: usize) -> Result<Vec<u8>, UnpackError> {
    if payload.starts_with(&XZ_MAGIC) { unpack_xz(payload, max) } else { unpack_lzma(payload, max) }
}

fn unpack_lzma(payload: &[u8], max: usize) -> Result<Vec<u8>, UnpackError> {
    const CUT: UnpackError = UnpackError::Broken("an LZMA header that is cut");
    let size = payload.get(5..13).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes).ok_or(CUT)?;
    // All ones: the size is not known in advance.
    if size != u64::MAX && size > max as u64 {
        return Err(UnpackError::TooLarge);
    }
    let mut out = Bounded { bytes: Vec::new(), max };
    // The dictionary grows with the output, so this bounds memory too.
    let options = lzma_rs::decompress::Options { memlimit: Some(max.max(4096)), ..Default::default() };
    let mut input = payload;
    match lzma_rs::lzma_decompress_with_options(&mut input, &mut out, &options) {
        Ok(()) => Ok(out.bytes),
        Err(lzma_rs::error::Error::IoError(error)) if error.kind() == io::ErrorKind::Other => {
            Err(UnpackError::TooLarge)
        }
        // The dictionary reached the bound before its first byte was written out.
        Err(lzma_rs::error::Error::LzmaError(text)) if text.contains("memory limit") => Err(UnpackError::TooLarge),
        Err(_) => Err(UnpackError::Broken("LZMA data that does not decode")),
    }
}

fn unpack_xz(payload: &[u8], max: usize) -> Result<Vec<u8>, UnpackError> {
    let broken = UnpackError::Broken;
    let flags = payload.get(6..8).ok_or(broken("an xz header that is cut"))?;
    let &[0, check] = flags else { return Err(broken("unknown xz stream flags")) };
    let block = payload.get(12..).unwrap_or_default();
    let (Some(size), Some(block_flags)) = (block.first(), block.get(1)) else {
        return Err(broken("an xz block that is cut"));
    };
    if *size == 0 {
        return Ok(Vec::new());
    }
    // One filter, no reserved bits: LZMA2 alone.
    if block_flags & 0x3F != 0 {
        return Err(broken("an xz block with filters besides LZMA2"));
    }
    let header_length = (usize::from(*size) + 1) * 4;
    let header = block.get(..header_length).ok_or(broken("an xz block header that is cut"))?;
    let mut rest = header.get(2..).unwrap_or_default();
    for present in [0x40, 0x80] {
        if block_flags & present != 0 {
            rest = skip_number(rest).ok_or(broken("an xz block header that is cut"))?;
        }
    }
    if !rest.starts_with(&[0x21, 1]) {
        return Err(broken("an xz block with filters besides LZMA2"));
    }
    let data = block.get(header_length..).unwrap_or_default();
    let (packed, unpacked) = lzma2_sizes(data).ok_or(broken("LZMA2 data that is cut"))?;
    if unpacked > max {
        return Err(UnpackError::TooLarge);
    }
    let mut out = Bounded { bytes: Vec::new(), max };
    let mut input = data.get(..packed).unwrap_or_default();
    lzma_rs::lzma2_decompress(&mut input, &mut out).map_err(|_| broken("LZMA2 data that does not decode"))?;
    let after = data.get(packed.next_multiple_of(4)..).unwrap_or_default();
    let sound = match check {
        1 => after.get(..4) == Some(crc32(&out.bytes).to_le_bytes().as_slice()),
        4 => after.get(..8) == Some(crc64(&out.bytes).to_le_bytes().as_slice()),
        // None, or SHA-256, which receivers do not write.
        _ => true,
    };
    if sound { Ok(out.bytes) } else { Err(broken("xz data whose check sum is wrong")) }
}

/// Skips a variable-length number.
fn skip_number(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.iter().take(9).position(|b| b & 0x80 == 0)?;
    bytes.get(end + 1..)
}

/// Packed and unpacked size of LZMA2 data, by its chunk headers; the packed size counts the end marker.
fn lzma2_sizes(data: &[u8]) -> Option<(usize, usize)> {
    let (mut at, mut unpacked) = (0usize, 0usize);
    loop {
        let control = *data.get(at)?;
        let size = |offset: usize| {
            data.get(at + offset..at + offset + 2)
                .and_then(|b| b.try_into().ok())
                .map(|b| usize::from(u16::from_be_bytes(b)))
        };
        match control {
            0 => return Some((at + 1, unpacked)),
            1 | 2 => {
                let length = size(1)? + 1;
                unpacked += length;
                at += 3 + length;
            }
            0x80.. => {
                unpacked += (usize::from(control & 0x1F) << 16) + size(1)? + 1;
                // New properties take a byte more.
                at += 5 + size(3)? + 1 + usize::from(control >= 0xC0);
            }
            _ => return None,
        }
    }
}

/// CRC-64 of xz (ECMA-182, reflected).
fn crc64(bytes: &[u8]) -> u64 {
    let mut crc = u64::MAX;
    for byte in bytes {
        crc ^= u64::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xC96C_5795_D787_0F42 } else { crc >> 1 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `{"protocol":1.0,"status":{"sensor ID":"ds1","status":"normal"}}` by Python 3 `lzma.compress` (xz, CRC-64).
    const PYTHON_XZ: &[u8] = include_bytes!("../../../../testdata/formats/dronescout/status.xz.bin");
    /// The same by `lzma.compress(format=FORMAT_ALONE)`.
    const PYTHON_LZMA: &[u8] = include_bytes!("../../../../testdata/formats/dronescout/status.lzma.bin");
    /// 4 MiB of zeros by `lzma.compress`: 700 bytes.
    const BOMB_XZ: &[u8] = include_bytes!("../../../../testdata/formats/dronescout/malformed/bomb.xz.bin");
    /// 4 MiB of zeros by `lzma.compress(format=FORMAT_ALONE)`.
    const BOMB_LZMA: &[u8] = include_bytes!("../../../../testdata/formats/dronescout/malformed/bomb.lzma.bin");

    #[test]
    fn both_containers_unpack() {
        for packed in [PYTHON_XZ, PYTHON_LZMA] {
            assert!(looks_packed(packed));
            let text = String::from_utf8(unpack(packed, 1000).unwrap()).unwrap();
            assert_eq!(
                text,
                r#"{"protocol":1.0,"status":{"sensor ID":"ds1","timestamp":1735677525000,"status":"normal"}}"#
            );
        }
    }

    #[test]
    fn bombs_are_refused() {
        for bomb in [BOMB_XZ, BOMB_LZMA] {
            assert!(bomb.len() < 1000);
            assert_eq!(unpack(bomb, 65_536), Err(UnpackError::TooLarge));
            assert_eq!(unpack(bomb, 5 << 20).map(|b| b.len()), Ok(4 << 20));
        }
    }

    #[test]
    fn a_wrong_check_sum_is_seen() {
        let mut packed = PYTHON_XZ.to_vec();
        let at = packed.len() - 12 - 12 - 3;
        packed[at] ^= 1;
        assert_eq!(unpack(&packed, 1000), Err(UnpackError::Broken("xz data whose check sum is wrong")));
    }

    #[test]
    fn no_cut_and_no_flipped_bit_panics() {
        for packed in [PYTHON_XZ, PYTHON_LZMA, BOMB_XZ, BOMB_LZMA] {
            for end in 0..packed.len() {
                let _ = unpack(&packed[..end], 4096);
            }
            for bit in 0..packed.len().min(200) * 8 {
                let mut bytes = packed.to_vec();
                bytes[bit / 8] ^= 1 << (bit % 8);
                if let Ok(out) = unpack(&bytes, 4096) {
                    assert!(out.len() <= 4096);
                }
            }
        }
    }
}
