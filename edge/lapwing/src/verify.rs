//! `lapwing verify`: whether a journal is as it was signed, and where not. `lapwing key`: who signs.

use crate::bundle::Unpacked;
use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use lapwing_journal::evidence::key::{self, KEY_FOLDER};
use lapwing_journal::evidence::note::Verifier;
use lapwing_journal::verify::{Report, SEGMENT_BYTES_MAX, Verification, last_note};
use lapwing_journal::{Journal, Options};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Arguments of `lapwing verify`.
#[derive(Parser)]
pub(crate) struct Args {
    /// A segment, a journal's directory, or the bundle of an incident
    path: PathBuf,
    /// A verifier key, or a file with one; without it those in the folder `key` of the journal or the bundle itself
    #[arg(long = "key", value_name = "PUB")]
    keys: Vec<String>,
    /// A checkpoint that was kept elsewhere: exposes what was cut or signed again since
    #[arg(long = "checkpoint", value_name = "FILE")]
    checkpoints: Vec<PathBuf>,
    /// A witness that must have cosigned each checkpoint
    #[arg(long = "witness", value_name = "PUB")]
    witnesses: Vec<String>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Arguments of `lapwing checkpoint`.
#[derive(Parser)]
pub(crate) struct CheckpointArgs {
    /// A segment, or a journal's directory; the server may be running
    path: PathBuf,
    /// A verifier key, or a file with one; without it those in the folder `key` of the journal itself
    #[arg(long = "key", value_name = "PUB")]
    keys: Vec<String>,
}

/// Prints the newest signed checkpoint: to be kept elsewhere, or cosigned by a witness.
pub(crate) fn checkpoint(args: &CheckpointArgs) -> Result<()> {
    let (directory, files) = segments_of(&args.path)?;
    let mut keys = verifiers(&args.keys)?;
    if keys.is_empty() {
        keys = key::verifiers(directory)?;
    }
    // The newest segment may have been cut before its first.
    for file in files.iter().rev() {
        if let Some(note) = last_note(&read(file, SEGMENT_BYTES_MAX)?, &keys) {
            std::io::stdout().write_all(note)?;
            return Ok(());
        }
    }
    bail!("{}: no checkpoint that is signed by a key that is trusted", args.path.display())
}

/// Arguments of `lapwing key`.
#[derive(Parser)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    what: KeyCommand,
}

#[derive(Subcommand)]
enum KeyCommand {
    /// Print the verifier keys; makes a signing key when there is none
    Show {
        /// The journal's directory
        directory: PathBuf,
    },
    /// Change the signing key; the record says so, signed by both. The server must not be running
    Rotate {
        /// The journal's directory
        directory: PathBuf,
    },
}

/// Bytes of a file with a key or a checkpoint.
const SMALL_FILE_BYTES_MAX: u64 = 64 << 10;

/// Exit codes: 0 valid, 1 altered, 2 it could not be tried.
pub(crate) fn verify(args: &Args) -> ExitCode {
    match report(args) {
        Ok(report) => {
            print(&report, args.json);
            if report.verdict == "valid" { ExitCode::SUCCESS } else { ExitCode::from(1) }
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn report(args: &Args) -> Result<Report> {
    let unpacked = Unpacked::is_bundle(&args.path).then(|| Unpacked::open(&args.path)).transpose()?;
    let path = unpacked.as_ref().map_or(args.path.as_path(), Unpacked::journal);
    let (directory, files) = segments_of(path)?;
    let mut keys = verifiers(&args.keys)?;
    if keys.is_empty() {
        keys = key::verifiers(directory)?;
        // Whoever made a bundle chose the keys in it: it proves something only against a key from elsewhere.
        let shown = if unpacked.is_some() { args.path.as_path() } else { directory };
        eprintln!("note: no --key given; trusting the keys in {}", shown.join(KEY_FOLDER).display());
    }
    if keys.is_empty() {
        bail!("no verifier key: give one with --key");
    }
    let witnesses = verifiers(&args.witnesses)?;
    let mut verification = Verification::new(keys);
    for path in &args.checkpoints {
        let note = read(path, SMALL_FILE_BYTES_MAX)?;
        verification.save(&note, &witnesses).map_err(|what| anyhow::anyhow!("{}: {what}", path.display()))?;
    }
    for path in files {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        verification.segment(&name, &read(&path, SEGMENT_BYTES_MAX)?);
    }
    Ok(verification.finish())
}

/// The journal's directory and the segments that are meant by the path of one or of the other.
fn segments_of(path: &Path) -> Result<(&Path, Vec<PathBuf>)> {
    if std::fs::metadata(path).with_context(|| path.display().to_string())?.is_dir() {
        return Ok((path, lapwing_journal::segment_files(path)?));
    }
    Ok((path.parent().unwrap_or(Path::new(".")), vec![path.to_owned()]))
}

fn verifiers(texts: &[String]) -> Result<Vec<Verifier>> {
    let one = |text: &String| {
        let path = Path::new(text);
        if path.is_file() { Ok(key::read_verifier(path)?) } else { Verifier::parse(text).map_err(anyhow::Error::msg) }
    };
    texts.iter().map(one).collect()
}

fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>> {
    let shown = || path.display().to_string();
    let length = std::fs::metadata(path).with_context(shown)?.len();
    if length > bytes_max {
        bail!("{}: {length} bytes, more than {bytes_max}", path.display());
    }
    std::fs::read(path).with_context(shown)
}

fn print(report: &Report, json: bool) {
    if json {
        println!("{}", serde_json::to_string(report).unwrap_or_default());
        return;
    }
    for segment in &report.segments {
        let r = &segment.records;
        println!(
            "{} ({}): {} verified, {} erased, {} removed, {} altered, {} missing, {} not covered by a signature yet",
            segment.file, segment.state, r.verified, r.erased, r.removed, r.altered, r.missing, r.uncovered
        );
    }
    for problem in &report.problems {
        let position = problem.position.map(|p| format!(", record {p}")).unwrap_or_default();
        println!("{}: byte {}{position}: {}", problem.file, problem.offset, meaning(&problem.what));
    }
    println!("{}", report.verdict);
}

fn meaning(what: &str) -> &str {
    match what {
        "record" => "this record is not as it was signed; do not use it, the rest stands",
        "interval" => "the records before this checkpoint are not those that were signed, from the record named on",
        "structure" => "bytes that the journal does not write here; look for a fault of the disk",
        "missing" => "records that were signed are not there; look for another copy",
        "fork" => "two genuine signatures contradict each other: the key is stolen",
        "chain" => "not the segment that follows on the one before; look for the missing one",
        "unsigned" => "nothing in it is signed by the key: give the right key",
        "absent" => "the segment of a kept checkpoint is not here; look for it",
        other => other,
    }
}

/// `lapwing key`.
pub(crate) fn key(args: &KeyArgs) -> Result<()> {
    match &args.what {
        KeyCommand::Show { directory } => {
            key::open(directory)?;
            for verifier in key::verifiers(directory)? {
                println!("{verifier}");
            }
            Ok(())
        }
        KeyCommand::Rotate { directory } => rotate(directory),
    }
}

fn rotate(directory: &Path) -> Result<()> {
    // The lock first: a running server holds it.
    let mut journal = Journal::open(directory, Options::default())?;
    let key = journal.change_key(directory, crate::live::clock())?;
    journal.close()?;
    println!("{key}");
    Ok(())
}
