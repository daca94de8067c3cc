//! The golden and malformed files as seeds, and the torture run over them: shared by the tests and the example.

use flate2::read::GzDecoder;
use lapwing_formats::harness::{self, INPUT_BYTES_MAX, LINK_TYPES, Random, Tally, Way};
use lapwing_formats::{Decoded, Decoder, FORMATS, Format};
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Some bytes of a file, and how captures deliver them.
#[derive(Debug, Clone)]
pub struct Seed {
    pub name: String,
    pub link_type: Option<u16>,
    pub bytes: Vec<u8>,
}

pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn folder(format: &Format) -> PathBuf {
    repository().join("testdata/formats").join(format.name)
}

/// The data files of a folder: all but descriptions and snapshots.
pub fn data_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(items) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = items
        .map(|item| item.unwrap().path())
        .filter(|p| p.is_file() && p.extension().is_some_and(|e| e != "md" && e != "snap" && e != "csv"))
        .filter(|p| !p.to_string_lossy().ends_with(".csv.gz"))
        .collect();
    files.sort();
    files
}

fn content(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    if path.extension().is_some_and(|e| e == "gz") {
        let mut unpacked = Vec::new();
        GzDecoder::new(bytes.as_slice()).read_to_end(&mut unpacked).unwrap();
        return unpacked;
    }
    bytes
}

/// The frames of a capture with their link type.
fn frames(name: &str, bytes: &[u8]) -> Vec<Seed> {
    use pcap_parser::{Block, PcapBlockOwned, create_reader};
    let mut reader = create_reader(1 << 20, bytes).unwrap();
    let (mut seeds, mut link_type) = (Vec::new(), None);
    loop {
        match reader.next() {
            Ok((used, block)) => {
                let data = match &block {
                    PcapBlockOwned::LegacyHeader(h) => {
                        link_type = Some(h.network.0 as u16);
                        None
                    }
                    PcapBlockOwned::Legacy(b) => Some(b.data),
                    PcapBlockOwned::NG(Block::InterfaceDescription(i)) => {
                        link_type = Some(i.linktype.0 as u16);
                        None
                    }
                    PcapBlockOwned::NG(Block::EnhancedPacket(p)) => Some(p.data),
                    PcapBlockOwned::NG(_) => None,
                };
                if let Some(data) = data {
                    let name = format!("{name}#{}", seeds.len());
                    seeds.push(Seed { name, link_type, bytes: data.to_vec() });
                }
                reader.consume(used);
            }
            Err(pcap_parser::PcapError::Incomplete(_)) => reader.refill().unwrap(),
            Err(_) => return seeds,
        }
    }
}

/// What a data file holds: the frames of a capture, or the file whole.
pub fn read(path: &Path) -> Vec<Seed> {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let bytes = content(path);
    if name.contains(".pcap") {
        return frames(&name, &bytes);
    }
    // `case.127.bin` is a frame of link type 127.
    let link_type = name.strip_suffix(".bin").and_then(|n| n.rsplit('.').next()).and_then(|n| n.parse().ok());
    vec![Seed { name, link_type, bytes }]
}

/// Golden and malformed files of a format as pieces short enough to be mutated fast.
pub fn seeds(format: &Format) -> Vec<Seed> {
    const PIECE_BYTES: usize = 600;
    const PIECES_MAX: usize = 200;
    let folder = folder(format);
    let mut files = data_files(&folder);
    files.extend(data_files(&folder.join("malformed")));
    let mut seeds = Vec::new();
    for file in files {
        for seed in read(&file) {
            if seed.bytes.len() <= 4 * PIECE_BYTES {
                seeds.push(seed);
                continue;
            }
            let step = (seed.bytes.len() / PIECES_MAX).max(PIECE_BYTES / 2);
            for (i, start) in (0..seed.bytes.len()).step_by(step).enumerate() {
                let end = (start + PIECE_BYTES).min(seed.bytes.len());
                let bytes = seed.bytes[start..end].to_vec();
                seeds.push(Seed { name: format!("{}@{i}", seed.name), bytes, ..seed.clone() });
            }
        }
    }
    seeds
}

/// What a torture run did to one format.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    pub cases: u64,
    pub tally: Tally,
    pub slowest: Duration,
    pub slowest_bytes: usize,
}

/// Runs `cases` mutated inputs, dealt to the decoders in turn. Gives what it did per format, or how it failed.
pub fn torture(seed: u64, cases: u64, mut progress: impl FnMut(u64)) -> Result<Vec<Outcome>, String> {
    /// Inputs a decoder lives through before it is replaced, so that what it remembers is tried too.
    const LIFE: u64 = 5_000;
    let formats: Vec<(&Format, Vec<Seed>)> =
        FORMATS.iter().filter(|f| f.decoder.is_some()).map(|f| (f, seeds(f))).collect();
    let mut decoders: Vec<Box<dyn Decoder>> = Vec::new();
    let mut outcomes = vec![Outcome::default(); formats.len()];
    let mut random = Random::new(seed);
    let (mut plain, mut detailed) = (Decoded::new(), Decoded::with_details());
    let mut input = Vec::with_capacity(INPUT_BYTES_MAX);
    for case in 0..cases {
        if case % (LIFE * formats.len() as u64) == 0 {
            decoders = formats.iter().map(|(f, _)| harness::open(f).unwrap()).collect();
            progress(case);
        }
        let index = case as usize % formats.len();
        let (format, own) = &formats[index];
        // Mostly the format's own bytes, sometimes another's, sometimes noise.
        let pool = if random.below(8) == 0 { &formats[random.below(formats.len())].1 } else { own };
        let (a, b) = (&pool[random.below(pool.len())], &own[random.below(own.len())]);
        input.clear();
        if random.below(64) == 0 {
            let length = random.below(300);
            input.extend((0..length).map(|_| random.draw() as u8));
        } else {
            input.extend(&a.bytes);
        }
        harness::mutate(&mut random, &b.bytes, &mut input);
        let way = match (a.link_type, random.below(8)) {
            (Some(link_type), 1..) => Way::Frame(link_type),
            (_, 0) => Way::Frame(LINK_TYPES[random.below(LINK_TYPES.len())]),
            (_, 1 | 2) => Way::Datagram,
            (_, 3 | 4) => Way::Message,
            (_, _) => Way::Stream(random.draw()),
        };
        let out = if case % 16 == index as u64 { &mut detailed } else { &mut plain };
        let outcome = &mut outcomes[index];
        let start = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| {
            harness::run(decoders[index].as_mut(), case, way, &input, out, &mut outcome.tally);
            let took = start.elapsed();
            if case % 8 == index as u64 % 8 {
                harness::check_content(out);
            }
            took
        }));
        match result {
            Ok(mut took) => {
                outcome.cases += 1;
                // Slow, or was the thread put aside? Twice more tells.
                for _ in 0..2 {
                    if took > outcome.slowest {
                        let start = Instant::now();
                        harness::run(decoders[index].as_mut(), case, way, &input, out, &mut Tally::default());
                        took = took.min(start.elapsed());
                    }
                }
                if took > outcome.slowest {
                    (outcome.slowest, outcome.slowest_bytes) = (took, input.len());
                }
            }
            Err(panic) => {
                let why = panic.downcast_ref::<String>().cloned();
                let why = why.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_default();
                let hex: String = input.iter().map(|b| format!("{b:02x}")).collect();
                let format = format.name;
                return Err(format!("{format}, case {case} of seed {seed}, {way:?}, from {}: {why}\n{hex}", a.name));
            }
        }
    }
    Ok(outcomes)
}
