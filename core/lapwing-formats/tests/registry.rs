//! Every format has what a format must have: golden and malformed cases, a fuzz target, a sample that opens, and its row
//! in the reference page. `UPDATE=1 cargo test -p lapwing-formats --test registry` writes the generated files anew.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(dead_code, unreachable_pub)]

mod common;

use lapwing_formats::harness::{self, LINK_TYPES, Tally, Way};
use lapwing_formats::{Decoded, FORMATS, Format};
use lapwing_model::{Envelope, Time};
use std::fmt::Write as _;
use std::path::Path;

/// Everything a decoder of the format gives for one file, whichever way it is meant to come.
fn reports_and_faults(format: &Format, path: &Path) -> (u64, u64) {
    let mut best = (0, 0);
    let ways = [Way::Message, Way::Datagram, Way::Stream(7)];
    let all: Vec<Way> = ways.into_iter().chain(LINK_TYPES.into_iter().map(Way::Frame)).collect();
    for way in all {
        let (mut decoder, mut out, mut tally) =
            (harness::open(format).unwrap(), Decoded::with_details(), Tally::default());
        for seed in common::read(path) {
            // A frame comes as what it is.
            let way = seed.link_type.map_or(way, Way::Frame);
            // The start of a long recording is enough.
            let bytes = &seed.bytes[..seed.bytes.len().min(64 << 10)];
            harness::run(decoder.as_mut(), 0, way, bytes, &mut out, &mut tally);
            harness::check_content(&out);
        }
        if tally.reports > best.0 || (tally.reports == best.0 && best.1 == 0) {
            best = (tally.reports, tally.faults);
        }
    }
    best
}

