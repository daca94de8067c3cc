//! The 24-bit parity of Mode S (ICAO Annex 10 Volume IV, 3.1.2.3.3): generator 0x1FFF409, no reflection, no initial value.
//!
//! There is **no error correction**. The parity can locate one or two damaged bits, but only by giving up its power to
//! detect: with one-bit repair a random 112-bit frame is accepted 112 times as often, and the repaired bits may be those of an
//! address or a position. A warning system loses less by a lost squitter (two come each second) than by an invented aircraft.

const GENERATOR: u32 = 0x00FF_F409;

const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0u32; 256];
    let mut i = 0;
    while i < 256 {
        let mut r = (i as u32) << 16;
        let mut bit = 0;
        while bit < 8 {
            r = if r & 0x0080_0000 != 0 { (r << 1) ^ GENERATOR } else { r << 1 };
            bit += 1;
        }
        table[i] = r & 0x00FF_FFFF;
        i += 1;
    }
    table
}

/// The parity of `payload`, a message without its last 24 bits.
pub fn parity(payload: &[u8]) -> u32 {
    let mut r = 0u32;
    for byte in payload {
        // The index is an 8-bit number and the table has 256 rows.
        r = ((r << 8) & 0x00FF_FFFF) ^ TABLE[usize::from((r >> 16) as u8 ^ byte)];
    }
    r
}

/// What stands in the parity field besides the parity: 0 in an undamaged extended squitter, the interrogator code in an
/// all-call reply, the aircraft address in all other replies. Any damage shows up here as well.
pub fn residual(message: &[u8]) -> u32 {
    match message.split_last_chunk::<3>() {
        Some((payload, [a, b, c])) => parity(payload) ^ (u32::from(*a) << 16 | u32::from(*b) << 8 | u32::from(*c)),
        None => u32::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parity by long division, bit by bit, straight from the definition.
    fn long_division(payload: &[u8]) -> u32 {
        let mut r = 0u32;
        for byte in payload {
            for bit in (0..8).rev() {
                let carry = (r >> 23) & 1;
                r = (r << 1) & 0x00FF_FFFF;
                if (carry ^ (u32::from(*byte) >> bit)) & 1 != 0 {
                    r ^= GENERATOR;
                }
            }
        }
        r
    }

    #[test]
    fn table_agrees_with_long_division() {
        let mut x = 1u32;
        for n in 0..40 {
            let payload: Vec<u8> = (0..n)
                .map(|_| {
                    x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (x >> 24) as u8
                })
                .collect();
            assert_eq!(parity(&payload), long_division(&payload));
        }
    }

    #[test]
    fn known_squitter_has_no_residual() {
        // The example of J. Sun, The 1090 Megahertz Riddle, 2nd edition, chapter 1.
        let message = [0x8D, 0x48, 0x40, 0xD6, 0x20, 0x2C, 0xC3, 0x71, 0xC3, 0x2C, 0xE0, 0x57, 0x60, 0x98];
        assert_eq!(residual(&message), 0);
    }

    #[test]
    fn every_single_bit_error_is_seen() {
        let good = [0x8D, 0x48, 0x40, 0xD6, 0x20, 0x2C, 0xC3, 0x71, 0xC3, 0x2C, 0xE0, 0x57, 0x60, 0x98];
        for bit in 0..112 {
            let mut bad = good;
            bad[bit / 8] ^= 0x80 >> (bit % 8);
            assert_ne!(residual(&bad), 0, "bit {bit}");
        }
    }

    #[test]
    fn too_short_is_never_right() {
        assert_ne!(residual(&[0, 0]), 0);
    }
}
