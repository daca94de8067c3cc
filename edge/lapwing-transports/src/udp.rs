//! UDP: one datagram is one reception, one message is one datagram.

use crate::address::{ListenAddress, Peer};
use crate::mailbox::Mailbox;
use crate::outbox::Outbox;
use crate::supervise::{self, Attempt, Task};
use crate::{ConfigTable, Transport};
use lapwing_model::{Envelope, Link};
use serde::Deserialize;
use socket2::SockRef;
use std::sync::Arc;
use tokio::net::UdpSocket;

/// UDP.
pub(crate) const TRANSPORT: Transport = Transport {
    name: "udp",
    summary: "UDP datagrams, one message each.",
    input: Some(open_input),
    output: Some(open_output),
    sample_input: "listen = \"127.0.0.1:47001\"   # where datagrams arrive\n",
    sample_output: "to = \"127.0.0.1:47002\"       # where each message is sent as one datagram\n",
};

/// The largest payload of a UDP datagram over IPv4.
const DATAGRAM_MAX: usize = 65_507;
/// Asked of the kernel for what arrives while the task is busy; it gives what its own limit allows.
const SOCKET_BUFFER_BYTES: usize = 4 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InputConfig {
    listen: ListenAddress,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutputConfig {
    to: Peer,
}

fn open_input(table: ConfigTable<'_>, mailbox: Mailbox) -> Result<Task, toml::de::Error> {
    let config: InputConfig = crate::read(table)?;
    Ok(supervise::input(mailbox, move |mailbox| receive(config.listen, mailbox)))
}

async fn receive(listen: ListenAddress, mailbox: Mailbox) -> Attempt {
    let socket = UdpSocket::bind(listen.0).await.map_err(|e| format!("cannot listen on {}: {e}", listen.0))?;
    // A smaller buffer than asked for is no reason to stay deaf.
    let _ = SockRef::from(&socket).set_recv_buffer_size(SOCKET_BUFFER_BYTES);
    mailbox.link(Link::Up);
    let mut buffer = vec![0; DATAGRAM_MAX + 1];
    loop {
        match socket.recv(&mut buffer).await {
            Ok(length) => {
                let bytes = buffer.get(..length).unwrap_or_default().to_vec();
                mailbox.offer(Envelope::Datagram, bytes);
            }
            // Another machine's "port unreachable" for something sent earlier; nothing is wrong here.
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionRefused => {}
            Err(e) => return Err(format!("receiving on {}: {e}", listen.0)),
        }
    }
}

fn open_output(table: ConfigTable<'_>, outbox: Outbox) -> Result<Task, toml::de::Error> {
    let config: Arc<OutputConfig> = Arc::new(crate::read(table)?);
    Ok(supervise::output(outbox, move |outbox| send(Arc::clone(&config), outbox)))
}

async fn send(config: Arc<OutputConfig>, outbox: Outbox) -> Attempt {
    let to = &config.to;
    let target = tokio::net::lookup_host((to.host(), to.port()))
        .await
        .map_err(|e| format!("cannot find {to}: {e}"))?
        .next()
        .ok_or_else(|| format!("{to} has no address"))?;
    let any = if target.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).await.map_err(|e| format!("cannot open a socket: {e}"))?;
    socket.connect(target).await.map_err(|e| format!("cannot send to {to}: {e}"))?;
    outbox.link(Link::Up);
    while let Some(message) = outbox.take().await {
        if message.len() > DATAGRAM_MAX {
            outbox.lost("message larger than a datagram");
            continue;
        }
        match socket.send(&message).await {
            Ok(_) => {
                outbox.sent();
                outbox.link(Link::Up);
            }
            Err(e) => {
                // The error may belong to an earlier datagram; a listener that appears later gets the later ones.
                outbox.lost("not taken by the network");
                outbox.down(format!("sending to {to}: {e}"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
