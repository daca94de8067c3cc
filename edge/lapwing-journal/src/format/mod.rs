//! Version 3 of a segment, byte for byte: `docs/reference/evidence.md`.
//!
//! Everything that writes segments (live, erasing, retention) goes through [`chunk::Builder`]; everything that trusts what it
//! reads only after a CRC goes through [`chunk::read`]. The verifier trusts nothing and has its own reading.

pub(crate) mod chunk;
pub(crate) mod head;
pub(crate) mod pieces;

use std::ops::Range;

/// Opcode and length of a record.
pub(crate) const RECORD_HEAD: usize = 9;
/// Channel, sequence and two times of a message.
pub(crate) const MESSAGE_HEAD: usize = 22;
/// What a segment that was closed ends with: the end of the data, a footer without a summary, magic.
pub(crate) const END: [u8; 50] = {
    let mut end = [0; 50];
    end[0] = mcap::records::op::DATA_END;
    end[1] = 4;
    end[13] = mcap::records::op::FOOTER;
    end[14] = 20;
    let mut i = 0;
    while i < 8 {
        end[42 + i] = mcap::MAGIC[i];
        i += 1;
    }
    end
};

/// 128 bits that are in the head and in every chunk of a segment.
pub(crate) type Token = [u8; 16];

/// A token as 32 hexadecimal digits.
pub(crate) fn token_text(token: &Token) -> String {
    token.iter().map(|b| format!("{b:02x}")).collect()
}

/// A token from its 32 lower-case digits.
pub(crate) fn token_from(text: &str) -> Option<Token> {
    let digits = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let number = u128::from_str_radix(text, 16).ok().filter(|_| digits && text.len() == 32)?;
    Some(number.to_be_bytes())
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Writes a record.
pub(crate) fn put(out: &mut Vec<u8>, opcode: u8, parts: &[&[u8]]) {
    out.push(opcode);
    out.extend((parts.iter().map(|p| p.len()).sum::<usize>() as u64).to_le_bytes());
    parts.iter().for_each(|part| out.extend(*part));
}

/// A record that begins at `at` and ends before `limit`: its opcode and where its content is.
pub(crate) fn record(bytes: &[u8], at: usize, limit: usize) -> Option<(u8, Range<usize>)> {
    let length = usize::try_from(u64_at(bytes, at + 1)?).ok()?;
    let end = (at + RECORD_HEAD).checked_add(length).filter(|end| *end <= limit.min(bytes.len()))?;
    Some((*bytes.get(at)?, at + RECORD_HEAD..end))
}

/// A message that begins at `at` and ends before `limit`: where its content is.
pub(crate) fn message(bytes: &[u8], at: usize, limit: usize) -> Option<Range<usize>> {
    let (opcode, content) = record(bytes, at, limit)?;
    (opcode == mcap::records::op::MESSAGE && content.len() >= MESSAGE_HEAD).then_some(content)
}