#[test]
fn names_are_unique_sorted_and_kebab_case() {
    assert!(FORMATS.windows(2).all(|w| w[0].name < w[1].name));
    for format in FORMATS {
        assert!(format.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", format.name);
        assert!(!format.summary.is_empty() && !format.summary.contains('\n'), "{}", format.name);
        assert!(format.decoder.is_some() || format.encoder.is_some(), "{} does nothing", format.name);
    }
}

#[test]
fn samples_open_and_unknown_keys_do_not() {
    for format in FORMATS {
        let with_slip = format!("no_such_key = 1\n{}", format.sample);
        if let Some(open) = format.decoder {
            let opened = lapwing_formats::open_with(open, format.sample);
            assert!(opened.is_ok(), "{}: {:?}", format.name, opened.err());
            let error = lapwing_formats::open_with(open, &with_slip).err().map(|e| e.to_string());
            assert!(error.is_some_and(|e| e.contains("no_such_key")), "{} takes any key", format.name);
        }
        if let Some(open) = format.encoder {
            let error = lapwing_formats::open_with(open, "no_such_key = 1").err().map(|e| e.to_string());
            assert!(error.is_some_and(|e| e.contains("no_such_key")), "{}'s output takes any key", format.name);
            assert!(lapwing_formats::open_with(open, "").is_ok(), "{}'s output needs settings", format.name);
        }
    }
}

#[test]
fn every_decoder_has_golden_cases_that_give_reports() {
    for format in FORMATS.iter().filter(|f| f.decoder.is_some()) {
        let folder = common::folder(format);
        let files = common::data_files(&folder);
        assert!(!files.is_empty(), "{} has no golden case in {}", format.name, folder.display());
        assert!(folder.join("README.md").is_file(), "{} says nowhere where its cases are from", format.name);
        let reports: u64 = files.iter().map(|f| reports_and_faults(format, f).0).sum();
        assert!(reports > 0, "no golden case of {} gives a report", format.name);
    }
}

#[test]
fn every_decoder_has_malformed_cases_that_give_faults() {
    for format in FORMATS.iter().filter(|f| f.decoder.is_some()) {
        let folder = common::folder(format).join("malformed");
        let files = common::data_files(&folder);
        assert!(files.len() >= 3, "{} has {} malformed cases in {}", format.name, files.len(), folder.display());
        for file in files {
            let (_, faults) = reports_and_faults(format, &file);
            assert!(faults > 0, "{} finds nothing wrong with {}", format.name, file.display());
        }
    }
}

#[test]
fn every_decoder_has_a_fuzz_target() {
    let manifest = std::fs::read_to_string(common::repository().join("fuzz/Cargo.toml")).unwrap();
    for format in FORMATS.iter().filter(|f| f.decoder.is_some()) {
        let name = format.name.replace('-', "_");
        let path = common::repository().join(format!("fuzz/fuzz_targets/{name}.rs"));
        assert!(path.is_file(), "{} has no fuzz target {}", format.name, path.display());
        assert!(manifest.contains(&format!("name = \"{name}\"")), "fuzz/Cargo.toml does not name {name}");
    }
}

#[test]
fn a_short_torture_run_passes() {
    // A fixed share of `--example mutate`, which runs ten million.
    let outcomes = common::torture(42, 60_000, |_| {}).unwrap_or_else(|why| panic!("{why}"));
    for outcome in &outcomes {
        assert!(outcome.tally.used > 0, "mutation leaves no unit that can be used: the run tries nothing");
        assert!(outcome.tally.faults > 0);
    }
}

#[test]
fn what_a_decoder_holds_back_is_bounded() {
    // Streams that never end what they begin, much longer than any message may be.
    const STREAM_BYTES: usize = 24 << 20;
    const PENDING_MAX: u64 = 16 << 20;
    for format in FORMATS.iter().filter(|f| f.decoder.is_some()) {
        for unit in
            [&b"x"[..], b"{", b"[", b"\"", b"{\"a\":[", b"\x1a3", b"\x1a\x1a", b"*8D", b"MSG,3,", b"\0", b"\xff", b" "]
        {
            let piece: Vec<u8> = unit.iter().copied().cycle().take(64 << 10).collect();
            let (mut decoder, mut out) = (harness::open(format).unwrap(), Decoded::new());
            let mut offset = 0;
            while offset < STREAM_BYTES as u64 {
                let envelope = lapwing_model::Envelope::Stream { connection: 0, offset };
                out.clear();
                decoder.decode(lapwing_model::Time::default(), &envelope, &piece, &mut out);
                offset += piece.len() as u64;
                let pending = decoder.pending_bytes();
                assert!(pending <= PENDING_MAX, "{} holds {pending} bytes of {unit:?}", format.name);
            }
        }
    }
}

#[test]
fn decoding_is_deterministic() {
    for format in FORMATS.iter().filter(|f| f.decoder.is_some()) {
        let (mut a, mut b) = (harness::open(format).unwrap(), harness::open(format).unwrap());
        let (mut of_a, mut of_b) = (Decoded::with_details(), Decoded::with_details());
        for (i, seed) in common::seeds(format).iter().enumerate() {
            let way = seed.link_type.map_or(Way::Stream(i as u64), Way::Frame);
            harness::run(a.as_mut(), 1, way, &seed.bytes, &mut of_a, &mut Tally::default());
            harness::run(b.as_mut(), 1, way, &seed.bytes, &mut of_b, &mut Tally::default());
            assert_eq!(of_a.reports, of_b.reports, "{} {}", format.name, seed.name);
            assert_eq!(of_a.faults, of_b.faults, "{} {}", format.name, seed.name);
            assert_eq!(of_a.account, of_b.account, "{} {}", format.name, seed.name);
        }
    }
}

/// Compares a generated file with what stands in the repository, or writes it.
fn in_step(path: &str, generated: &str) {
    let file = common::repository().join(path);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, generated).unwrap();
    }
    let there = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(there == generated, "{path} is out of step: UPDATE=1 cargo test -p lapwing-formats --test registry");
}

#[test]
fn the_reference_page_is_in_step() {
    let mut page =
        "# Formats\n\n<!-- Generated by core/lapwing-formats/tests/registry.rs. Do not edit. -->\n\nA format turns \
                    bytes into reports (input), or events into bytes (output). Any format can be carried by any \
                    transport.\n\n| Format | Input | Output | What it is |\n|---|---|---|---|\n"
            .to_owned();
    let yes = |is: bool| if is { "yes" } else { "–" };
    for f in FORMATS {
        let (input, output) = (yes(f.decoder.is_some()), yes(f.encoder.is_some()));
        writeln!(page, "| [`{0}`](#{0}) | {input} | {output} | {1} |", f.name, f.summary).unwrap();
    }
    for f in FORMATS {
        write!(page, "\n## {}\n\n{}.\n", f.name, f.summary).unwrap();
        if f.decoder.is_some() {
            if f.sample.is_empty() {
                page.push_str("\nThe input has no settings of its own.\n");
            } else {
                write!(page, "\nSettings of the input, as an example:\n\n```toml\n{}\n```\n", f.sample.trim_end())
                    .unwrap();
            }
        }
        if f.name == "json" {
            page.push_str(&lapwing_formats::json::reference());
        }
    }
    in_step("docs/reference/formats.md", &page);
}

