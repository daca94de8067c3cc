//! Zip files of stored members (PKWARE APPNOTE 6.3, method 0): written for bundles, and read with distrust.
//!
//! Nothing is compressed, so that the bytes of the evidence stand in the file as they are. A file of somebody else is hostile
//! input: its directory, sizes and names are checked before anything is read, and a member can only become a file below the
//! folder it is unpacked to.

use anyhow::{Context, bail, ensure};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Members of one bundle.
const MEMBERS_MAX: usize = 4_096;
/// Bytes of a whole bundle: what 32 bits can say, without the extensions for more.
pub(crate) const BYTES_MAX: u64 = u32::MAX as u64 - (1 << 20);
/// Longest name of a member.
const NAME_MAX: usize = 200;

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const LOCAL_BYTES: u64 = 30;
const CENTRAL_BYTES: usize = 46;
const END_BYTES: usize = 22;
/// 1980-01-01 00:00: the times of members say nothing, so that the same bundle is the same file.
const DOS_DATE: u16 = 0x0021;
/// General purpose bit 11: names are UTF-8.
const UTF8: u16 = 1 << 11;
const VERSION: u16 = 20;

/// A member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// Its name, with `/` between folders.
    pub(crate) name: String,
    /// Its length in bytes.
    pub(crate) length: u64,
    crc: u32,
    /// Where its local header begins.
    at: u64,
}

/// Whether a name may stand in a bundle: letters, digits, `.`, `_` and `-` in parts that do not begin with a dot.
fn is_name(name: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    };
    name.len() <= NAME_MAX && name.split('/').count() <= 4 && name.split('/').all(part)
}

/// Writes a bundle.
pub(crate) struct Writer<W: Write> {
    out: W,
    at: u64,
    members: Vec<Member>,
}

impl<W: Write> Writer<W> {
    /// Begins a file.
    pub(crate) fn new(out: W) -> Self {
        Self { out, at: 0, members: Vec::new() }
    }

    fn put(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.at += bytes.len() as u64;
        ensure!(self.at <= BYTES_MAX, "a bundle holds {BYTES_MAX} bytes and no more");
        Ok(self.out.write_all(bytes)?)
    }

    /// Adds a member of known length and checksum from a reader.
    pub(crate) fn add(&mut self, name: &str, length: u64, crc: u32, from: &mut dyn Read) -> anyhow::Result<()> {
        ensure!(is_name(name), "`{name}` is no name for a member of a bundle");
        ensure!(self.members.len() < MEMBERS_MAX, "a bundle holds {MEMBERS_MAX} files and no more");
        ensure!(self.members.iter().all(|m| m.name != name), "`{name}` is there twice");
        let member = Member { name: name.to_owned(), length, crc, at: self.at };
        let mut head = LOCAL.to_le_bytes().to_vec();
        head.extend(common(&member)?);
        head.extend(0_u16.to_le_bytes());
        head.extend(name.as_bytes());
        self.put(&head)?;
        let (mut left, mut hash) = (length, crc32fast::Hasher::new());
        let mut block = vec![0; 1 << 16];
        while left > 0 {
            let want = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
            let part = block.get_mut(..want).unwrap_or_default();
            from.read_exact(part).with_context(|| format!("{name} is shorter than it was"))?;
            hash.update(part);
            let part = part.to_vec();
            self.put(&part)?;
            left -= want as u64;
        }
        ensure!(hash.finalize() == crc, "{name} changed while it was read");
        self.members.push(member);
        Ok(())
    }

    /// Adds a member from memory.
    #[cfg(test)]
    pub(crate) fn add_bytes(&mut self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        self.add(name, bytes.len() as u64, crc32fast::hash(bytes), &mut &bytes[..])
    }

    /// Writes the directory.
    pub(crate) fn finish(mut self) -> anyhow::Result<()> {
        let begin = self.at;
        for member in self.members.clone() {
            self.put(&central(&member)?)?;
        }
        self.put(&end(u16::try_from(self.members.len())?, self.at - begin, begin)?)?;
        Ok(self.out.flush()?)
    }
}

