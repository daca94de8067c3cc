//! `lapwing decode`: any supported capture to one JSON object a report, message or fault.

use crate::capture::{self, Capture, Piece};
use crate::line;
use anyhow::{Context, anyhow};
use lapwing_formats::{Account, Decoded, FORMATS};
use lapwing_model::Time;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The format of the bytes, one of `lapwing decode --list`
    #[arg(long, short, required_unless_present = "list")]
    format: Option<String>,
    /// Options of the format, as TOML (`'receiver_latitude_deg = 47.2'`)
    #[arg(long, default_value = "")]
    options: String,
    /// Time of reception of each message, one a line (seconds since 1970, or RFC 3339)
    #[arg(long)]
    timestamps: Option<PathBuf>,
    /// When the first byte was received, for captures that do not say (RFC 3339 or seconds since 1970)
    #[arg(long)]
    start: Option<String>,
    /// Count and time only; print no objects
    #[arg(long)]
    count: bool,
    /// With --count: decode this many times over, each with a new decoder, and tell the median speed
    #[arg(long, default_value_t = 1, requires = "count")]
    repeat: u32,
    /// Print the names of all formats
    #[arg(long)]
    list: bool,
    /// Captures: pcap, pcapng, raw bytes or text, gzip or not; `-` is standard input
    #[arg(required_unless_present = "list")]
    files: Vec<PathBuf>,
}

/// One printed line.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Line<'a> {
    /// A message in the terms of its own format.
    Message { file: &'a str, offset: u64, length: u64, received_at: Option<Time>, message: &'a serde_json::Value },
    /// What Lapwing makes of it.
    Report { file: &'a str, offset: u64, length: u64, received_at: Option<Time>, report: &'a lapwing_model::Report },
    /// What could not be used.
    Fault { file: &'a str, offset: u64, length: u64, received_at: Option<Time>, fault: &'a lapwing_model::Fault },
}

/// What a file came to.
#[derive(Default)]
struct Totals {
    account: Account,
    reports: u64,
    faults: BTreeMap<String, u64>,
    bytes: u64,
    pending: u64,
}

pub(crate) fn decode(args: &Args) -> anyhow::Result<()> {
    if args.list {
        let mut out = std::io::stdout().lock();
        for format in FORMATS.iter().filter(|f| f.decoder.is_some()) {
            writeln!(out, "{:16} {}", format.name, format.summary)?;
        }
        return Ok(());
    }
    let format = args.format.as_deref().unwrap_or_default();
    // A wrong name or option is said before a file is opened.
    line::decoder(format, &args.options)?;
    let start = args
        .start
        .as_deref()
        .map(|text| capture::parse_time(text).ok_or_else(|| anyhow!("--start: `{text}` is not a time")))
        .transpose()?;
    let times = args.timestamps.as_deref().map(capture::read_times).transpose()?;
    let mut useless = false;
    for path in &args.files {
        let capture = Capture::read(path)?;
        let (pieces, damage) = match &times {
            Some(times) => (capture.pieces_at(format, &args.options, times)?, None),
            None => capture.pieces(),
        };
        if args.count {
            count(args, format, &capture.name, &pieces, start)?;
        } else {
            let stdout = std::io::stdout().lock();
            let mut out = std::io::BufWriter::with_capacity(1 << 16, stdout);
            let totals = print(args, format, &capture.name, &pieces, start, &mut out)?;
            out.flush()?;
            eprintln!("{}", summary(&capture.name, &totals));
            useless |= totals.account.units_received > 0 && totals.account.units_used == 0;
        }
        if let Some(damage) = damage {
            eprintln!("warning: {damage}");
        }
    }
    if useless {
        // Every fault is on the standard output already; scripts look at the exit code.
        return Err(anyhow!("nothing in at least one file could be used as `{format}`"));
    }
    Ok(())
}

