//! `lapwing export`: tracks in the formats of other programs, and incidents as bundles.
//!
//! What all formats have in common: a value that is not known is left out, never written as zero; a height stands with its
//! datum; text from the air is escaped by the rules of the format; what belongs to a person is left out unless asked for.

pub(crate) mod cells;
mod csv;
pub(crate) mod geojson;
mod gpx;
pub(crate) mod height;
mod kml;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(test)]
mod tests;
pub(crate) mod text;

use crate::index::Archive;
use anyhow::{Context, bail};
use lapwing_model::{Time, TrackId};
use lapwing_server::history::{HistoryPoint, TrackRecord};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// What is exported.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Tracks as GeoJSON, KML, GPX, CSV or Parquet
    Tracks(TracksArgs),
    /// An incident as one file that can be checked: bytes, reports, tracks, alerts, report for people
    Incident(crate::bundle::IncidentArgs),
}

/// Exports.
pub(crate) fn export(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Tracks(args) => tracks(args),
        Command::Incident(args) => crate::bundle::incident(args),
    }
}

/// A format that tracks are written in, one after the other.
pub(crate) trait Format {
    /// Takes one track with its points, oldest first; there is one at least.
    fn track(&mut self, track: &TrackRecord, points: &[HistoryPoint]) -> anyhow::Result<()>;
    /// Writes what comes last.
    fn finish(self: Box<Self>) -> anyhow::Result<()>;
}

/// The formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Name {
    /// GeoJSON (RFC 7946)
    Geojson,
    /// KML 2.3 (OGC), tracks with times
    Kml,
    /// GPX 1.1
    Gpx,
    /// Comma-separated values (RFC 4180), one row a point
    Csv,
    /// Apache Parquet, one row a point
    Parquet,
}

/// Arguments of `lapwing export tracks`.
#[derive(clap::Args)]
pub(crate) struct TracksArgs {
    /// A journal's folder, one segment, or a bundle
    source: PathBuf,
    /// The format
    #[arg(long, short, value_enum)]
    format: Name,
    /// No point before this time (RFC 3339 with a zone, or seconds since 1970)
    #[arg(long)]
    from: Option<String>,
    /// No point after this time
    #[arg(long)]
    to: Option<String>,
    /// Only this track; may be given several times
    #[arg(long)]
    track: Vec<TrackId>,
    /// With tracks that were never more than tentative
    #[arg(long)]
    tentative: bool,
    /// With what belongs to a person: the operator's place and id
    #[arg(long)]
    personal: bool,
    /// The file to write
    #[arg(long, short)]
    output: PathBuf,
}

/// Which tracks, and which points of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    /// No point before.
    pub(crate) from: Option<Time>,
    /// No point after.
    pub(crate) to: Option<Time>,
    /// Only these; empty is all.
    pub(crate) tracks: Vec<TrackId>,
    /// With those never confirmed.
    pub(crate) tentative: bool,
    /// With what belongs to a person.
    pub(crate) personal: bool,
}

/// Opens a format on a sink.
pub(crate) fn open<'a>(
    name: Name,
    out: Box<dyn Write + Send + 'a>,
    personal: bool,
) -> anyhow::Result<Box<dyn Format + 'a>> {
    Ok(match name {
        Name::Geojson => Box::new(geojson::Writer::new(out, personal)?),
        Name::Kml => Box::new(kml::Writer::new(out, personal)?),
        Name::Gpx => Box::new(gpx::Writer::new(out)?),
        Name::Csv => Box::new(csv::Writer::new(out, personal)?),
        #[cfg(feature = "parquet")]
        Name::Parquet => Box::new(parquet::Writer::new(out, personal)?),
        #[cfg(not(feature = "parquet"))]
        Name::Parquet => bail!("this program was built without Parquet"),
    })
}

/// Writes the tracks of an index in a format; how many tracks and points that were.
pub(crate) fn write(
    archive: &Archive,
    selection: &Selection,
    mut format: Box<dyn Format + '_>,
) -> anyhow::Result<(u64, u64)> {
    let (mut tracks, mut points) = (0, 0);
    archive.each_track(selection.from, selection.to, &selection.tracks, |mut record, history| {
        if !(record.confirmed || selection.tentative) || history.is_empty() {
            return Ok(());
        }
        if !selection.personal {
            record.operator = None;
        }
        tracks += 1;
        points += history.len() as u64;
        format.track(&record, history)
    })?;
    format.finish()?;
    Ok((tracks, points))
}

/// Exports tracks.
pub(crate) fn tracks(args: &TracksArgs) -> anyhow::Result<()> {
    let time = crate::index::commands::time;
    let selection = Selection {
        from: time("from", args.from.as_deref())?,
        to: time("to", args.to.as_deref())?,
        tracks: args.track.clone(),
        tentative: args.tentative,
        personal: args.personal,
    };
    let archive = Archive::of(&args.source)?;
    let (tracks, points) =
        to_file(&args.output, |out| write(&archive, &selection, open(args.format, out, selection.personal)?))?;
    if tracks == 0 {
        eprintln!(
            "note: no track was found{}",
            if args.tentative { "" } else { " (--tentative takes those never confirmed too)" }
        );
    }
    println!("{tracks} tracks, {points} points: {}", args.output.display());
    Ok(())
}

/// Writes a file beside its place and moves it there when it is whole.
pub(crate) fn to_file<T>(
    path: &Path,
    write: impl FnOnce(Box<dyn Write + Send + '_>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let name = path.file_name().and_then(|n| n.to_str());
    let Some(name) = name else { bail!("{}: not the name of a file", path.display()) };
    let part = path.with_file_name(format!(".{name}.{}.part", std::process::id()));
    let at = || part.display().to_string();
    let mut file = BufWriter::new(std::fs::File::create(&part).with_context(at)?);
    let result = write(Box::new(&mut file)).and_then(|result| {
        file.flush().with_context(at)?;
        file.get_ref().sync_all().with_context(at)?;
        std::fs::rename(&part, path).with_context(|| path.display().to_string())?;
        Ok(result)
    });
    if result.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    result
}