/// A member's header in the directory.
fn central(member: &Member) -> anyhow::Result<Vec<u8>> {
    let mut head = CENTRAL.to_le_bytes().to_vec();
    head.extend(VERSION.to_le_bytes());
    head.extend(common(member)?);
    // No extra field, no comment, disk 0, no attributes.
    head.extend([0; 12]);
    head.extend(u32::try_from(member.at)?.to_le_bytes());
    head.extend(member.name.as_bytes());
    Ok(head)
}

/// The end of a file with so many members, whose directory has so many bytes from there on.
fn end(count: u16, bytes: u64, begin: u64) -> anyhow::Result<Vec<u8>> {
    let mut end = END.to_le_bytes().to_vec();
    end.extend([0; 4]);
    end.extend(count.to_le_bytes());
    end.extend(count.to_le_bytes());
    end.extend(u32::try_from(bytes)?.to_le_bytes());
    end.extend(u32::try_from(begin)?.to_le_bytes());
    end.extend([0; 2]);
    Ok(end)
}

/// The fields that both headers have, from the version needed to the length of the name.
fn common(member: &Member) -> anyhow::Result<Vec<u8>> {
    let mut out = Vec::new();
    for value in [VERSION, UTF8, 0, 0, DOS_DATE] {
        out.extend(value.to_le_bytes());
    }
    let length = u32::try_from(member.length).context("a file of more than 4 GiB")?;
    for value in [member.crc, length, length] {
        out.extend(value.to_le_bytes());
    }
    out.extend(u16::try_from(member.name.len())?.to_le_bytes());
    Ok(out)
}

/// A bundle that is read.
pub(crate) struct Reader {
    file: File,
    members: Vec<Member>,
}

fn u16_at(bytes: &[u8], at: usize) -> anyhow::Result<u16> {
    bytes.get(at..).and_then(|b| b.first_chunk()).map(|b| u16::from_le_bytes(*b)).context("it is cut short")
}

fn u32_at(bytes: &[u8], at: usize) -> anyhow::Result<u32> {
    bytes.get(at..).and_then(|b| b.first_chunk()).map(|b| u32::from_le_bytes(*b)).context("it is cut short")
}