#[test]
fn the_json_schema_is_in_step() {
    let schema = serde_json::to_string_pretty(&lapwing_formats::json::schema()).unwrap();
    in_step("docs/reference/lapwing-json.schema.json", &format!("{schema}\n"));
}

/// What a decoder gives for some pieces, the first of them number `first`, with what it counted.
fn given(decoder: &mut dyn lapwing_formats::Decoder, first: usize, pieces: &[(Envelope, Vec<u8>)]) -> Vec<String> {
    let mut out = Decoded::new();
    let mut all = Vec::new();
    for (i, (envelope, bytes)) in pieces.iter().enumerate() {
        out.clear();
        decoder.decode(Time::from_millis(1_777_627_800_000 + 40 * (first + i) as i64), envelope, bytes, &mut out);
        all.push(format!("{:?} {:?} {:?} {:?}", out.reports, out.faults, out.replies, out.account));
    }
    all
}

/// The files of a format as pieces: frames as they are, else messages, and streams of two connections cut anywhere.
fn pieces(format: &Format, random: &mut harness::Random) -> Vec<(Envelope, Vec<u8>)> {
    let folder = common::folder(format);
    let mut all = Vec::new();
    for file in common::data_files(&folder).into_iter().chain(common::data_files(&folder.join("malformed"))) {
        for seed in common::read(&file) {
            let bytes = &seed.bytes[..seed.bytes.len().min(8 << 10)];
            if let Some(link_type) = seed.link_type {
                all.push((Envelope::Frame { link_type }, bytes.to_vec()));
                continue;
            }
            all.push((Envelope::Message { topic: "a/b".to_owned() }, bytes.to_vec()));
            let connection = 1 + random.draw() % 2;
            let mut offset = 0;
            while offset < bytes.len() {
                let end = (offset + 1 + random.below(700)).min(bytes.len());
                let envelope = Envelope::Stream { connection, offset: offset as u64 };
                all.push((envelope, bytes[offset..end].to_vec()));
                offset = end;
            }
            if random.below(3) > 0 {
                all.push((Envelope::StreamEnd { connection }, Vec::new()));
            }
        }
    }
    all
}

#[test]
fn a_decoder_restored_anywhere_goes_on_the_same() {
    for format in FORMATS.iter().filter(|f| f.decoder.is_some()) {
        let mut random = harness::Random::new(11);
        let pieces = pieces(format, &mut random);
        let whole = given(harness::open(format).unwrap().as_mut(), 0, &pieces);
        let mut remembered = 0;
        for _ in 0..12 {
            let cut = random.below(pieces.len());
            let mut first = harness::open(format).unwrap();
            given(first.as_mut(), 0, &pieces[..cut]);
            let state = first.save();
            remembered = remembered.max(state.len());
            let mut second = harness::open(format).unwrap();
            second.restore(&state).unwrap_or_else(|e| panic!("{} at {cut}: {e}", format.name));
            assert_eq!(second.save(), state, "{} at {cut}: saved again it is the same", format.name);
            assert_eq!(second.pending_bytes(), first.pending_bytes(), "{} at {cut}", format.name);
            assert_eq!(given(second.as_mut(), cut, &pieces[cut..]), whole[cut..], "{} at {cut}", format.name);
        }
        assert!(remembered > 1, "{} was never in the middle of anything", format.name);
    }
}

#[test]
fn a_forged_state_breaks_nothing() {
    for format in FORMATS.iter().filter(|f| f.decoder.is_some()) {
        let mut random = harness::Random::new(5);
        let pieces = pieces(format, &mut random);
        let mut decoder = harness::open(format).unwrap();
        let (mut taken, mut refused) = (0, 0);
        for round in 0..400 {
            let from = random.below(pieces.len());
            given(decoder.as_mut(), 0, &pieces[from..(from + 5).min(pieces.len())]);
            let mut state = decoder.save();
            let other = state.clone();
            harness::mutate(&mut random, &other, &mut state);
            let before = decoder.save();
            match decoder.restore(&state) {
                Ok(()) => taken += 1,
                Err(_) => {
                    refused += 1;
                    assert_eq!(decoder.save(), before, "{} in round {round}: refused, and changed", format.name);
                }
            }
            given(decoder.as_mut(), 0, &pieces[..5.min(pieces.len())]);
            decoder = harness::open(format).unwrap();
        }
        assert!(taken + refused == 400 && refused > 0, "{}: {taken} taken, {refused} refused", format.name);
    }
}
