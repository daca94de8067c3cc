//! An incident as one file that a stranger can check: `lapwing export incident`.
//!
//! The bundle is a zip file of stored members. `journal/` holds the segments as they are on the disk, byte for byte, from the
//! beginning of the run (or from a snapshot) to behind the incident's end, cut between two chunks; so whatever seals them in
//! the journal seals them here, and a replay of the bundle is a replay of the journal. Everything else is worked out from
//! those bytes and stands beside them for people and other programs.

mod cut;
pub(crate) mod report;
pub(crate) mod story;
#[cfg(test)]
pub(crate) mod tests;
mod unpack;
pub(crate) mod zip;

pub(crate) use unpack::Unpacked;

use crate::export::geojson;
use crate::export::height::Geoid;
use crate::index::{Archive, Configuration, hex, segments_from};
use crate::line::Line;
use crate::snapshot::Folder;
use crate::{quarantine, snapshot};
use anyhow::{Context, anyhow};
use lapwing_model::Position;
use lapwing_server::history::{IncidentId, IncidentRecord};
use report::{Listed, Proof};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use story::{Sinks, Story};

/// Name and version of the format.
pub(crate) const FORMAT: &str = "lapwing-bundle/1";

/// Arguments of `lapwing export incident`.
#[derive(clap::Args)]
pub(crate) struct IncidentArgs {
    /// The incident, like I3; `lapwing search incidents` lists them
    id: IncidentId,
    /// The journal's folder
    directory: PathBuf,
    /// The file to write
    #[arg(long, short)]
    output: PathBuf,
}

/// Exports an incident.
pub(crate) fn incident(args: &IncidentArgs) -> anyhow::Result<()> {
    let work = Scratch::beside(&args.output)?;
    let archive = Archive::of(&args.directory)?;
    let incident = archive
        .incident(args.id)?
        .ok_or_else(|| anyhow!("there is no incident {} on record; `lapwing search incidents` lists them", args.id))?;
    let base = Base::of(&args.directory, &archive, &incident)?;
    let journal = work.folder("journal")?;
    let until = incident.ended_at.map(|t| t + story::AFTER);
    cut::copy(&segments_from(&args.directory, base.position)?, &journal, until)?;
    let origin = base.copy(&args.directory, &work)?;
    let configuration = archive
        .configuration(incident.first_position)?
        .ok_or_else(|| anyhow!("the index has no configuration; make it anew with `lapwing reindex`"))?;
    let (mut reports, mut events) = (work.create("reports.jsonl")?, work.create("events.jsonl")?);
    let sinks = Sinks { reports: &mut reports, events: &mut events };
    let story = story::read(incident, &journal, origin, &archive, &configuration.version, sinks)?;
    reports.flush()?;
    events.flush()?;
    work.fill(&story, &configuration)?;
    work.keys(&args.directory)?;
    let listed = work.listed()?;
    let proof = Proof {
        configuration_sha256: configuration.sha256.clone(),
        seal: seal_words(&listed).to_owned(),
        files: listed,
    };
    work.write("report.html", report::html(&story, &proof).as_bytes())?;
    work.write("manifest.json", &serde_json::to_vec_pretty(&manifest(&story, &configuration, &work.listed()?))?)?;
    work.pack(&args.output)?;
    println!(
        "{}: {} aircraft, {} alerts, {} receptions: {}",
        story.incident.id,
        story.incident.tracks.len(),
        story.incident.alerts.len(),
        story.receptions,
        args.output.display()
    );
    if !story.replayed.identical {
        eprintln!("warning: played again, the record gives other events than it holds; the report says so");
    }
    Ok(())
}

/// Where the record of an incident begins.
struct Base {
    /// The first entry that is needed.
    position: Position,
    /// Whether there is a snapshot of before that entry; without one a run begins there.
    snapshot: bool,
}