impl Reader {
    /// Opens a file and reads its directory.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let at = || path.display().to_string();
        let file = File::open(path).with_context(at)?;
        Self::read(file).with_context(at)
    }

    fn read(mut file: File) -> anyhow::Result<Self> {
        let length = file.metadata()?.len();
        ensure!(length >= END_BYTES as u64, "it is too short for a zip file");
        ensure!(length <= BYTES_MAX, "it has {length} bytes; a bundle has at most {BYTES_MAX}");
        let mut last = [0; END_BYTES];
        file.seek(SeekFrom::Start(length - END_BYTES as u64))?;
        file.read_exact(&mut last)?;
        let (count, size, begin) = (u16_at(&last, 10)?, u32_at(&last, 12)?, u64::from(u32_at(&last, 16)?));
        // A bundle has no comment: the end is at the end.
        ensure!(end(count, size.into(), begin)? == last, "it does not end as a bundle does");
        ensure!(usize::from(count) <= MEMBERS_MAX, "it says it has {count} files; a bundle has at most {MEMBERS_MAX}");
        ensure!(begin + u64::from(size) + END_BYTES as u64 == length, "its directory is not where it says");
        ensure!(size as usize <= MEMBERS_MAX * (CENTRAL_BYTES + NAME_MAX), "its directory is too long");
        let mut directory = vec![0; size as usize];
        file.seek(SeekFrom::Start(begin))?;
        file.read_exact(&mut directory)?;
        let members = members(&directory, count, begin)?;
        Ok(Self { file, members })
    }

    /// The members, in the order of the file.
    #[cfg(test)]
    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// Copies a member out.
    pub(crate) fn copy(&mut self, member: &Member, out: &mut dyn Write) -> anyhow::Result<()> {
        self.copy_checked(member, out).with_context(|| member.name.clone())
    }

    fn copy_checked(&mut self, member: &Member, out: &mut dyn Write) -> anyhow::Result<()> {
        let mut head = vec![0; LOCAL_BYTES as usize + member.name.len()];
        self.file.seek(SeekFrom::Start(member.at))?;
        self.file.read_exact(&mut head)?;
        let mut expected = LOCAL.to_le_bytes().to_vec();
        expected.extend(common(member)?);
        expected.extend([0; 2]);
        expected.extend(member.name.as_bytes());
        ensure!(head == expected, "its two headers disagree");
        let (mut left, mut hash) = (member.length, crc32fast::Hasher::new());
        let mut block = vec![0; 1 << 16];
        while left > 0 {
            let want = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
            let part = block.get_mut(..want).unwrap_or_default();
            self.file.read_exact(part)?;
            hash.update(part);
            out.write_all(part)?;
            left -= want as u64;
        }
        ensure!(hash.finalize() == member.crc, "its checksum is wrong: the file is damaged");
        Ok(())
    }

    /// Reads a member into memory, if it is no longer than so many bytes.
    pub(crate) fn bytes(&mut self, name: &str, most: u64) -> anyhow::Result<Vec<u8>> {
        let member = self.members.iter().find(|m| m.name == name).cloned();
        let member = member.with_context(|| format!("it has no {name}"))?;
        ensure!(member.length <= most, "{name} has {} bytes; at most {most} are read", member.length);
        let mut bytes = Vec::new();
        self.copy(&member, &mut bytes)?;
        Ok(bytes)
    }

    /// Unpacks the members below a folder of the bundle into a folder of the disk.
    pub(crate) fn unpack(&mut self, below: &str, into: &Path) -> anyhow::Result<usize> {
        let mut count = 0;
        for member in self.members.clone() {
            // Names were checked: what is left is one plain file name.
            let Some(rest) = member.name.strip_prefix(below).and_then(|r| r.strip_prefix('/')) else { continue };
            if rest.contains('/') {
                continue;
            }
            let path = into.join(rest);
            let mut file = File::create_new(&path).with_context(|| path.display().to_string())?;
            self.copy(&member, &mut file)?;
            count += 1;
        }
        Ok(count)
    }
}

/// The members of a directory, which have to fill the file before it exactly, one behind the other.
fn members(mut directory: &[u8], count: u16, begin: u64) -> anyhow::Result<Vec<Member>> {
    let (mut members, mut names, mut next) = (Vec::new(), BTreeSet::new(), 0);
    for number in 1..=count {
        let member = member(&mut directory).with_context(|| format!("file {number} of its directory"))?;
        ensure!(member.at == next, "{} begins at byte {} and should at {next}", member.name, member.at);
        next = member.at + LOCAL_BYTES + member.name.len() as u64 + member.length;
        ensure!(next <= begin, "{} is longer than the file", member.name);
        ensure!(names.insert(member.name.to_ascii_lowercase()), "{} is there twice", member.name);
        members.push(member);
    }
    ensure!(directory.is_empty() && next == begin, "its directory and its files disagree");
    Ok(members)
}