fn run(
    args: &Args,
    format: &str,
    pieces: &[Piece],
    start: Option<Time>,
    decoded: &mut Decoded,
    mut each: impl FnMut(&Piece, &Decoded) -> anyhow::Result<()>,
) -> anyhow::Result<Totals> {
    let mut decoder = line::decoder(format, &args.options)?;
    let mut totals = Totals::default();
    for piece in pieces {
        decoded.clear();
        decoder.decode(piece.received_at.or(start).unwrap_or_default(), &piece.envelope, &piece.bytes, decoded);
        totals.add(piece, decoded);
        each(piece, decoded)?;
    }
    totals.pending = decoder.pending_bytes();
    Ok(totals)
}

fn print(
    args: &Args,
    format: &str,
    file: &str,
    pieces: &[Piece],
    start: Option<Time>,
    out: &mut impl Write,
) -> anyhow::Result<Totals> {
    run(args, format, pieces, start, &mut Decoded::with_details(), |piece, decoded| {
        let received_at = piece.received_at.or(start);
        // Within a stream offsets already count from its start; within a packet they count from the packet.
        let base = if matches!(
            piece.envelope,
            lapwing_model::Envelope::Stream { .. } | lapwing_model::Envelope::StreamEnd { .. }
        ) {
            0
        } else {
            piece.offset
        };
        let mut put = |line: Line<'_>| -> anyhow::Result<()> {
            serde_json::to_writer(&mut *out, &line).map_err(std::io::Error::from)?;
            out.write_all(b"\n")?;
            Ok(())
        };
        for d in &decoded.details {
            put(Line::Message { file, offset: base + d.offset, length: d.length, received_at, message: &d.message })?;
        }
        for r in &decoded.reports {
            put(Line::Report { file, offset: base + r.offset, length: r.length, received_at, report: &r.report })?;
        }
        for f in &decoded.faults {
            put(Line::Fault { file, offset: base + f.offset, length: f.length, received_at, fault: f })?;
        }
        Ok(())
    })
}

fn count(args: &Args, format: &str, file: &str, pieces: &[Piece], start: Option<Time>) -> anyhow::Result<()> {
    let mut speeds = Vec::new();
    let mut totals = Totals::default();
    let mut decoded = Decoded::new();
    for _ in 0..args.repeat.max(1) {
        let begun = Instant::now();
        totals = run(args, format, pieces, start, &mut decoded, |_, _| Ok(()))?;
        speeds.push(totals.account.units_received as f64 / begun.elapsed().as_secs_f64().max(1e-9));
    }
    speeds.sort_by(f64::total_cmp);
    let median = speeds.get(speeds.len() / 2).copied().context("no run")?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", summary(file, &totals))?;
    writeln!(out, "{file}: {median:.0} messages a second on one core (median of {}), decoding only", speeds.len())?;
    Ok(())
}

impl Totals {
    fn add(&mut self, piece: &Piece, decoded: &Decoded) {
        let account = &decoded.account;
        self.account.units_received += account.units_received;
        self.account.units_used += account.units_used;
        self.account.bytes_used += account.bytes_used;
        self.account.bytes_rejected += account.bytes_rejected;
        for (reason, n) in &account.units_rejected {
            *self.account.units_rejected.entry(reason.clone()).or_default() += n;
        }
        for fault in &decoded.faults {
            *self.faults.entry(fault.reason.to_string()).or_default() += 1;
        }
        self.reports += decoded.reports.len() as u64;
        self.bytes += piece.bytes.len() as u64;
    }
}

fn summary(file: &str, totals: &Totals) -> String {
    let account = &totals.account;
    let mut text = format!(
        "{file}: {} messages received = {} used + {} rejected; {} reports; {} bytes = {} used + {} rejected + {} pending",
        account.units_received,
        account.units_used,
        account.rejected_total(),
        totals.reports,
        totals.bytes,
        account.bytes_used,
        account.bytes_rejected,
        totals.pending,
    );
    for (reason, n) in &account.units_rejected {
        text.push_str(&format!("\n  rejected {n} {reason}"));
    }
    for (reason, n) in totals.faults.iter().filter(|(r, _)| !account.units_rejected.contains_key(r.as_str())) {
        text.push_str(&format!("\n  fault in a used message: {n} {reason}"));
    }
    text
}