impl Base {
    /// The latest snapshot that is old enough, else the beginning of the run.
    fn of(directory: &Path, archive: &Archive, incident: &IncidentRecord) -> anyhow::Result<Self> {
        let wanted = incident.began_at - story::BEFORE;
        let run = archive.run_of(incident.first_position)?;
        let folder = Folder::of(directory);
        for position in folder.positions().context("snapshots")? {
            if position > incident.first_position || run.is_some_and(|run| position <= run) {
                continue;
            }
            let usable = folder.read(position).is_ok_and(|s| s.at <= wanted && Line::restore(&s.state).is_ok());
            if usable {
                return Ok(Self { position, snapshot: true });
            }
        }
        let run = run.with_context(|| {
            format!(
                "the beginning of the run of {} is no longer in the journal, and no snapshot is old enough",
                incident.id
            )
        })?;
        Ok(Self { position: run, snapshot: false })
    }

    /// Copies what the replay needs beside the segments, and restores the line.
    fn copy(&self, directory: &Path, work: &Scratch) -> anyhow::Result<story::Origin> {
        // Entries that are passed over in the journal are passed over here.
        let quarantine = directory.join(quarantine::FILE);
        if quarantine.exists() {
            let to = work.folder("journal")?.join(quarantine::FILE);
            std::fs::copy(&quarantine, &to).with_context(|| quarantine.display().to_string())?;
        }
        if !self.snapshot {
            return Ok(None);
        }
        let name = format!("{:020}.snap", self.position.0);
        let from = directory.join(snapshot::FOLDER).join(&name);
        let to = work.folder(snapshot::FOLDER)?.join(&name);
        std::fs::copy(&from, &to).with_context(|| from.display().to_string())?;
        let stored = Folder::of(&work.0).read(self.position)?;
        Ok(Some((self.position, Line::restore(&stored.state)?)))
    }
}

fn seal_words(files: &[Listed]) -> &'static str {
    if files.iter().any(|f| f.name.starts_with("key/")) {
        "the journal's segments carry signed checkpoints; `lapwing verify` checks them with the key in the folder key"
    } else {
        "not sealed: this journal was written without signed checkpoints"
    }
}

fn manifest(story: &Story, configuration: &Configuration, files: &[Listed]) -> serde_json::Value {
    json!({
        "format": FORMAT,
        "written_by": env!("CARGO_PKG_VERSION"),
        "incident": story.incident,
        "site": story.site.name,
        "from": story.from,
        "to": story.to,
        "version": configuration.version,
        "configuration_sha256": configuration.sha256,
        "replayed": story.replayed,
        "receptions": story.receptions,
        "reports": story.reports,
        "files": files.iter().map(|f| json!({"name": f.name, "bytes": f.bytes, "sha256": f.sha256, "what": f.what}))
            .collect::<Vec<_>>(),
    })
}

/// What a member of a bundle is.
fn what(name: &str) -> &'static str {
    match name {
        "reports.jsonl" => "decoded reports, one a line, with the journal entry each came from",
        "events.jsonl" => "what the picture said, one event a line",
        "tracks.geojson" => "tracks of the incident and of others in the air",
        "alerts.json" => "alerts with their life",
        "orders.json" => "acknowledgements and other orders",
        "sensors.json" => "sensors, their coverage and health, and what changed",
        "configuration.json" => "the configuration in force, exactly as its SHA-256 was taken",
        "report.html" => "this page",
        "manifest.json" => "what is in the bundle",
        _ if name.starts_with("journal/") => {
            "the journal as it is on the disk: raw bytes, and all that was written beside them"
        }
        _ if name.starts_with("snapshots/") => "state of the picture before the first of those entries",
        _ if name.starts_with("key/") => "verifier key",
        _ => "",
    }
}

/// A folder beside the output, where the members are made; removed in the end.
struct Scratch(PathBuf);

impl Scratch {
    fn beside(output: &Path) -> anyhow::Result<Self> {
        let name = output.file_name().and_then(|n| n.to_str());
        let name = name.with_context(|| format!("{}: not the name of a file", output.display()))?;
        let folder = output.with_file_name(format!(".{name}.{}.parts", std::process::id()));
        std::fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
        Ok(Self(folder))
    }

    fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.0.join(name);
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        Ok(folder)
    }

    fn create(&self, name: &str) -> anyhow::Result<BufWriter<File>> {
        let path = self.0.join(name);
        Ok(BufWriter::new(File::create(&path).with_context(|| path.display().to_string())?))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).with_context(|| path.display().to_string())
    }

    fn fill(&self, story: &Story, configuration: &Configuration) -> anyhow::Result<()> {
        let mut geoid = Geoid::default();
        let flights = story.flights.iter().chain(&story.others).filter(|f| !f.points.is_empty());
        let features: Vec<_> = flights.map(|f| geojson::feature(&f.record, &f.points, &mut geoid, true)).collect();
        let collection = json!({"type": "FeatureCollection", "features": features});
        self.write("tracks.geojson", &serde_json::to_vec(&collection)?)?;
        self.write("alerts.json", &serde_json::to_vec_pretty(&story.alerts)?)?;
        self.write("orders.json", &serde_json::to_vec_pretty(&story.orders)?)?;
        let sensors = json!({"at": story.incident.began_at, "sensors": story.sensors, "changes": story.sensor_changes});
        self.write("sensors.json", &serde_json::to_vec_pretty(&sensors)?)?;
        self.write("configuration.json", configuration.json.as_bytes())
    }

    /// Verifier keys of the journal, where it has some.
    fn keys(&self, directory: &Path) -> anyhow::Result<()> {
        let Ok(items) = std::fs::read_dir(directory.join("key")) else { return Ok(()) };
        for item in items {
            let path = item?.path();
            if path.extension().is_some_and(|e| e == "pub")
                && let Some(name) = path.file_name()
            {
                let to = self.folder("key")?.join(name);
                std::fs::copy(&path, &to).with_context(|| path.display().to_string())?;
            }
        }
        Ok(())
    }

    /// The files made so far, by name.
    fn files(&self) -> anyhow::Result<Vec<(String, PathBuf)>> {
        let mut found = Vec::new();
        for item in std::fs::read_dir(&self.0)? {
            let path = item?.path();
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
            if path.is_dir() {
                for inner in std::fs::read_dir(&path)? {
                    let inner = inner?.path();
                    let file = inner.file_name().and_then(|n| n.to_str()).unwrap_or_default();
                    found.push((format!("{name}/{file}"), inner.clone()));
                }
            } else {
                found.push((name, path));
            }
        }
        // The report first: it is what people look for.
        found.sort_by_key(|(name, _)| (name != "report.html", name != "manifest.json", name.clone()));
        Ok(found)
    }

    fn listed(&self) -> anyhow::Result<Vec<Listed>> {
        let list = |(name, path): (String, PathBuf)| {
            let (bytes, sha256, _) = digest(&path)?;
            Ok(Listed { what: what(&name), name, bytes, sha256 })
        };
        self.files()?.into_iter().map(list).collect()
    }

    fn pack(&self, output: &Path) -> anyhow::Result<()> {
        let files = self.files()?;
        crate::export::to_file(output, |out| {
            let mut zip = zip::Writer::new(out);
            for (name, path) in files {
                let (bytes, _, crc) = digest(&path)?;
                let mut file = File::open(&path).with_context(|| path.display().to_string())?;
                zip.add(&name, bytes, crc, &mut file)?;
            }
            zip.finish()
        })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Length, SHA-256 and CRC-32 of a file.
fn digest(path: &Path) -> anyhow::Result<(u64, String, u32)> {
    let at = || path.display().to_string();
    let mut file = File::open(path).with_context(at)?;
    let (mut sha, mut crc, mut bytes) = (Sha256::new(), crc32fast::Hasher::new(), 0);
    let mut block = vec![0; 1 << 16];
    loop {
        let n = file.read(&mut block).with_context(at)?;
        if n == 0 {
            return Ok((bytes, hex(&sha.finalize()), crc.finalize()));
        }
        let part = block.get(..n).unwrap_or_default();
        sha.update(part);
        crc.update(part);
        bytes += n as u64;
    }
}