fn member(directory: &mut &[u8]) -> anyhow::Result<Member> {
    let head = *directory;
    ensure!(u32_at(head, 0)? == CENTRAL, "it does not begin as one does");
    let (flags, method) = (u16_at(head, 8)?, u16_at(head, 10)?);
    if method != 0 || flags & !UTF8 != 0 {
        bail!("it is compressed or encrypted, which a bundle never is");
    }
    let (crc, packed, length) = (u32_at(head, 16)?, u32_at(head, 20)?, u32_at(head, 24)?);
    ensure!(packed == length, "its two lengths disagree");
    let name_length = usize::from(u16_at(head, 28)?);
    let at = u64::from(u32_at(head, 42)?);
    let name = head.get(CENTRAL_BYTES..CENTRAL_BYTES + name_length).context("it is cut short")?;
    let name = std::str::from_utf8(name).context("its name is not UTF-8")?;
    ensure!(is_name(name), "its name {name:?} is none that a bundle has");
    let member = Member { name: name.to_owned(), length: u64::from(length), crc, at };
    let (own, rest) = head.split_at_checked(CENTRAL_BYTES + name_length).context("it is cut short")?;
    ensure!(own == central(&member)?, "{name}: its header has fields that a bundle has not");
    *directory = rest;
    Ok(member)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::tests::Folder;

    fn sample() -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out);
        writer.add_bytes("manifest.json", b"{}").unwrap();
        writer.add_bytes("journal/000001-x.mcap", &[7; 70_000]).unwrap();
        writer.add_bytes("empty", b"").unwrap();
        writer.finish().unwrap();
        out
    }

    fn open(folder: &Folder, bytes: &[u8]) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
        let path = folder.0.join("x.zip");
        std::fs::write(&path, bytes).unwrap();
        let mut reader = Reader::open(&path)?;
        reader.members().to_vec().into_iter().map(|m| Ok((m.name.clone(), reader.bytes(&m.name, 1 << 20)?))).collect()
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = Folder::new();
        let all = open(&folder, &sample()).unwrap();
        let lengths: Vec<(&str, usize)> = all.iter().map(|(n, b)| (n.as_str(), b.len())).collect();
        assert_eq!(lengths, [("manifest.json", 2), ("journal/000001-x.mcap", 70_000), ("empty", 0)]);
        let mut reader = Reader::open(&folder.0.join("x.zip")).unwrap();
        assert!(reader.bytes("journal/000001-x.mcap", 100).is_err(), "longer than asked for");
        assert_eq!(reader.unpack("journal", &folder.0).unwrap(), 1);
        assert_eq!(std::fs::read(folder.0.join("000001-x.mcap")).unwrap(), [7; 70_000]);
        assert!(reader.unpack("journal", &folder.0).is_err(), "nothing is written over");
        for bad in ["../x", "/etc/passwd", "a/../b", "a\\b", "", "a//b", ".x", "a/.ssh", "C:x", "a/b/c/d/e", "ü"] {
            assert!(Writer::new(Vec::new()).add_bytes(bad, b"").is_err(), "{bad}");
        }
    }

    #[test]
    fn python_reads_it_too() {
        let folder = Folder::new();
        std::fs::write(folder.0.join("x.zip"), sample()).unwrap();
        let program = "import sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); print(z.testzip(), z.namelist())";
        let Ok(out) = std::process::Command::new("python3").args(["-c", program]).arg(folder.0.join("x.zip")).output()
        else {
            return;
        };
        let said = String::from_utf8(out.stdout).unwrap();
        assert_eq!(said.trim(), "None ['manifest.json', 'journal/000001-x.mcap', 'empty']");
    }

    #[test]
    fn hostile_files_are_refused_and_never_more() {
        let folder = Folder::new();
        let good = sample();
        // Every byte of the headers changed in every bit; every length cut.
        let content = 70_000;
        let interesting = |at: usize| at < 200 || at > content;
        for at in (0..good.len()).filter(|at| interesting(*at)) {
            for bit in [0, 3, 7] {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                if let Ok(all) = open(&folder, &bad) {
                    panic!("byte {at} bit {bit} changed nothing: {:?}", all.iter().map(|a| &a.0).collect::<Vec<_>>());
                }
            }
        }
        for cut in [0, 1, 21, 22, 100, good.len() - 1] {
            assert!(open(&folder, &good[..cut]).is_err(), "{cut}");
        }
        let mut longer = good.clone();
        longer.extend(b"more");
        assert!(open(&folder, &longer).is_err());
        // A name that leads out, in both headers.
        let evil = String::from_utf8_lossy(b"../../../../../evil.mcap").into_owned();
        let name = b"journal/000001-x.mcap";
        let mut traversal = good;
        while let Some(at) = traversal.windows(name.len()).position(|w| w == name) {
            traversal[at..at + name.len()].copy_from_slice(&evil.as_bytes()[..name.len()]);
        }
        let why = format!("{:#}", open(&folder, &traversal).unwrap_err());
        assert!(why.contains("none that a bundle has"), "{why}");
    }
}
