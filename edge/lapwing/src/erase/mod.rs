//! `lapwing erase`: what belongs to one person leaves the record, and the record says that something left it.
//!
//! Every entry that holds a personal value of the operator becomes a tombstone: its data is gone, its place, time and topic
//! stay, and with them every proof. Snapshots are removed (they hold the picture, and are made again), the index is made anew
//! from what is left. What is to be done is written down before it is begun, by positions alone, so that an erasure that was
//! interrupted is completed by the next start or the next erasure.

mod find;
mod patterns;
mod plan;
#[cfg(test)]
mod tests;

use crate::index;
use anyhow::{Context, anyhow, bail};
use find::{Found, Subject};
use lapwing_journal::evidence::key;
use lapwing_journal::{Audit, DiskStorage, Entry, Erased, Journal, Options, Storage, erase as erase_in};
use plan::Plan;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Arguments of `lapwing erase`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    whose: Whose,
}

#[derive(clap::Subcommand)]
enum Whose {
    /// An operator, by the registration number that was broadcast
    Operator(OperatorArgs),
    /// Complete an erasure that was interrupted
    Complete {
        /// The journal's folder
        directory: PathBuf,
    },
}

#[derive(clap::Args)]
struct OperatorArgs {
    /// The operator's id and the journal's folder; with --serial the folder alone
    #[arg(required = true, num_args = 1..=2, value_names = ["ID", "DIR"])]
    what: Vec<String>,
    /// The operator of the aircraft with this serial number; the serial number goes too
    #[arg(long)]
    serial: Option<String>,
    /// How the request is called in the record; must not name the person [default: the time]
    #[arg(long)]
    request: Option<String>,
    /// Say what would be erased, and erase nothing
    #[arg(long)]
    dry_run: bool,
}

/// Erases.
pub(crate) fn erase(args: &Args) -> anyhow::Result<()> {
    match &args.whose {
        Whose::Operator(args) => operator(args),
        Whose::Complete { directory } => {
            match complete(directory)? {
                Some(request) => println!("the erasure {request} is complete"),
                None => println!("no erasure was interrupted here"),
            }
            Ok(())
        }
    }
}

fn operator(args: &OperatorArgs) -> anyhow::Result<()> {
    let (subject, directory) = match (args.what.as_slice(), &args.serial) {
        ([id, directory], None) => (Subject::operator(id)?, directory),
        ([directory], Some(serial)) => (Subject::serial(serial)?, directory),
        ([_], None) => bail!("give the operator's id and the journal's folder"),
        _ => bail!("give the operator's id or --serial, not both"),
    };
    let directory = Path::new(directory);
    if !directory.is_dir() {
        bail!("{} is no folder", directory.display());
    }
    let now = crate::live::clock();
    let request = args.request.clone().unwrap_or_else(|| format!("of {now}"));
    if request.is_empty() || request.len() > 128 || subject.is_named_in(&request) {
        bail!("--request: 1 to 128 bytes that do not name the person");
    }
    complete(directory)?;
    let lock = index::commands::lock(directory)?;
    let found = find::find(directory, &subject)?;
    if found.damages > 0 {
        eprintln!("warning: {} places of the journal could not be read; what is in them stays", found.damages);
    }
    let exports = exports(directory, &found)?;
    if args.dry_run {
        println!("{} entries hold personal values; nothing was erased", found.positions.len());
        exports.iter().for_each(|path| println!("{} holds some of them too, and would be removed", path.display()));
        return Ok(());
    }
    // First of all: once the journal has forgotten the values nobody could find them in here any more.
    for path in &exports {
        std::fs::remove_file(path).with_context(|| path.display().to_string())?;
        println!("removed {}, which was made before", path.display());
    }
    let count = found.positions.len();
    plan::write(directory, &Plan { request: request.clone(), at: now, positions: found.positions.clone() })?;
    drop(lock);
    complete(directory)?;
    report(directory, &found, &request, count)
}

/// Exports and bundles in the journal's folder that hold a value. What is left of one without it would be no evidence any
/// more: a new one can be made.
fn exports(directory: &Path, found: &Found) -> anyhow::Result<Vec<PathBuf>> {
    Ok(found.searcher.files(directory)?.into_iter().filter(|path| patterns::is_export(path)).collect())
}

/// Looks once more, and says what it came to.
fn report(directory: &Path, found: &Found, request: &str, count: usize) -> anyhow::Result<()> {
    println!("request {request}: {count} entries became tombstones");
    let left = found.searcher.files(directory)?;
    if left.is_empty() {
        println!("none of the personal values is left in {}", directory.display());
        println!("exports and bundles kept elsewhere, backups, and other machines are not reached from here");
        return Ok(());
    }
    Err(anyhow!(
        "personal values are still in {}",
        left.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ")
    ))
}

/// Completes an erasure that was written down, if one was; its request.
///
/// Each step may be done again: tombstones are not erased twice, and what is gone is not missed.
pub(crate) fn complete(directory: &Path) -> anyhow::Result<Option<String>> {
    if !directory.join(plan::FILE).exists() {
        return Ok(None);
    }
    let lock = index::commands::lock(directory).context("an erasure needs the journal for itself")?;
    let Some(plan) = plan::read(directory)? else { return Ok(None) };
    let positions: BTreeSet<u64> = plan.positions.iter().copied().collect();
    let storage = DiskStorage::open(directory)?;
    let tombstone = Erased { at: plan.at, why: format!("request {}", plan.request) };
    for name in segments(&storage)? {
        erase_in(&storage, &name, &tombstone, &mut |position, _| positions.contains(&position))
            .with_context(|| format!("{name}: not erased; the erasure goes on when this is mended"))?;
    }
    remove_snapshots(directory)?;
    index::remove(directory)?;
    // The journal and the index take the lock themselves.
    drop(lock);
    say(directory, &plan)?;
    index::refresh(directory)?;
    plan::remove(directory)?;
    Ok(Some(plan.request))
}

fn segments(storage: &DiskStorage) -> anyhow::Result<Vec<String>> {
    let ours = |name: &String| name.ends_with(".mcap");
    Ok(storage.list()?.into_iter().filter(ours).collect())
}

/// The record says that there was an erasure, once.
fn say(directory: &Path, plan: &Plan) -> anyhow::Result<()> {
    let said = |entry: &Entry| matches!(entry, Entry::Audit(Audit::Erased { request, .. }) if *request == plan.request);
    let mut last = plan.at;
    for item in lapwing_journal::Reader::open(directory)? {
        let Ok((_, at, entry)) = item else { continue };
        if said(&entry) {
            return Ok(());
        }
        last = last.max(at);
    }
    let mut journal = Journal::open(directory, Options::default()).context("journal")?;
    // What is signed goes on being signed: an unsigned segment behind signed ones is no part of the record.
    if !key::verifiers(directory).context("journal: the verifier keys")?.is_empty() {
        journal.sign_with_key_of(directory, last).context("journal: the signing key")?;
    }
    let entries = plan.positions.len() as u64;
    let audit = Audit::Erased { request: plan.request.clone(), entries };
    journal.append(last, &Entry::Audit(audit)).context("journal")?;
    journal.close().context("journal")
}

/// Snapshots hold the picture with everybody in it. The next start begins without them.
fn remove_snapshots(directory: &Path) -> anyhow::Result<()> {
    let folder = directory.join("snapshots");
    match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).context(folder.display().to_string()),
        _ => Ok(()),
    }
}
