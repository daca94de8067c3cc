//! A journal played again: from its beginning, or from any instant by the nearest snapshot before it.

use super::{Args, Player};
use crate::capture::parse_time;
use crate::decoders::Decoders;
use crate::line::Line;
use crate::snapshot::Folder;
use crate::steps::{Step, Steps, ahead};
use anyhow::{anyhow, bail};
use lapwing_journal::{Entry, Reader};
use lapwing_model::{Position, Time};
use std::path::Path;

/// Where a replay begins to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    Position(Position),
    Time(Time),
}

impl From {
    /// A journal position (a number) or a time (RFC 3339).
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        if let Ok(position) = text.parse() {
            return Ok(Self::Position(Position(position)));
        }
        let time = parse_time(text);
        time.map(Self::Time).ok_or_else(|| anyhow!("--from: `{text}` is neither a journal position nor a time"))
    }

    fn reached(self, position: Position, at: Time) -> bool {
        match self {
            Self::Position(first) => position >= first,
            Self::Time(first) => at >= first,
        }
    }
}

pub(super) fn play(
    journal: &Path,
    player: &mut Player,
    args: &Args,
    runtime: &tokio::runtime::Runtime,
) -> anyhow::Result<()> {
    // What is recorded anew is not held against what was recorded: there may be nothing.
    player.compare = player.record.is_none();
    let from = args.from.as_deref().map(From::parse).transpose()?;
    let origin = origin(journal, from)?;
    player.quiet = from.is_some();
    let (first, decoders) = match origin {
        Some((position, line)) => {
            if from.is_none() {
                eprintln!("note: the journal begins within a run; it is played from the snapshot of {}", line.now());
            }
            let (line, decoders) = line.split();
            player.show(line.picture().site(), line.now(), args, runtime)?;
            player.line = Some(line);
            (position, decoders)
        }
        None => (Position(0), Decoders::default()),
    };
    let steps = Steps::new(journal, first, decoders)?.keeping_entries(player.record.is_some());
    if args.threads > 1 {
        play_steps(ahead(steps), from, player, args, runtime)?;
    } else {
        play_steps(steps, from, player, args, runtime)?;
    }
    if player.quiet {
        bail!("--from: the journal ends before that");
    }
    Ok(())
}

/// The nearest snapshot before `from`; without it none, but for a journal whose first entries are gone.
fn origin(journal: &Path, from: Option<From>) -> anyhow::Result<Option<(Position, Line)>> {
    if !journal.is_dir() {
        return Ok(None);
    }
    let folder = Folder::of(journal);
    let mut positions = folder.positions()?;
    let first = first_entry(journal)?;
    let (begins, fresh) = match &first {
        Some((position, Entry::Site { resumed: None, .. })) => (*position, true),
        Some((position, _)) => (*position, false),
        None => return Ok(None),
    };
    positions.retain(|position| *position >= begins);
    if from.is_none() {
        if fresh {
            return Ok(None);
        }
        positions.reverse();
    }
    for position in positions {
        let stored = match folder.read(position) {
            Ok(stored) => stored,
            Err(why) => {
                eprintln!("warning: {why}");
                continue;
            }
        };
        if from.is_some_and(|from| from != From::Position(position) && from.reached(position, stored.at)) {
            continue;
        }
        match Line::restore(&stored.state) {
            Ok(line) => return Ok(Some((position, line))),
            Err(error) => eprintln!("warning: snapshot {}: {error:#}", position.0),
        }
    }
    Ok(None)
}

fn first_entry(journal: &Path) -> anyhow::Result<Option<(Position, Entry)>> {
    let first = Reader::open(journal)?.flatten().next();
    Ok(first.map(|(position, _, entry)| (position, entry)))
}

fn play_steps(
    steps: impl Iterator<Item = anyhow::Result<Step>>,
    from: Option<From>,
    player: &mut Player,
    args: &Args,
    runtime: &tokio::runtime::Runtime,
) -> anyhow::Result<()> {
    for step in steps {
        match step? {
            Step::Gone(why) => player.gone(&why),
            Step::Warning(text) => eprintln!("warning: {text}"),
            // A start with an empty picture: a new run.
            Step::Begin { at, position, site, version } => {
                if version != env!("CARGO_PKG_VERSION") {
                    eprintln!(
                        "warning: written by version {version}, replayed by {}: events may differ",
                        env!("CARGO_PKG_VERSION")
                    );
                }
                player.end_run(args)?;
                player.show(&site, at, args, runtime)?;
                player.line = Some(Line::without_decoders(*site, at, position));
            }
            Step::Told { at, position, line } => {
                player.listen(from.is_none_or(|from| from.reached(position, at)));
                // What a deadline brought between two entries is in the journal only as this event.
                player.tick(at)?;
                if player.compare {
                    player.compare(&line);
                }
            }
            Step::Input { at, position, input, stop, entry } => {
                player.listen(from.is_none_or(|from| from.reached(position, at)));
                player.stopped = stop;
                let position = match &entry {
                    Some(entry) => player.recorded(at, Some(position), entry)?.unwrap_or(position),
                    None => position,
                };
                player.take_decoded(at, position, input)?;
            }
        }
    }
    Ok(())
}
