//! `lapwing reindex` and `lapwing search`.

use super::catch_up::{Progress, catch_up};
use super::live::answer;
use super::read::{Archive, plain};
use anyhow::{Context, anyhow, bail};
use lapwing_journal::LOCK_FILE;
use lapwing_model::{Time, ZoneId};
use lapwing_server::history::{
    AlertRecord, AuditRecord, Circle, HistoryAnswer, HistoryQuery, IncidentRecord, LIMIT_MAX, Page, Search, TrackRecord,
};
use serde::Serialize;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Arguments of `lapwing reindex`.
#[derive(clap::Args)]
pub(crate) struct ReindexArgs {
    /// The journal's folder
    directory: PathBuf,
    /// Print what it came to as one JSON object
    #[arg(long)]
    json: bool,
}

/// Makes the index of a journal anew.
pub(crate) fn reindex(args: &ReindexArgs) -> anyhow::Result<()> {
    let directory = args.directory.as_path();
    if !directory.is_dir() {
        bail!("{} is no folder; a journal's index stands in the journal's folder", directory.display());
    }
    let _lock = lock(directory)?;
    let began = Instant::now();
    super::remove(directory)?;
    let mut filler = super::Filler::create(&super::path(directory))?;
    let progress = catch_up(&mut filler, directory, None, |p: Progress| {
        tracing::info!("{} entries read", p.entries);
    })?;
    let next = filler.state().next;
    filler.close()?;
    let seconds = began.elapsed().as_secs_f64();
    let mut out = std::io::stdout().lock();
    if args.json {
        let json = serde_json::json!({"entries": progress.entries, "damages": progress.damages, "next_position": next});
        writeln!(out, "{json}")?;
    } else {
        writeln!(out, "{} entries read in {seconds:.1} s", progress.entries)?;
        if progress.damages > 0 {
            writeln!(out, "{} places of the journal could not be read; `lapwing replay` names them", progress.damages)?;
        }
    }
    Ok(())
}

/// Holds a journal's directory against a running server.
pub(crate) fn lock(directory: &Path) -> anyhow::Result<std::fs::File> {
    let path = directory.join(LOCK_FILE);
    let file = std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| path.display().to_string())?;
    file.try_lock().map_err(|_| anyhow!("{}: a server is writing there; stop it first", directory.display()))?;
    Ok(file)
}

/// What is searched.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Which {
    /// Tracks in time and space
    Tracks,
    /// Alerts with their life
    Alerts,
    /// Alerts and what they group
    Incidents,
    /// What people did, and what was configured
    Audit,
}

/// Arguments of `lapwing search`.
#[derive(clap::Args)]
pub(crate) struct SearchArgs {
    /// What
    #[arg(value_enum)]
    which: Which,
    /// The journal's folder, with its index
    directory: PathBuf,
    /// Nothing that was over before this time (RFC 3339 with a zone, or seconds since 1970)
    #[arg(long)]
    from: Option<String>,
    /// Nothing that began after this time
    #[arg(long)]
    to: Option<String>,
    /// Was within so many metres of a place
    #[arg(long, value_name = "LAT,LON,RADIUS_M", allow_hyphen_values = true)]
    near: Option<Circle>,
    /// Was over the outline of this zone, or warned of for it
    #[arg(long)]
    zone: Option<ZoneId>,
    /// A status (claimed, contradicted, ...) or a name the aircraft gave itself; in the audit, who
    #[arg(long)]
    identity: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=LIMIT_MAX as u64))]
    limit: u64,
    /// Go on behind the last page: the number it gave
    #[arg(long)]
    before: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A time of an argument.
pub(crate) fn time(name: &str, text: Option<&str>) -> anyhow::Result<Option<Time>> {
    let parse = |t: &str| {
        crate::capture::parse_time(t).ok_or_else(|| anyhow!("--{name}: `{t}` is not a time; like 2026-05-01T09:30:00Z"))
    };
    text.map(parse).transpose()
}

/// Searches an index.
pub(crate) fn search(args: &SearchArgs) -> anyhow::Result<()> {
    let search = Search {
        from: time("from", args.from.as_deref())?,
        to: time("to", args.to.as_deref())?,
        near: args.near,
        zone: args.zone.clone(),
        identity: args.identity.clone(),
        limit: usize::try_from(args.limit)?,
        before: args.before,
    };
    if args.which == Which::Audit && (search.near.is_some() || search.zone.is_some()) {
        bail!("the audit has no places: --near and --zone do not apply");
    }
    let query = match args.which {
        Which::Tracks => HistoryQuery::Tracks(search),
        Which::Alerts => HistoryQuery::Alerts(search),
        Which::Incidents => HistoryQuery::Incidents(search),
        Which::Audit => HistoryQuery::Audit(search),
    };
    let archive = Archive::of(&args.directory)?;
    match answer(&archive, &query)? {
        Some(HistoryAnswer::Tracks(page)) => print(args.json, &page, track),
        Some(HistoryAnswer::Alerts(page)) => print(args.json, &page, alert),
        Some(HistoryAnswer::Incidents(page)) => print(args.json, &page, incident),
        Some(HistoryAnswer::Audit(page)) => print(args.json, &page, audit),
        Some(HistoryAnswer::Track(_)) | None => Ok(()),
    }
}

fn print<T: Serialize>(json: bool, page: &Page<T>, line: impl Fn(&T) -> String) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string(page)?)?;
        return Ok(());
    }
    for item in &page.items {
        writeln!(out, "{}", line(item))?;
    }
    if page.items.is_empty() {
        writeln!(out, "Nothing found")?;
    }
    if let Some(next) = page.next {
        writeln!(out, "There is more: --before {next}")?;
    }
    Ok(())
}

fn or(time: Option<Time>, word: &str) -> String {
    time.map_or_else(|| word.to_owned(), |t| t.to_string())
}

fn track(t: &TrackRecord) -> String {
    let name = t.names.first().map_or("no name", |n| n.value.as_str());
    let severity = t.severity_max.map_or_else(|| "no alert".to_owned(), |s| plain(&s));
    format!(
        "{:6} {:22} {:13} {:9} {} to {}, {} points, {}{}",
        t.id.to_string(),
        name,
        plain(&t.identity),
        severity,
        t.first_at,
        t.last_at,
        t.points,
        t.class.map_or_else(|| "class unknown".to_owned(), |c| plain(&c)),
        if t.confirmed { "" } else { ", never confirmed" },
    )
}

fn alert(a: &AlertRecord) -> String {
    format!(
        "{:6} {:6} {:12} {:9} {} raised {}: {}",
        a.alert.id.to_string(),
        a.incident.to_string(),
        plain(&a.alert.state),
        plain(&a.severity_max),
        a.alert.track,
        a.alert.raised_at,
        a.alert.headline,
    )
}

fn incident(i: &IncidentRecord) -> String {
    let by = if i.acknowledged_by.is_empty() { "nobody".to_owned() } else { i.acknowledged_by.join(", ") };
    format!(
        "{:6} {:9} {} to {}, {} alerts, {} aircraft, acknowledged by {by}: {}",
        i.id.to_string(),
        plain(&i.severity_max),
        i.began_at,
        or(i.ended_at, "now"),
        i.alerts.len(),
        i.tracks.len(),
        i.headline,
    )
}

fn audit(a: &AuditRecord) -> String {
    let by = a.by.as_deref().unwrap_or("the server");
    format!("{:8} {} {:13} {by}: {}", a.position.0, a.at, plain(&a.kind), a.what)
}
