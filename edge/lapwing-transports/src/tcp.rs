//! TCP: a byte stream in either direction. An input connects to a sensor or listens for sensors; an output connects.

use crate::address::{ListenAddress, Peer, seconds_or_none};
use crate::mailbox::{Mailbox, Stream};
use crate::outbox::Outbox;
use crate::supervise::{self, Attempt, Task};
use crate::{ConfigTable, Delimiter, Transport};
use bytes::Bytes;
use lapwing_model::{Link, limits};
use serde::Deserialize;
use socket2::{SockRef, TcpKeepalive};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// TCP.
pub(crate) const TRANSPORT: Transport = Transport {
    name: "tcp",
    summary: "A TCP byte stream: connects to a sensor or listens for sensors; connects to send.",
    input: Some(open_input),
    output: Some(open_output),
    sample_input: "\
connect = \"127.0.0.1:30005\"  # the sensor's server; or, for sensors that connect to Lapwing:
# listen = \"127.0.0.1:30004\" # loopback only
silence_s = 30               # connect anew when nothing arrived for so long; absent: wait for ever
",
    sample_output: "\
connect = \"127.0.0.1:5000\"   # where to send
delimiter = \"newline\"        # what stands after each message: newline (default) or none
",
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
const READ_BYTES: usize = 64 << 10;
/// After an error of `accept`, so that one that lasts does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawInput {
    connect: Option<Peer>,
    listen: Option<ListenAddress>,
    #[serde(default, deserialize_with = "seconds_or_none")]
    silence_s: Option<Duration>,
}

#[derive(Clone, Deserialize)]
#[serde(try_from = "RawInput")]
struct InputConfig {
    end: InputEnd,
    silence: Option<Duration>,
}

#[derive(Clone)]
enum InputEnd {
    Connect(Peer),
    Listen(ListenAddress),
}

