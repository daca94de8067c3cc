//! Files: an input reads one once or follows it as it grows; an output appends to one. No TLS, no peers, but rotation.

use crate::mailbox::Mailbox;
use crate::outbox::Outbox;
use crate::supervise::{self, Attempt, Task};
use crate::{ConfigTable, Delimiter, Transport};
use lapwing_model::Link;
use serde::Deserialize;
use std::fs::Metadata;
use std::io::SeekFrom;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

/// Files.
pub(crate) const TRANSPORT: Transport = Transport {
    name: "file",
    summary: "Reads a file once, or follows it as it grows, across rotation and truncation; appends messages to a file \
              or to the standard output.",
    input: Some(open_input),
    output: Some(open_output),
    sample_input: "\
path = \"/var/log/sensor.log\"
follow = true        # wait for more at the end, as `tail -F` does (default false: read once)
from = \"start\"       # when following: start (default), or end: only what is written from now on
",
    sample_output: "\
path = \"/var/log/lapwing/events.jsonl\"  # \"-\" is the standard output
delimiter = \"newline\"   # what stands after each message: newline (default) or none
",
};

const READ_BYTES: usize = 64 << 10;
/// How often a followed file is looked at.
const POLL: Duration = Duration::from_millis(100);

#[derive(Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum From {
    #[default]
    Start,
    End,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InputConfig {
    path: PathBuf,
    #[serde(default)]
    follow: bool,
    #[serde(default)]
    from: From,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutputConfig {
    path: PathBuf,
    #[serde(default)]
    delimiter: Delimiter,
}

fn open_input(table: ConfigTable<'_>, mailbox: Mailbox) -> Result<Task, toml::de::Error> {
    let config: Arc<InputConfig> = Arc::new(crate::read(table)?);
    Ok(supervise::input(mailbox, move |mailbox| {
        let config = Arc::clone(&config);
        async move { if config.follow { follow(&config, mailbox).await } else { once(&config.path, mailbox).await } }
    }))
}

async fn once(path: &Path, mailbox: Mailbox) -> Attempt {
    let mut file = open(path).await?;
    mailbox.link(Link::Up);
    let (mut stream, _replies) = mailbox.stream();
    let mut buffer = vec![0; READ_BYTES];
    let end = loop {
        match file.read(&mut buffer).await {
            Ok(0) => break Ok(()),
            Ok(length) => {
                if !stream.piece(buffer.get(..length).unwrap_or_default()).await {
                    break Ok(());
                }
            }
            Err(e) => break Err(format!("reading {}: {e}", path.display())),
        }
    };
    stream.end().await;
    end
}

async fn open(path: &Path) -> Result<File, String> {
    File::open(path).await.map_err(|e| format!("cannot read {}: {e}", path.display()))
}

/// Which file it is, whatever its name.
fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

async fn follow(config: &InputConfig, mailbox: Mailbox) -> Attempt {
    let path = &config.path;
    let failed = |e| format!("reading {}: {e}", path.display());
    let mut from = config.from;
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let mut file = open(path).await?;
        let opened = identity(&file.metadata().await.map_err(failed)?);
        let mut at = match from {
            From::Start => 0,
            From::End => file.seek(SeekFrom::End(0)).await.map_err(failed)?,
        };
        // What takes the file's place is read from its start.
        from = From::Start;
        mailbox.link(Link::Up);
        let (mut stream, _replies) = mailbox.stream();
        let mut replaced = false;
        let end = loop {
            let length = match file.read(&mut buffer).await {
                Ok(length) => length,
                Err(e) => break Err(failed(e)),
            };
            if length > 0 {
                at += length as u64;
                if !stream.piece(buffer.get(..length).unwrap_or_default()).await {
                    return Ok(());
                }
                continue;
            }
            // Nothing more in the old file, looked at after another one had taken its name: now it is done.
            if replaced {
                break Ok(());
            }
            match tokio::fs::metadata(path).await {
                Ok(now) if identity(&now) != opened => {
                    replaced = true;
                    continue;
                }
                // Cut short by its writer: what is in it now is new.
                Ok(now) if now.len() < at => break Ok(()),
                Ok(_) => mailbox.link(Link::Up),
                Err(e) => mailbox.down(format!("{} is gone: {e}", path.display())),
            }
            tokio::time::sleep(POLL).await;
        };
        stream.end().await;
        end?;
    }
}

fn open_output(table: ConfigTable<'_>, outbox: Outbox) -> Result<Task, toml::de::Error> {
    let config: Arc<OutputConfig> = Arc::new(crate::read(table)?);
    Ok(supervise::output(outbox, move |outbox| append(Arc::clone(&config), outbox)))
}

async fn append(config: Arc<OutputConfig>, outbox: Outbox) -> Attempt {
    if config.path.as_os_str() == "-" {
        return print(&config, outbox).await;
    }
    let path = &config.path;
    let failed = |e| format!("cannot write {}: {e}", path.display());
    let mut file = open_to_append(path, config.delimiter).await.map_err(failed)?;
    outbox.link(Link::Up);
    while let Some(message) = outbox.take().await {
        // Whoever rotates files renames or removes this one; the next message begins a new one.
        let here = identity(&file.metadata().await.map_err(failed)?);
        if !tokio::fs::metadata(path).await.is_ok_and(|named| identity(&named) == here) {
            file = open_to_append(path, config.delimiter).await.map_err(failed)?;
        }
        file.write_all(&config.delimiter.after(message)).await.map_err(failed)?;
        file.flush().await.map_err(failed)?;
        outbox.sent();
    }
    Ok(())
}

async fn open_to_append(path: &Path, delimiter: Delimiter) -> std::io::Result<File> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).await?;
    // A line that an earlier end cut in the middle must not swallow the next one.
    if delimiter == Delimiter::Newline && file.metadata().await?.is_file() && file.metadata().await?.len() > 0 {
        file.seek(SeekFrom::End(-1)).await?;
        if file.read_u8().await? != b'\n' {
            file.write_all(b"\n").await?;
        }
    }
    Ok(file)
}

async fn print(config: &OutputConfig, outbox: Outbox) -> Attempt {
    let mut out = tokio::io::stdout();
    let failed = |e| format!("cannot write to the standard output: {e}");
    outbox.link(Link::Up);
    while let Some(message) = outbox.take().await {
        out.write_all(&config.delimiter.after(message)).await.map_err(failed)?;
        out.flush().await.map_err(failed)?;
        outbox.sent();
    }
    Ok(())
}

#[cfg(test)]
mod tests;
