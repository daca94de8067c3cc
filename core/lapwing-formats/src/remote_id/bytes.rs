//! A cursor over bytes, and the two checksums of the radio layers.

/// Reads forward; every read past the end is `None`, never a panic.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Starts at the first byte.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes read so far.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// What is left.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The next `n` bytes.
    pub(super) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(n)?;
        let out = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(out)
    }

    /// The next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// One byte.
    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[b]| b)
    }

    /// Little-endian.
    pub(super) fn u16_le(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// Little-endian.
    pub(super) fn u32_le(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// Little-endian.
    pub(super) fn u64_le(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// Skips to the next multiple of `step` bytes from the start.
    pub(super) fn align(&mut self, step: usize) -> Option<()> {
        let over = self.at % step;
        if over != 0 {
            self.take(step - over)?;
        }
        Some(())
    }
}

/// The frame check sequence of IEEE 802.11 (clause 9.2.4.8): CRC-32 with the reflected polynomial 0xEDB88320.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

/// The CRC of an advertising PDU, in the order its three bytes stand in a capture (Bluetooth Core 5.4, volume 6,
/// part B, 3.1.1): polynomial 0x00065B, start value 0x555555, both bit-reversed because bits are sent low first.
pub(super) fn crc24(pdu: &[u8]) -> [u8; 3] {
    let mut state: u32 = 0xAA_AAAA;
    for byte in pdu {
        for bit in 0..8 {
            let feedback = (state ^ (u32::from(*byte) >> bit)) & 1;
            state >>= 1;
            if feedback == 1 {
                state ^= 0xDA_6000;
            }
        }
    }
    let [a, b, c, _] = state.to_le_bytes();
    [a, b, c]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc32_has_its_check_value() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn crc24_has_its_check_value() {
        // CRC-24/BLE of the catalogue of parametrised CRC algorithms: 0xC25A56, least significant byte first.
        assert_eq!(crc24(b"123456789"), [0x56, 0x5A, 0xC2]);
    }

    #[test]
    fn reads_stop_at_the_end() {
        let mut c = Cursor::new(&[1, 2, 3]);
        assert_eq!(c.u16_le(), Some(0x0201));
        assert_eq!(c.u16_le(), None);
        assert_eq!(c.rest(), &[3]);
        assert_eq!(c.align(4), None);
        assert_eq!(c.take(usize::MAX), None);
    }
}