impl TryFrom<RawInput> for InputConfig {
    type Error = &'static str;
    fn try_from(raw: RawInput) -> Result<Self, Self::Error> {
        let end = match (raw.connect, raw.listen) {
            (Some(peer), None) => InputEnd::Connect(peer),
            (None, Some(address)) => InputEnd::Listen(address),
            (Some(_), Some(_)) => return Err("`connect` and `listen` exclude each other: give one of them"),
            (None, None) => {
                return Err("give `connect` (Lapwing calls the sensor) or `listen` (the sensor calls Lapwing)");
            }
        };
        Ok(Self { end, silence: raw.silence_s })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutputConfig {
    connect: Peer,
    #[serde(default)]
    delimiter: Delimiter,
}

fn open_input(table: ConfigTable<'_>, mailbox: Mailbox) -> Result<Task, toml::de::Error> {
    let config: InputConfig = crate::read(table)?;
    Ok(supervise::input(mailbox, move |mailbox| {
        let config = config.clone();
        async move {
            match config.end {
                InputEnd::Connect(peer) => client(peer, config.silence, mailbox).await,
                InputEnd::Listen(address) => listener(address, config.silence, mailbox).await,
            }
        }
    }))
}

async fn connect(peer: &Peer) -> Result<TcpStream, String> {
    let stream = timeout(CONNECT_TIMEOUT, TcpStream::connect((peer.host(), peer.port())))
        .await
        .map_err(|_| format!("no answer from {peer} within {} s", CONNECT_TIMEOUT.as_secs()))?
        .map_err(|e| format!("cannot connect to {peer}: {e}"))?;
    keep_alive(&stream);
    Ok(stream)
}

/// Lets the kernel notice a peer that vanished without a word (power cut, pulled cable) within about half a minute.
fn keep_alive(stream: &TcpStream) {
    let probe =
        TcpKeepalive::new().with_time(Duration::from_secs(10)).with_interval(Duration::from_secs(5)).with_retries(4);
    // Without it the connection works all the same.
    let _ = SockRef::from(stream).set_tcp_keepalive(&probe);
    let _ = stream.set_nodelay(true);
}

async fn client(peer: Peer, silence: Option<Duration>, mailbox: Mailbox) -> Attempt {
    let tcp = connect(&peer).await?;
    mailbox.link(Link::Up);
    let (stream, replies) = mailbox.stream();
    Err(format!("{peer}: {}", serve(tcp, stream, replies, silence).await))
}

async fn listener(address: ListenAddress, silence: Option<Duration>, mailbox: Mailbox) -> Attempt {
    let listener = TcpListener::bind(address.0).await.map_err(|e| format!("cannot listen on {}: {e}", address.0))?;
    mailbox.link(Link::Up);
    let mut tasks: JoinSet<String> = JoinSet::new();
    loop {
        // Those beyond it wait in the kernel's queue until one ends.
        let room = tasks.len() < limits::CONNECTIONS_PER_INPUT_MAX;
        tokio::select! {
            Some(ended) = tasks.join_next() => match ended {
                Ok(why) => tracing::debug!(input = %mailbox.input(), why, "connection ended"),
                Err(error) => tracing::error!(input = %mailbox.input(), %error, "connection failed inside"),
            },
            accepted = listener.accept(), if room => match accepted {
                Ok((tcp, _)) => {
                    keep_alive(&tcp);
                    let (stream, replies) = mailbox.stream();
                    tasks.spawn(serve(tcp, stream, replies, silence));
                }
                // Out of file descriptors, or a peer that was gone before it was accepted: the others go on.
                Err(error) => {
                    tracing::warn!(input = %mailbox.input(), %error, "cannot accept");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
}

/// Serves one connection until it ends; says why it ended.
async fn serve(
    tcp: TcpStream,
    mut stream: Stream,
    replies: mpsc::Receiver<Bytes>,
    silence: Option<Duration>,
) -> String {
    let (reader, writer) = tcp.into_split();
    let why = tokio::select! {
        why = read(reader, &mut stream, silence) => why,
        why = write(writer, replies) => why,
    };
    stream.end().await;
    why
}

async fn read(mut reader: OwnedReadHalf, stream: &mut Stream, silence: Option<Duration>) -> String {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let read = match silence {
            Some(silence) => match timeout(silence, reader.read(&mut buffer)).await {
                Ok(read) => read,
                Err(_) => return format!("nothing arrived for {} s", silence.as_secs_f64()),
            },
            None => reader.read(&mut buffer).await,
        };
        match read {
            Ok(0) => return "the peer closed the connection".into(),
            Ok(length) => {
                if !stream.piece(buffer.get(..length).unwrap_or_default()).await {
                    return "nobody receives".into();
                }
            }
            Err(e) => return e.to_string(),
        }
    }
}

async fn write(mut writer: OwnedWriteHalf, mut replies: mpsc::Receiver<Bytes>) -> String {
    while let Some(bytes) = replies.recv().await {
        match timeout(WRITE_TIMEOUT, writer.write_all(&bytes)).await {
            Ok(Ok(())) => {}
            Ok(Err(e)) => return e.to_string(),
            Err(_) => return "the peer does not take replies".into(),
        }
    }
    // No more replies can come; the reading half says when the connection ends.
    std::future::pending().await
}

fn open_output(table: ConfigTable<'_>, outbox: Outbox) -> Result<Task, toml::de::Error> {
    let config: Arc<OutputConfig> = Arc::new(crate::read(table)?);
    Ok(supervise::output(outbox, move |outbox| send(Arc::clone(&config), outbox)))
}

async fn send(config: Arc<OutputConfig>, outbox: Outbox) -> Attempt {
    let peer = &config.connect;
    let (mut reader, mut writer) = connect(peer).await?.into_split();
    outbox.link(Link::Up);
    let mut ignored = vec![0; READ_BYTES];
    loop {
        let message = tokio::select! {
            message = outbox.take() => message,
            // Reading is the only way to learn that the peer is gone before a message is lost on it.
            read = reader.read(&mut ignored) => match read {
                Ok(0) => return Err(format!("{peer}: the peer closed the connection")),
                Ok(_) => continue,
                Err(e) => return Err(format!("{peer}: {e}")),
            },
        };
        let Some(message) = message else { break };
        let bytes = config.delimiter.after(message);
        match timeout(WRITE_TIMEOUT, writer.write_all(&bytes)).await {
            Ok(Ok(())) => outbox.sent(),
            Ok(Err(e)) => return Err(format!("{peer}: {e}")),
            Err(_) => return Err(format!("{peer}: takes nothing for {} s", WRITE_TIMEOUT.as_secs())),
        }
    }
    // What was written may still be on its way; an orderly end lets it arrive.
    let _ = timeout(WRITE_TIMEOUT, writer.shutdown()).await;
    Ok(())
}

#[cfg(test)]
mod tests;
